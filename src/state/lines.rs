//! A journal as text: how its lines are written, and how much of what is read is good.
//!
//! ```json
//! {"sum":"1f0c33a9","journal":1,"state":"<uuid>","serial":41}
//! {"sum":"77d0e2b4","serial":42,"entry":{"entry":"creating",…}}
//! {"sum":"0b9aa1c6","serial":43,"entry":{"entry":"created",…}}
//! ```
//!
//! A sum is over the rest of its line. The first line says which state the entries were begun with, each other one the serial
//! that the state has once its entry is folded in: a line that was lost, doubled or moved is noticed.

use serde::{Deserialize, Serialize};

use super::{Entry, hash::sha256};

/// The version of the journal's format that this `infra` writes.
pub(super) const JOURNAL_VERSION: u64 = 1;

const OPENING: &str = "{\"sum\":\"";
const SUM_LENGTH: usize = 8;

/// Which state a journal belongs to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Header {
    #[serde(rename = "journal")]
    pub(super) version: u64,
    #[serde(rename = "state")]
    pub(super) uuid: String,
    pub(super) serial: u64,
}

/// What is good in a journal.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// Nothing where not even the first line was finished: then nothing was ever recorded in it.
    pub(super) header: Option<Header>,
    pub(super) entries: Vec<Entry>,
    /// The first line that was finished and makes no sense; nothing after it is used.
    pub(super) bad: Option<Bad>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bad {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) problem: String,
}

#[derive(Deserialize)]
struct Line {
    serial: u64,
    entry: Entry,
}

#[derive(Serialize)]
struct LineRef<'a> {
    serial: u64,
    entry: &'a Entry,
}

pub(super) fn header(uuid: &str, serial: u64) -> String {
    line(&Header { version: JOURNAL_VERSION, uuid: uuid.to_owned(), serial })
}

pub(super) fn entry(serial: u64, entry: &Entry) -> String {
    line(&LineRef { serial, entry })
}

fn line(content: &impl Serialize) -> String {
    let json = serde_json::to_string(content).expect("an entry is plain data");
    let rest = &json[1..];
    format!("{OPENING}{}\",{rest}\n", sum(rest))
}

fn sum(rest: &str) -> String {
    let mut sum = sha256(rest.as_bytes());
    sum.truncate(SUM_LENGTH);
    sum
}

/// Reads all that is good.
///
/// A last line without an end is what a crash in the middle of a write leaves: whoever wrote it was never told that it is on
/// disk and has not acted on it, so it counts as not written.
pub(super) fn read(bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for (n, line) in bytes.split_inclusive(|it| *it == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        if let Err(problem) = contents.take(line) {
            contents.bad = Some(Bad { line: n + 1, problem });
            break;
        }
    }
    contents
}

impl Contents {
    /// The serial of the state once all entries are folded in.
    pub(super) fn serial(&self) -> u64 {
        self.header.as_ref().map_or(0, |it| it.serial) + self.entries.len() as u64
    }

    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let json = checked(line).ok_or("its checksum is wrong")?;
        if self.header.is_none() {
            self.header = Some(serde_json::from_str(&json).map_err(|it| format!("it does not say which state it is for: {it}"))?);
            return Ok(());
        }
        let Line { serial, entry } = serde_json::from_str(&json).map_err(|it| format!("it is no entry: {it}"))?;
        if serial != self.serial() + 1 {
            return Err(format!("it is number {serial}, where {} was due", self.serial() + 1));
        }
        self.entries.push(entry);
        Ok(())
    }
}

/// The JSON of a line without its sum, if the sum is right.
fn checked(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix(OPENING)?;
    let (written, rest) = line.split_at_checked(SUM_LENGTH)?;
    let rest = rest.strip_prefix("\",")?;
    (sum(rest) == written).then(|| format!("{{{rest}"))
}

#[cfg(test)]
mod tests;
