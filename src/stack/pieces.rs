//! Text with `${…}` in it, cut into its pieces.

use std::ops::Range;

use cel::parser::pratt_parser::{Lexer, TokenKind};

/// One piece of a text.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// What stands between the braces, in bytes of the text.
    Expression(Range<usize>),
    /// An expression whose end is missing, from its `${` on.
    Unclosed(Range<usize>),
}

/// Cuts a text; `$${` stands for `${`.
pub(super) fn cut(text: &str) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut literal = String::new();
    let mut from = 0;
    while let Some(found) = text[from..].find("${") {
        let start = from + found;
        if text[from..start].ends_with('$') {
            literal.push_str(&text[from..start]);
            literal.push('{');
            from = start + 2;
            continue;
        }
        literal.push_str(&text[from..start]);
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        let Some(length) = end_of(&text[start + 2..]) else {
            pieces.push(Piece::Unclosed(start..text.len()));
            return pieces;
        };
        pieces.push(Piece::Expression(start + 2..start + 2 + length));
        from = start + 2 + length + 1;
    }
    literal.push_str(&text[from..]);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    pieces
}

/// Where the brace stands that closes an expression begun before this text.
pub(super) fn end_of(text: &str) -> Option<usize> {
    // Nearly all expressions are names and dots.
    let simple = text.bytes().position(|it| !(it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b' ')))?;
    if text.as_bytes()[simple] == b'}' {
        return Some(simple);
    }
    let mut lexer = Lexer::new(text);
    let mut depth = 0_usize;
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokLeftBrace => depth += 1,
            TokenKind::TokRightBrace if depth == 0 => return Some(token.start),
            TokenKind::TokRightBrace => depth -= 1,
            TokenKind::TokEnd => return None,
            // An open quote takes all that follows; the brace before it closes the expression well enough to say so.
            TokenKind::TokError if token.end >= text.len() => return text[token.start..].find('}').map(|it| token.start + it),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_expressions() {
        let shown = |text: &str| {
            let show = |piece: &Piece| match piece {
                Piece::Text(it) => format!("{it:?}"),
                Piece::Expression(span) => format!("<{}>", &text[span.clone()]),
                Piece::Unclosed(span) => format!("!{}", &text[span.clone()]),
            };
            cut(text).iter().map(show).collect::<Vec<_>>().join(" ")
        };
        for (text, expected) in [
            ("", ""),
            ("plain $5 {x}", r#""plain $5 {x}""#),
            ("${a.b}", "<a.b>"),
            ("x-${a}-${b}y", r#""x-" <a> "-" <b> "y""#),
            ("$${aws:username}", r#""${aws:username}""#),
            ("a$$${b}", r#""a$${b}""#),
            ("${ {'a': 1}['a'] } b", r#"< {'a': 1}['a'] > " b""#),
            (r#"${a + "}" + '}'}"#, r#"<a + "}" + '}'>"#),
            ("${a", "!${a"),
            ("x ${a + {", r#""x " !${a + {"#),
            ("${'a}", "<'a>"),
            ("${ä}", "<ä>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
