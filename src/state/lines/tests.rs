//! Journals to texts and back.

use super::super::testing::*;
use super::*;

fn entries() -> Vec<Entry> {
    vec![creating("op", "a"), created("op", "vpc-1"), recorded("a", "vpc-1"), deleted("a", "vpc-1")]
}

fn text() -> Vec<String> {
    let lines = entries().iter().enumerate().map(|(n, it)| entry(42 + n as u64, it)).collect::<Vec<_>>();
    [vec![header("5e1f", 41)], lines].concat()
}

fn read_text(lines: &[String]) -> Contents {
    read(lines.concat().as_bytes())
}

#[test]
fn what_was_written_is_read() {
    let header = Header { version: 1, uuid: "5e1f".to_owned(), serial: 41 };
    let contents = read_text(&text());
    assert_eq!(contents.serial(), 45);
    assert_eq!(contents, Contents { header: Some(header), entries: entries(), bad: None });
}

#[test]
fn lines_are_json() {
    assert_eq!(header("5e1f", 41), "{\"sum\":\"48f018ae\",\"journal\":1,\"state\":\"5e1f\",\"serial\":41}\n");
    for line in text() {
        assert!(serde_json::from_str::<serde_json::Value>(&line).expect("JSON").is_object());
    }
}

#[test]
fn a_torn_line_counts_as_not_written() {
    let lines = text();
    for keep in 1..=lines.len() {
        let whole = lines[..keep - 1].concat();
        let last = &lines[keep - 1];
        for cut in 0..last.len() {
            let contents = read(format!("{whole}{}", &last[..cut]).as_bytes());
            assert_eq!(contents.bad, None, "line {keep} cut at {cut}");
            assert_eq!(contents.header.is_some(), keep > 1);
            assert_eq!(contents.entries, entries()[..keep.saturating_sub(2)], "line {keep} cut at {cut}");
        }
    }
}

#[test]
fn a_tail_of_zeros_counts_as_not_written() {
    let contents = read(&[text()[..2].concat().into_bytes(), vec![0; 4096]].concat());
    assert_eq!((contents.entries.len(), contents.bad), (1, None));
}

#[test]
fn a_changed_byte_ends_what_is_good() {
    let lines = text();
    let start = lines[..2].concat().len();
    for n in 0..lines[2].len() {
        let mut bytes = lines.concat().into_bytes();
        bytes[start + n] ^= 1;
        let contents = read(&bytes);
        assert_eq!(contents.entries, entries()[..1], "byte {n}");
        assert_eq!(contents.bad.map(|it| it.line), Some(3), "byte {n}");
    }
}

#[test]
fn bad_lines_are_described() {
    let check = |lines: &[String], good: usize, line: usize, problem: &str| {
        let contents = read_text(lines);
        assert_eq!((contents.entries.len(), contents.bad), (good, Some(Bad { line, problem: problem.to_owned() })));
    };
    let t = text();
    check(&[t[0].clone(), t[2].clone()], 0, 2, "it is number 43, where 42 was due");
    check(&[t[0].clone(), t[1].clone(), t[1].clone()], 1, 3, "it is number 42, where 43 was due");
    check(&[t[0].clone(), "\n".to_owned(), t[1].clone()], 0, 2, "its checksum is wrong");
    check(&[t[1].clone()], 0, 1, "it does not say which state it is for: missing field `journal` at line 1 column 227");
    check(&[t[0].clone(), t[0].clone()], 0, 2, "it is no entry: missing field `entry` at line 1 column 40");
    check(&[t[0].clone(), "\u{e9}\u{e9}\u{e9}\n".to_owned()], 0, 2, "its checksum is wrong");
    // The sum must not be cut in the middle of a character.
    check(&[t[0].clone(), format!("{OPENING}1234567\u{e9}\",\n")], 0, 2, "its checksum is wrong");
}
