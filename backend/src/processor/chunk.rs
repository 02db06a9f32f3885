//! Text in pieces that fit the embedding model, cut where a reader would pause, each beginning with the end of the one before.

/// Takes text as it arrives and gives chunks as they are full.
pub(super) struct Chunker {
    target: usize,
    overlap: usize,
    buffer: String,
    characters: usize,
    /// How many characters of the buffer are the end of the previous chunk.
    repeated: usize,
}

impl Chunker {
    pub(super) fn new(target: usize, overlap: usize) -> Self {
        let target = target.max(50);
        Self { target, overlap: overlap.min(target / 2), buffer: String::new(), characters: 0, repeated: 0 }
    }

    /// Adds text; full chunks go to `out`.
    pub(super) fn push(&mut self, text: &str, out: &mut Vec<String>) {
        for character in text.chars() {
            // PostgreSQL has no NUL in a text.
            if character == '\0' || character == '\r' {
                continue;
            }
            self.buffer.push(character);
            self.characters += 1;
            // Waits for a bit more than a chunk, so that the best place to cut can be behind the target's last sentence.
            if self.characters >= self.target {
                self.cut(out);
            }
        }
    }

    /// Gives what is left.
    pub(super) fn finish(&mut self, out: &mut Vec<String>) {
        if self.characters > self.repeated {
            emit(&self.buffer, out);
        }
        self.buffer.clear();
        (self.characters, self.repeated) = (0, 0);
    }

    fn cut(&mut self, out: &mut Vec<String>) {
        let end = best_cut(&self.buffer, self.target / 2);
        emit(&self.buffer[..end], out);
        let overlap = self.buffer[..end].char_indices().rev().nth(self.overlap.saturating_sub(1)).map_or(end, |(index, _)| index);
        let start = if self.overlap == 0 { end } else { next_word(&self.buffer, overlap, end) };
        self.repeated = self.buffer[start..end].chars().count();
        self.buffer.drain(..start);
        self.characters = self.buffer.chars().count();
    }
}

fn emit(text: &str, out: &mut Vec<String>) {
    let text = text.trim();
    if !text.is_empty() {
        out.push(text.to_owned());
    }
}

/// The last good place after the first `least` characters: the end of a paragraph, else of a line, a sentence, a word.
fn best_cut(text: &str, least: usize) -> usize {
    let from = text.char_indices().nth(least).map_or(0, |(index, _)| index);
    let tail = &text[from..];
    let after = |found: Option<usize>, length: usize| found.map(|index| from + index + length);
    let sentence = tail.char_indices().rev().find(|(index, c)| match c {
        '。' | '！' | '？' | '；' => true,
        '.' | '!' | '?' => tail[index + 1..].starts_with(char::is_whitespace),
        _ => false,
    });
    after(tail.rfind("\n\n"), 2)
        .or_else(|| after(tail.rfind('\n'), 1))
        .or_else(|| sentence.map(|(index, c)| from + index + c.len_utf8()))
        .or_else(|| {
            tail.char_indices()
                .rev()
                .find(|(_, c)| c.is_whitespace() || matches!(c, '，' | '、'))
                .map(|(index, c)| from + index + c.len_utf8())
        })
        .unwrap_or(text.len())
}

/// An overlap begins with a word where there are words.
fn next_word(text: &str, start: usize, end: usize) -> usize {
    text[start..end].char_indices().find(|(_, c)| c.is_whitespace()).map_or(start, |(index, c)| start + index + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &str, target: usize, overlap: usize, piece: usize) -> Vec<String> {
        let mut chunker = Chunker::new(target, overlap);
        let mut out = Vec::new();
        let characters: Vec<char> = text.chars().collect();
        for part in characters.chunks(piece) {
            chunker.push(&part.iter().collect::<String>(), &mut out);
        }
        chunker.finish(&mut out);
        out
    }

    #[test]
    fn cuts_at_sentences_and_repeats_a_little() {
        let text = "The first sentence is here. The second one follows it. A third one ends the text.";
        assert_eq!(
            chunks(text, 60, 12, 7),
            ["The first sentence is here. The second one follows it.", "follows it. A third one ends the text."]
        );
    }

    #[test]
    fn chinese_has_no_spaces() {
        let text = "員工任職滿六個月可享三日特休。".repeat(10);
        let out = chunks(&text, 60, 10, 1);
        assert!(out.iter().all(|chunk| chunk.chars().count() <= 60 && chunk.ends_with('。')), "{out:?}");
    }

    #[test]
    fn every_character_is_in_a_chunk_and_the_end_is_always_reached() {
        for text in ["x".repeat(1000), "word ".repeat(300), "\n".repeat(500), "字".repeat(777), "a\0b".into(), String::new()] {
            let out = chunks(&text, 50, 25, 64);
            let total: usize = out.iter().map(|chunk| chunk.chars().filter(|c| !c.is_whitespace()).count()).sum();
            let expected = text.chars().filter(|c| !c.is_whitespace() && *c != '\0').count();
            assert!(total >= expected && total <= expected * 3, "{total} of {expected}");
            assert!(out.iter().all(|chunk| !chunk.contains('\0') && chunk.chars().count() <= 50));
        }
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = "One. Two, three! 四、五。\n\nSix seven eight nine ten. ".repeat(20);
        assert_eq!(chunks(&text, 80, 20, 1), chunks(&text, 80, 20, 4096));
    }
}
