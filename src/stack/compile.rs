//! The text of an expression to an [`Expr`]: parsed as CEL, every name resolved, every field checked.
//!
//! The `cel` crate parses. Its interpreter is not used: it knows no places, orders maps anew in every run, puts values into
//! its error texts and cannot carry what is unknown or secret through a calculation. Tests compare the two.

use std::{ops::Range, sync::Arc};

use cel::{
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr as Ast, IdedExpr, LiteralValue, SourceInfo, operators},
    parser::{
        PrattParser,
        pratt_parser::{Lexer, TokenKind},
    },
};

use super::{
    expression::{Expr, ExprKind, Fault, Loop, LoopKind, Operator, Type},
    functions,
    names::{Names, Sight, is_cel_word},
};
use crate::{resource::schema::Kind, value::Value};

/// How deep an expression may nest, and how much may be in it. The CEL parser recurses, so this is checked before it runs.
const DEPTH: usize = 30;
const TOKENS: usize = 600;
/// How deep the tree of an expression may be, which a chain of operators makes deep too.
const LEVELS: usize = 60;

/// Compiles one expression; what is wrong with it is added to the faults.
pub(super) fn compile<'a>(text: &str, names: &Names<'a>, sight: Sight, faults: &mut Vec<Fault>) -> (Expr, Type<'a>) {
    let mut compiler = Compiler { names, sight, text, locals: vec![], level: 0, info: None, faults };
    let typed = match compiler.path() {
        Some(typed) => typed,
        None => compiler.cel(),
    };
    compiler.value(typed)
}

pub(super) struct Compiler<'a, 'n> {
    pub(super) names: &'n Names<'a>,
    pub(super) sight: Sight,
    pub(super) text: &'n str,
    pub(super) locals: Vec<(String, Type<'a>)>,
    level: usize,
    /// The places of the nodes of the tree.
    info: Option<Arc<SourceInfo>>,
    faults: &'n mut Vec<Fault>,
}

pub(super) type Typed<'a> = (Expr, Type<'a>);

impl<'a> Compiler<'a, '_> {
    /// Names and dots and constant keys, without the parser: nearly all expressions are this.
    fn path(&mut self) -> Option<Typed<'a>> {
        let bytes = self.text.as_bytes();
        let name = |from: usize| {
            let starts = bytes.get(from).is_some_and(|it| it.is_ascii_alphabetic() || *it == b'_');
            let end = from + bytes[from..].iter().take_while(|it| it.is_ascii_alphanumeric() || **it == b'_').count();
            (starts && !is_cel_word(&self.text[from..end])).then_some(end)
        };
        let begin = bytes.iter().take_while(|it| **it == b' ').count();
        let stop = self.text.trim_end_matches(' ').len();
        let mut steps = vec![];
        let root = begin..name(begin)?;
        let mut at = root.end;
        while at < stop {
            match bytes[at] {
                b'.' => {
                    let end = name(at + 1)?;
                    steps.push((at + 1..end, false));
                    at = end;
                }
                b'[' => {
                    let quote = *bytes.get(at + 1).filter(|it| matches!(it, b'"' | b'\''))?;
                    let length = bytes[at + 2..].iter().position(|it| *it == quote)?;
                    let key = at + 2..at + 2 + length;
                    if self.text[key.clone()].contains(['\\', '\n', '\r']) || key.is_empty() || bytes.get(key.end + 1) != Some(&b']') {
                        return None;
                    }
                    at = key.end + 2;
                    steps.push((key, true));
                }
                _ => return None,
            }
        }
        if steps.len() > LEVELS {
            return None;
        }
        let mut typed = self.root(&self.text[root.clone()], &root);
        for (part, key) in steps {
            let written = &self.text[part.clone()];
            typed = if key {
                let span = typed.0.span.start..part.end + 2;
                let inner = part.start - 1..part.end + 1;
                self.index(typed, (Expr { kind: ExprKind::Constant(Value::from(written)), span: inner }, Type::Text), span)
            } else {
                self.select(typed, written, &part)
            };
        }
        Some(typed)
    }

    /// Anything else, through the CEL parser.
    fn cel(&mut self) -> Typed<'a> {
        let broken = || (Expr { kind: ExprKind::Broken, span: 0..0 }, Type::Any);
        if self.text.trim().is_empty() {
            self.faults.push(
                Fault::new(&(0..self.text.len()), "an empty expression", "nothing between the braces")
                    .help("write `$${}` if the text itself is meant"),
            );
            return broken();
        }
        if let Some(fault) = self.policy_variable().or_else(|| self.scan()) {
            self.faults.push(fault);
            return broken();
        }
        let parser = || PrattParser::new().max_recursion_depth(2 * DEPTH as u16);
        match parser().parse(self.text) {
            Ok(tree) => {
                // Only its errors carry the places of the nodes, so one is provoked behind the end.
                self.info =
                    parser().parse(&format!("{}\n)", self.text)).err().and_then(|it| it.errors.into_iter().find_map(|it| it.source_info));
                self.lower(&tree)
            }
            Err(errors) => {
                let Some(error) = errors.errors.into_iter().next() else { return broken() };
                let at = offset(self.text, error.pos);
                let end = at + self.text[at..].chars().next().map_or(0, char::len_utf8);
                let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
                let message = match message.strip_prefix("mismatched input ").and_then(|it| it.rsplit_once(" expecting ")) {
                    Some((found, wanted)) => {
                        let name = |it: &str| match it {
                            "<EOF>" | "'<EOF>'" | "''" => "the end".to_owned(),
                            "expression" => "a value".to_owned(),
                            it => format!("`{}`", it.strip_prefix('\'').and_then(|it| it.strip_suffix('\'')).unwrap_or(it)),
                        };
                        format!("found {} instead of {}", name(found), name(wanted))
                    }
                    None => message.to_owned(),
                };
                self.faults.push(
                    Fault::new(&(at..end), "not a valid expression", message).help("expressions are written in CEL: https://cel.dev"),
                );
                broken()
            }
        }
    }

    /// `${aws:username}` is a variable of IAM, not of this language.
    fn policy_variable(&self) -> Option<Fault> {
        let (service, rest) = self.text.split_once(':')?;
        let named =
            |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.' | b'/' | b':'));
        let looks = named(service) && service.as_bytes()[0].is_ascii_alphabetic() && named(rest.split([',', '}']).next()?.trim_end());
        looks.then(|| Fault {
            escape: true,
            ..Fault::new(&(0..self.text.len()), "not a valid expression", "looks like a variable of IAM policies")
                .help(format!("write `$${{{}}}` to keep it as text for AWS", self.text))
        })
    }

    /// What the parser would choke on.
    fn scan(&self) -> Option<Fault> {
        let mut lexer = Lexer::new(self.text);
        let (mut depth, mut questions, mut tokens) = (0_usize, 0_usize, 0_usize);
        loop {
            let token = lexer.lex();
            let span = token.start..token.end;
            match token.kind {
                TokenKind::TokEnd => return None,
                TokenKind::TokError => {
                    let why = lexer.get_error().map_or_else(|| "not a token".to_owned(), |it| it.message.clone());
                    // The lexer goes by bytes.
                    let end = (span.end..=self.text.len()).find(|it| self.text.is_char_boundary(*it)).unwrap_or(span.start);
                    let span = span.start..end;
                    return Some(Fault::new(&span, "not a valid expression", why).help("expressions are written in CEL: https://cel.dev"));
                }
                TokenKind::TokWhitespace | TokenKind::TokComment => continue,
                TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => depth += 1,
                TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => depth = depth.saturating_sub(1),
                TokenKind::TokQuestion => questions += 1,
                _ => {}
            }
            tokens += 1;
            if depth > DEPTH || questions > DEPTH || tokens > TOKENS {
                return Some(too_large(&span));
            }
        }
    }

    /// A node that has to be data.
    fn operand(&mut self, tree: &IdedExpr) -> Typed<'a> {
        let typed = self.lower(tree);
        self.value(typed)
    }

    fn lower(&mut self, tree: &IdedExpr) -> Typed<'a> {
        if self.level == LEVELS {
            let fault = too_large(&self.token(tree.id));
            return self.fault(fault);
        }
        self.level += 1;
        let typed = self.node(tree);
        self.level -= 1;
        typed
    }

    fn node(&mut self, tree: &IdedExpr) -> Typed<'a> {
        let token = self.token(tree.id);
        match &tree.expr {
            Ast::Literal(literal) => {
                let (value, ty) = match literal {
                    LiteralValue::Null => (Value::Null, Type::Null),
                    LiteralValue::Boolean(it) => (Value::Bool(*it.inner()), Type::Bool),
                    LiteralValue::Int(it) => (Value::Int(*it.inner()), Type::Int),
                    LiteralValue::UInt(it) => match i64::try_from(*it.inner()) {
                        Ok(it) => (Value::Int(it), Type::Int),
                        Err(_) => {
                            return self.fault(
                                Fault::new(&token, "a number that is too large", "does not fit into 64 bits")
                                    .help("from -2^63 to 2^63 - 1"),
                            );
                        }
                    },
                    LiteralValue::Double(it) => (Value::Float(*it.inner()), Type::Float),
                    LiteralValue::String(it) => (Value::from(it.inner()), Type::Text),
                    LiteralValue::Bytes(_) => {
                        return self.fault(
                            Fault::new(&token, "bytes are not supported", "no property takes them")
                                .help("write text, or `base64_decode(…)`"),
                        );
                    }
                };
                (Expr { kind: ExprKind::Constant(value), span: token }, ty)
            }
            Ast::Ident(name) => self.root(name, &token),
            Ast::Select(select) => {
                let of = self.lower(&select.operand);
                let skip =
                    self.text[token.end.min(self.text.len())..].len() - self.text[token.end.min(self.text.len())..].trim_start().len();
                let field = token.end + skip..(token.end + skip + select.field.len()).min(self.text.len());
                if !select.test {
                    return self.select(of, &select.field, &field);
                }
                let span = of.0.span.start..of.0.span.end;
                match of.1 {
                    // Whether something is declared is known now.
                    Type::Root(_) | Type::Lookup(_) | Type::Instance(_) | Type::Several(_) | Type::Each => {
                        let (expr, _) = self.select(of, &select.field, &field);
                        let span = expr.span.clone();
                        let null = Expr { kind: ExprKind::Constant(Value::Null), span: span.clone() };
                        (Expr { kind: ExprKind::Binary(Operator::NotEqual, Box::new(expr), Box::new(null)), span }, Type::Bool)
                    }
                    _ => {
                        let (of, _) = self.value(of);
                        (Expr { kind: ExprKind::Has(Box::new(of), select.field.clone()), span }, Type::Bool)
                    }
                }
            }
            Ast::Call(call) => self.call(call, &token),
            Ast::List(list) => {
                let items: Vec<_> = list.elements.iter().map(|it| self.operand(it)).collect();
                let span = span_of(&items, &token);
                let ty = items.first().map_or(Type::Any, |(_, ty)| ty.clone());
                let ty = if items.iter().all(|(_, it)| std::mem::discriminant(it) == std::mem::discriminant(&ty)) { ty } else { Type::Any };
                let items = items.into_iter().map(|it| it.0).collect();
                (Expr { kind: ExprKind::List(items), span }, Type::List(Box::new(ty)))
            }
            Ast::Map(map) => {
                let mut entries = vec![];
                let mut span = token;
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let (key, _) = self.operand(&entry.key);
                    let (value, _) = self.operand(&entry.value);
                    span.end = span.end.max(value.span.end);
                    entries.push((key, value));
                }
                (Expr { kind: ExprKind::Map(entries), span }, Type::Map)
            }
            Ast::Comprehension(it) => self.comprehension(it, &token),
            Ast::Struct(_) => {
                self.fault(Fault::new(&token, "not a valid expression", "a message type").help("write a map: `{'key': value}`"))
            }
            Ast::Unspecified => self.fault(Fault::new(&token, "not a valid expression", "makes no sense")),
        }
    }

    fn comprehension(&mut self, it: &ComprehensionExpr, token: &Range<usize>) -> Typed<'a> {
        // The parser has written the macros out; the first value and the step tell them apart.
        let call = |it: &'_ IdedExpr, name: &str| -> Option<CallExpr> {
            match &it.expr {
                Ast::Call(call) if call.func_name == name => Some(call.clone()),
                _ => None,
            }
        };
        let collected = |step: &IdedExpr| {
            let list = call(step, operators::ADD)?.args.pop()?;
            match list.expr {
                Ast::List(mut list) => list.elements.pop(),
                _ => None,
            }
        };
        let step = &it.loop_step;
        let found = match &it.accu_init.expr {
            Ast::Literal(LiteralValue::Boolean(init)) => {
                let all = *init.inner();
                let name = if all { operators::LOGICAL_AND } else { operators::LOGICAL_OR };
                let body = call(step, name).and_then(|mut it| it.args.pop());
                body.map(|it| (if all { LoopKind::All } else { LoopKind::Exists }, Some(it), None))
            }
            Ast::Literal(LiteralValue::Int(_)) => {
                call(step, operators::CONDITIONAL).and_then(|it| it.args.into_iter().next()).map(|it| (LoopKind::ExistsOne, Some(it), None))
            }
            Ast::List(_) => match call(step, operators::CONDITIONAL) {
                Some(chosen) if chosen.args.len() == 3 => {
                    collected(&chosen.args[1]).map(|body| (LoopKind::Collect, Some(body), chosen.args.into_iter().next()))
                }
                _ => collected(step).map(|body| (LoopKind::Collect, Some(body), None)),
            },
            _ => None,
        };
        let Some((kind, body, filter)) = found else {
            return self.fault(Fault::new(token, "not a valid expression", "an unknown kind of loop"));
        };
        let (over, ty) = self.lower(&it.iter_range);
        let item = match ty {
            Type::Several(resource) | Type::Instances(resource) => Type::Instance(resource),
            Type::List(item) => *item,
            Type::Map | Type::Root(_) => Type::Text,
            Type::Data(types, schema) => match &types.resolve(schema).kind {
                Kind::List { item, .. } => Type::Data(types, item),
                Kind::Map(_) | Kind::Object(_) => Type::Text,
                Kind::Free => Type::Any,
                other => {
                    let label = format!("is {}", super::values::describe(other));
                    return self.fault(Fault::new(&over.span, "a loop over something that is no list", label));
                }
            },
            Type::Any => Type::Any,
            Type::Instance(resource) => {
                let name = self.name_of(resource).to_owned();
                return self.fault(Fault::new(&over.span, "a loop over a single resource", format!("`{name}` has no `for_each`")));
            }
            other => {
                let label = format!("is {}", other.describe());
                return self.fault(Fault::new(&over.span, "a loop over something that is no list", label));
            }
        };
        self.locals.push((it.iter_var.clone(), item.clone()));
        let filter = filter.map(|it| self.operand(&it).0);
        let (body, ty) = match body {
            // A filter yields the items themselves.
            Some(IdedExpr { expr: Ast::Ident(name), .. }) if kind == LoopKind::Collect && filter.is_some() && name == it.iter_var => {
                (None, item)
            }
            Some(body) => {
                let (body, ty) = self.operand(&body);
                (Some(body), ty)
            }
            None => (None, Type::Any),
        };
        self.locals.pop();
        let ty = match (kind, ty) {
            (LoopKind::Collect, Type::Instance(resource)) => Type::Instances(resource),
            (LoopKind::Collect, ty) => Type::List(Box::new(ty)),
            _ => Type::Bool,
        };
        let end = body.iter().chain(&filter).map(|it| it.span.end).max().unwrap_or(token.end);
        let span = over.span.start..self.after(end, b')');
        (Expr { kind: ExprKind::Loop(Box::new(Loop { kind, over, filter, body })), span }, ty)
    }

    fn call(&mut self, call: &CallExpr, token: &Range<usize>) -> Typed<'a> {
        let operator = match call.func_name.as_str() {
            operators::ADD => Some(Operator::Add),
            operators::SUBSTRACT => Some(Operator::Subtract),
            operators::MULTIPLY => Some(Operator::Multiply),
            operators::DIVIDE => Some(Operator::Divide),
            operators::MODULO => Some(Operator::Remainder),
            operators::EQUALS => Some(Operator::Equal),
            operators::NOT_EQUALS => Some(Operator::NotEqual),
            operators::LESS => Some(Operator::Less),
            operators::LESS_EQUALS => Some(Operator::LessEqual),
            operators::GREATER => Some(Operator::Greater),
            operators::GREATER_EQUALS => Some(Operator::GreaterEqual),
            operators::IN => Some(Operator::In),
            _ => None,
        };
        match (operator, call.func_name.as_str(), call.args.as_slice()) {
            (Some(operator), _, [left, right]) => {
                let (left, right) = (self.lower(left), self.lower(right));
                self.binary(operator, left, right)
            }
            (_, operators::INDEX, [of, key]) => {
                let (of, key) = (self.lower(of), self.lower(key));
                let span = of.0.span.start..self.after(key.0.span.end, b']');
                let (key, ty) = self.value(key);
                self.index(of, (key, ty), span)
            }
            (_, operators::CONDITIONAL, [condition, yes, no]) => {
                let [(condition, _), (yes, yes_type), (no, no_type)] = [condition, yes, no].map(|it| self.operand(it));
                let same = std::mem::discriminant(&yes_type) == std::mem::discriminant(&no_type);
                let ty = match (&yes_type, &no_type) {
                    (_, Type::Null) => yes_type,
                    (Type::Null, _) => no_type,
                    _ if same && !matches!(yes_type, Type::Data(..) | Type::List(_)) => yes_type,
                    _ => Type::Any,
                };
                let span = condition.span.start..no.span.end;
                (Expr { kind: ExprKind::If(Box::new([condition, yes, no])), span }, ty)
            }
            (_, operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                let [left, right] = [left, right].map(|it| Box::new(self.operand(it).0));
                let span = left.span.start..right.span.end;
                let kind = if call.func_name == operators::LOGICAL_AND { ExprKind::And(left, right) } else { ExprKind::Or(left, right) };
                (Expr { kind, span }, Type::Bool)
            }
            (_, operators::LOGICAL_NOT | operators::NEGATE, [of]) => {
                let (of, ty) = self.operand(of);
                let span = token.start..of.span.end;
                if call.func_name == operators::NEGATE {
                    (Expr { kind: ExprKind::Negate(Box::new(of)), span }, ty)
                } else {
                    (Expr { kind: ExprKind::Not(Box::new(of)), span }, Type::Bool)
                }
            }
            _ => self.function(call, token),
        }
    }

    fn binary(&mut self, operator: Operator, left: Typed<'a>, right: Typed<'a>) -> Typed<'a> {
        let span = left.0.span.start..right.0.span.end;
        let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        // Whether a resource is switched off can be asked.
        let asks = |one: &Type<'_>, other: &Type<'_>| equality && matches!(one, Type::Instance(_)) && matches!(other, Type::Null);
        let exempt = asks(&left.1, &right.1) || asks(&right.1, &left.1);
        let (left, right) = match (exempt, operator, &right.1) {
            (true, ..) => (left, right),
            (_, Operator::In, Type::Several(_)) => (self.value(left), right),
            _ => (self.value(left), self.value(right)),
        };
        let ty = match operator {
            Operator::Add => match (&left.1, &right.1) {
                (Type::Text, _) | (_, Type::Text) => Type::Text,
                (Type::Int, Type::Int) => Type::Int,
                (Type::List(_), Type::List(_)) => left.1.clone(),
                _ => Type::Any,
            },
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => match (&left.1, &right.1) {
                (Type::Int, Type::Int) => Type::Int,
                _ => Type::Any,
            },
            _ => Type::Bool,
        };
        (Expr { kind: ExprKind::Binary(operator, Box::new(left.0), Box::new(right.0)), span }, ty)
    }

    fn function(&mut self, call: &CallExpr, token: &Range<usize>) -> Typed<'a> {
        let name = &call.func_name;
        let mut arguments: Vec<Typed<'a>> = call.target.iter().map(|it| self.lower(it)).collect();
        let method = !arguments.is_empty();
        arguments.extend(call.args.iter().map(|it| self.lower(it)).collect::<Vec<_>>());
        // The node's token is the bracket or the name; the name stands before the bracket.
        let named = if self.text[token.clone()].starts_with('(') {
            let end = self.text[..token.start].trim_end().len();
            end.saturating_sub(name.len())..end
        } else {
            token.start..(token.start + name.len()).min(self.text.len())
        };
        let named = if self.text.get(named.clone()) == Some(name.as_str()) { named } else { token.clone() };
        let start = if method { arguments[0].0.span.start } else { named.start };
        let last = arguments.iter().map(|it| it.0.span.end).max().unwrap_or(0).max(named.end).max(token.end);
        let span = start..self.after(last, b')');
        let Some(function) = functions::find(name) else {
            if name == "has" {
                return self
                    .fault(Fault::new(&span, "not a valid expression", "`has` asks for a field").help("write `has(vars.settings.name)`"));
            }
            let names = functions::names().collect::<Vec<_>>();
            let fault =
                Fault::new(&named, format!("there is no function `{name}`"), "unknown").suggest(name, names.iter().copied(), "functions");
            return self.fault(fault);
        };
        let (least, most) = function.arity();
        if arguments.len() < least || arguments.len() > most {
            let wanted = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            let fault = Fault::new(&span, format!("`{name}` takes {wanted} arguments"), format!("has {}", arguments.len()));
            return self.fault(fault.help(format!("{}: {}", function.signature, function.doc)));
        }
        let resources = function.takes_resources && matches!(arguments[0].1, Type::Several(_) | Type::Instances(_));
        let arguments: Vec<Expr> =
            arguments.into_iter().enumerate().map(|(n, it)| if n == 0 && resources { it.0 } else { self.value(it).0 }).collect();
        let kind = if name == "coalesce" { ExprKind::Coalesce(arguments) } else { ExprKind::Call(function, arguments) };
        (Expr { kind, span }, function.result())
    }

    pub(super) fn fault(&mut self, fault: Fault) -> Typed<'a> {
        let span = fault.span.clone();
        self.faults.push(fault);
        (Expr { kind: ExprKind::Broken, span }, Type::Any)
    }

    pub(super) fn name_of(&self, resource: usize) -> &str {
        self.names.resources.get_index(resource).map_or("", |it| it.0)
    }

    /// The token that a node of the tree was made for.
    fn token(&self, id: u64) -> Range<usize> {
        let whole = 0..self.text.len();
        let Some((start, end)) = self.info.as_ref().and_then(|it| it.offset_for(id)) else { return whole };
        let span = start as usize..end as usize;
        if self.text.get(span.clone()).is_some() { span } else { whole }
    }

    /// The place after the bracket that comes next.
    fn after(&self, from: usize, bracket: u8) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        let skipped = rest.iter().take_while(|it| it.is_ascii_whitespace()).count();
        if rest.get(skipped) == Some(&bracket) { from + skipped + 1 } else { from }
    }
}

fn too_large(span: &Range<usize>) -> Fault {
    Fault::new(span, "an expression that is too large", "gets too deep or too long here").help("split it up, with `vars` for its parts")
}

/// From a token to the end of the last of several parts.
fn span_of(items: &[Typed<'_>], token: &Range<usize>) -> Range<usize> {
    token.start..items.last().map_or(token.end, |it| it.0.span.end).max(token.end)
}

/// The byte that a line and column of the parser's errors stand for.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let (line, column) = (usize::try_from(line).unwrap_or(0), usize::try_from(column).unwrap_or(0));
    if line == 0 {
        return 0;
    }
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
