//! Small things that all texts are made of: colours, widths, durations, lists of names.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use anstyle::{AnsiColor, Effects, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const GOOD_BOLD: Style = GOOD.effects(Effects::BOLD);
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const BAD_BOLD: Style = BAD.effects(Effects::BOLD);
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const WARN_BOLD: Style = WARN.effects(Effects::BOLD);
pub(super) const HINT: Style = AnsiColor::Cyan.on_default();
pub(super) const HINT_BOLD: Style = HINT.effects(Effects::BOLD);
pub(super) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(super) const DIM: Style = Style::new().effects(Effects::DIMMED);

pub(super) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// The columns that a text takes up, its colours not counted.
pub(super) fn width(text: &str) -> usize {
    if text.contains('\x1b') { anstream::adapter::strip_str(text).map(str::width).sum() } else { text.width() }
}

/// The text with spaces behind it up to a width.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{:missing$}", "")
}

/// The beginning of a text without colours, as much as fits.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut taken = 0;
    let mut kept = String::new();
    for letter in text.chars() {
        taken += letter.width().unwrap_or(0);
        if taken + 1 > columns {
            break;
        }
        kept.push(letter);
    }
    kept.push('…');
    Cow::Owned(kept)
}

/// The text with everything made visible that would move the cursor, change colours or reorder what is shown.
///
/// Values come from files and from the cloud, where others may have written them.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hidden) { Cow::Owned(expose(text, |_| false)) } else { Cow::Borrowed(text) }
}

/// The same, with line ends left as they are.
pub(super) fn clean_lines(text: &str) -> Cow<'_, str> {
    let hidden = |letter: char| is_hidden(letter) && letter != '\n';
    if text.chars().any(hidden) { Cow::Owned(expose(text, |letter| letter == '\n')) } else { Cow::Borrowed(text) }
}

fn expose(text: &str, keep: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len() + 8), |mut shown, letter| {
        if keep(letter) || !is_hidden(letter) {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_default());
        }
        shown
    })
}

/// Control characters, and those that change the direction of writing or join letters without a trace.
pub(super) fn is_hidden(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A duration as it was measured: `0.4s`, `12s`, `1m20s`, `1h02m`.
pub fn duration(it: Duration) -> String {
    let seconds = it.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", it.as_millis() as f64 / 1000.0),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A duration as it is guessed: `a few seconds`, `40 s`, `4 min`, `1 h 30 min`.
pub fn rough(it: Duration) -> String {
    let seconds = it.as_secs_f64();
    if seconds < 8.0 {
        return "a few seconds".to_owned();
    }
    if seconds < 55.0 {
        return format!("{} s", ((seconds / 5.0).round() * 5.0) as u64);
    }
    let minutes = (seconds / 60.0).round() as u64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// `1 step`, `2 steps`, `4,231 steps`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", thousands(number)),
    }
}

pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `a`, `a and b`, `a, b and c`; of many only the first `most` and how many more.
pub(super) fn names<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let (shown, more) = if names.len() > most { (&names[..most], names.len() - most) } else { (names, 0) };
    let mut text = String::new();
    for (n, name) in shown.iter().enumerate() {
        if n > 0 {
            text.push_str(if more == 0 && n + 1 == shown.len() { " and " } else { ", " });
        }
        text.push_str(name.as_ref());
    }
    if more > 0 {
        let _ = write!(text, " and {} more", thousands(more));
    }
    text
}

/// Text broken at its spaces; words longer than a line stay whole, so that they can be copied.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![];
    for paragraph in text.lines() {
        let words = paragraph.trim_start();
        let mut line = paragraph[..paragraph.len() - words.len()].to_owned();
        let mut first = true;
        for word in words.split(' ') {
            if !first && width(&line) + 1 + width(word) > columns {
                lines.push(std::mem::take(&mut line));
            } else if !first {
                line.push(' ');
            }
            first = false;
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_they_are_known() {
        for (millis, measured, guessed) in [
            (0, "0.0s", "a few seconds"),
            (2_240, "2.2s", "a few seconds"),
            (12_900, "12s", "15 s"),
            (54_000, "54s", "55 s"),
            (62_000, "1m02s", "1 min"),
            (240_000, "4m00s", "4 min"),
            (3_600_000, "1h00m", "1 h"),
            (5_400_000, "1h30m", "1 h 30 min"),
        ] {
            let it = Duration::from_millis(millis);
            assert_eq!((duration(it).as_str(), rough(it).as_str()), (measured, guessed));
        }
    }

    #[test]
    fn numbers_and_lists_read_like_prose() {
        assert_eq!(count(1, "mistake"), "1 mistake");
        assert_eq!(count(4_231, "mistake"), "4,231 mistakes");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(names(&["a"], 3), "a");
        assert_eq!(names(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(names(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }

    #[test]
    fn width_knows_wide_letters_and_colours() {
        assert_eq!(width(&paint(BAD, "日本")), 4);
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(pad("日本", 6), "日本  ");
    }

    #[test]
    fn what_could_deceive_is_made_visible() {
        assert_eq!(clean("a\x1b[31m\u{202e}b\n"), "a\\u{1b}[31m\\u{202e}b\\n");
        assert_eq!(clean_lines("a\r\nb"), "a\\r\nb");
    }

    #[test]
    fn long_text_is_broken_at_spaces_only() {
        assert_eq!(wrap("  one two three", 9), ["  one two", "three"]);
        assert_eq!(wrap("one two arn:aws:iam::123456789012:role/x four", 12), ["one two", "arn:aws:iam::123456789012:role/x", "four"]);
    }
}
