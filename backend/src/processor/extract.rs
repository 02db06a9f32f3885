//! Text out of a file, in a process of its own.
//!
//! A file may be made to exhaust or crash its reader. So the program starts itself again as a reader without any of its
//! secrets, with a limit on memory and on processor time that the kernel enforces, and takes the text from its output.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use quick_xml::events::Event;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::Instant;

use super::{Format, pdf};
use crate::config::Processing;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file's fault; the text is for the person who uploaded it.
    #[error("{0}")]
    Unreadable(String),
    /// Not the file's fault.
    #[error("the reader cannot be started: {0}")]
    Broken(std::io::Error),
}

fn unreadable(reason: impl Into<String>) -> ReadError {
    ReadError::Unreadable(reason.into())
}

/// The text of a file while it is being read.
pub struct Text {
    child: Child,
    output: ChildStdout,
    errors: ChildStderr,
    /// For which the reader may still be waited. The time that its text waits for somebody else is not its own.
    patience: Duration,
    left: u64,
    limit: u64,
    partial: Vec<u8>,
}

/// Starts to read a file.
pub async fn read(path: &Path, format: Format, settings: &Processing) -> Result<Text, ReadError> {
    let seconds = settings.reader_timeout.as_secs().max(1);
    let mut child = Command::new(program().map_err(ReadError::Broken)?)
        .arg("read")
        .args([format.word(), &settings.reader_memory.to_string(), &seconds.to_string(), &settings.text_bytes.to_string()])
        .arg(path)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(ReadError::Broken)?;
    let output = child.stdout.take().expect("it was asked for");
    let errors = child.stderr.take().expect("it was asked for");
    let patience = settings.reader_timeout + Duration::from_secs(1);
    Ok(Text { child, output, errors, patience, left: settings.text_bytes, limit: settings.text_bytes, partial: Vec::new() })
}

/// This program, also after its file was replaced by a newer one.
fn program() -> std::io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() { Ok(own) } else { std::env::current_exe() }
}

impl Text {
    /// The next piece; `None` after the last one of a file that could be read to its end.
    pub async fn next(&mut self) -> Result<Option<String>, ReadError> {
        let mut buffer = vec![0; 64 * 1024];
        let length = wait(&mut self.patience, self.output.read(&mut buffer)).await?.map_err(ReadError::Broken)?;
        if length == 0 {
            return self.end().await.map(|()| None);
        }
        self.left =
            self.left.checked_sub(length as u64).ok_or_else(|| unreadable(format!("its text is longer than {} bytes", self.limit)))?;
        self.partial.extend_from_slice(&buffer[..length]);
        // A piece may end in the middle of a character.
        let whole = match std::str::from_utf8(&self.partial) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(unreadable("it could not be read")),
        };
        let rest = self.partial.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.partial, rest)).expect("it was checked");
        Ok(Some(text))
    }

    /// The reader's last word.
    async fn end(&mut self) -> Result<(), ReadError> {
        let mut reason = String::new();
        let mut last_words = (&mut self.errors).take(2000);
        let said = wait(&mut self.patience, last_words.read_to_string(&mut reason)).await?;
        let status = wait(&mut self.patience, self.child.wait()).await?.map_err(ReadError::Broken)?;
        match status.code() {
            Some(0) if self.partial.is_empty() => Ok(()),
            Some(0) => Err(unreadable("it could not be read")),
            Some(UNREADABLE) if said.is_ok() => Err(unreadable(reason.trim())),
            // A reader that is out of memory or time is ended by the kernel, by a signal.
            _ => {
                tracing::warn!(%status, reason, "the reader was ended");
                Err(unreadable("it could not be read: it is damaged, or needs more memory or time than a document may take"))
            }
        }
    }
}

/// Waits for the reader as long as there is patience left.
async fn wait<T>(patience: &mut Duration, what: impl Future<Output = T>) -> Result<T, ReadError> {
    let begun = Instant::now();
    let result = tokio::time::timeout(*patience, what).await.map_err(|_| unreadable("reading it took too long"));
    *patience = patience.saturating_sub(begun.elapsed());
    result
}

const UNREADABLE: i32 = 3;

/// The reader itself: `backend read FORMAT MEMORY SECONDS TEXT_BYTES PATH`.
pub fn main(arguments: &[String]) -> ExitCode {
    let [format, memory, seconds, text_bytes, path] = arguments else { return ExitCode::from(2) };
    let numbers = (memory.parse(), seconds.parse(), text_bytes.parse());
    let (Some(format), (Ok(memory), Ok(seconds), Ok(text_bytes))) = (Format::of_word(format), numbers) else { return ExitCode::from(2) };
    for (resource, limit) in [(Resource::As, memory), (Resource::Cpu, seconds), (Resource::Core, 0), (Resource::Fsize, 0)] {
        if setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).is_err() {
            return ExitCode::from(2);
        }
    }
    // What a library prints of a panic is of no use to the person who uploaded the file.
    std::panic::set_hook(Box::new(|_| {}));
    let output = Output { inner: std::io::stdout().lock(), left: text_bytes };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| extract(Path::new(path), format, output)));
    let reason = match result {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it is damaged".into(),
    };
    let _ = writeln!(std::io::stderr(), "{reason}");
    ExitCode::from(u8::try_from(UNREADABLE).expect("a small number"))
}

/// Counts what is written: one byte more than allowed tells the other side that it was too much.
struct Output<W> {
    inner: W,
    left: u64,
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let allowed = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX).min(bytes.len());
        if allowed == 0 {
            return Err(std::io::Error::other("its text is too long"));
        }
        let written = self.inner.write(&bytes[..allowed])?;
        self.left = self.left.saturating_sub(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

pub(super) type Extracted = Result<(), Box<dyn std::error::Error>>;

fn extract(path: &Path, format: Format, mut output: impl Write) -> Extracted {
    match format {
        Format::Text | Format::Markdown => text(path, &mut output)?,
        Format::Html => html(path, &mut output)?,
        Format::Docx => docx(path, &mut output)?,
        Format::Pdf => pdf::text(path, &mut output)?,
    }
    Ok(output.flush()?)
}

/// Decodes whatever encoding the text is in: older documents here are in Big5.
fn text(path: &Path, output: &mut impl Write) -> Extracted {
    let encoding = encoding_of(path)?;
    let mut decoder = encoding.new_decoder();
    let mut file = BufReader::with_capacity(64 * 1024, std::fs::File::open(path)?);
    let mut decoded = String::with_capacity(256 * 1024);
    let (mut characters, mut wrong) = (0, 0);
    loop {
        let piece = file.fill_buf()?;
        let (length, last) = (piece.len(), piece.is_empty());
        let (_, read, replaced) = decoder.decode_to_string(piece, &mut decoded, last);
        // The buffer holds three bytes for each of the input's, which is the most that decoding needs.
        file.consume(read.min(length));
        characters += decoded.chars().count();
        wrong += if replaced { decoded.matches('\u{fffd}').count() } else { 0 };
        output.write_all(decoded.as_bytes())?;
        decoded.clear();
        if last {
            break;
        }
    }
    if wrong * 20 > characters { Err("it is not a text in any known encoding".into()) } else { Ok(()) }
}

fn encoding_of(path: &Path) -> std::io::Result<&'static Encoding> {
    let mut file = std::fs::File::open(path)?;
    let mut head = vec![0; 1024 * 1024];
    let mut length = 0;
    loop {
        match file.read(&mut head[length..])? {
            0 => break,
            read => length += read,
        }
    }
    if let Some((encoding, _)) = Encoding::for_bom(&head[..length]) {
        return Ok(encoding);
    }
    let whole = length < head.len();
    // UTF-8 that is merely cut off in the middle of a character is still UTF-8.
    match std::str::from_utf8(&head[..length]) {
        Ok(_) => return Ok(encoding_rs::UTF_8),
        Err(error) if error.error_len().is_none() && !whole => return Ok(encoding_rs::UTF_8),
        Err(_) => {}
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&head[..length], whole);
    Ok(detector.guess(Some(b"tw"), Utf8Detection::Allow))
}

fn html(path: &Path, output: &mut impl Write) -> Extracted {
    let mut decoded = Vec::new();
    text(path, &mut decoded)?;
    let settings = html2text::config::plain_no_decorate().raw_mode(true).no_table_borders().allow_width_overflow();
    // The width is that of no paragraph: lines stay as long as they are.
    let plain = settings.string_from_read(decoded.as_slice(), 1_000_000).map_err(|_| "it is not HTML that can be read")?;
    Ok(output.write_all(plain.as_bytes())?)
}

/// How much a Word document may unpack to: what is larger is a bomb, or a picture book.
const UNPACKED: u64 = 100 * 1024 * 1024;

/// The paragraphs of a Word document, as they come out of the archive: it is never unpacked as a whole.
fn docx(path: &Path, output: &mut impl Write) -> Extracted {
    let file = BufReader::new(std::fs::File::open(path)?);
    let mut archive = zip::ZipArchive::new(file).map_err(|_| "it is not a Word document: the archive is damaged")?;
    if archive.len() > 10_000 {
        return Err("it is not a Word document: it has too many parts".into());
    }
    let mut left = UNPACKED;
    let mut found = false;
    for part in ["word/document.xml", "word/footnotes.xml", "word/endnotes.xml"] {
        let entry = match archive.by_name(part) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => continue,
            Err(_) => return Err("it is encrypted or damaged".into()),
        };
        found = true;
        // One byte more than allowed tells that there was more; what the archive says of sizes is not believed.
        let mut limited = entry.take(left + 1);
        paragraphs(BufReader::new(&mut limited), output)?;
        left = limited.limit().checked_sub(1).ok_or("it unpacks to more than 100 MB")?;
    }
    if found { Ok(()) } else { Err("it is not a Word document: it has no text part".into()) }
}

fn paragraphs(source: impl BufRead, output: &mut impl Write) -> Extracted {
    let mut reader = quick_xml::Reader::from_reader(source);
    reader.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    let mut in_text = false;
    let damaged = |_| "it is damaged, or unpacks to more than 100 MB";
    loop {
        match reader.read_event_into(&mut buffer).map_err(damaged)? {
            Event::Start(tag) if tag.local_name().as_ref() == "t" => in_text = true,
            Event::End(tag) => match tag.local_name().as_ref() {
                "t" => in_text = false,
                "p" => output.write_all(b"\n")?,
                "tc" => output.write_all(b"\t")?,
                _ => {}
            },
            Event::Empty(tag) => match tag.local_name().as_ref() {
                "br" | "cr" => output.write_all(b"\n")?,
                "tab" => output.write_all(b"\t")?,
                "p" => output.write_all(b"\n")?,
                _ => {}
            },
            Event::Text(text) if in_text => output.write_all(text.as_bytes())?,
            Event::GeneralRef(reference) if in_text => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character),
                    _ => match reference.as_ref() {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    },
                };
                if let Some(character) = character {
                    output.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(format: Format, bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut out = Vec::new();
        extract(file.path(), format, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn text_in_the_encodings_of_old_documents() {
        let sentence = "員工任職滿六個月者，應給予特別休假三日。加班費應於當月薪資一併發放。";
        let check = |bytes: &[u8]| assert_eq!(extracted(Format::Text, bytes).unwrap(), sentence);
        check(sentence.as_bytes());
        check(&[b"\xef\xbb\xbf", sentence.as_bytes()].concat());
        check(&encoding_rs::BIG5.encode(sentence).0);
        let utf16: Vec<u8> = std::iter::once(0xfeff).chain(sentence.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        check(&utf16);
    }

    #[test]
    fn text_longer_than_the_buffers() {
        let long = "特別休假。".repeat(100_000);
        assert!(extracted(Format::Text, long.as_bytes()).unwrap() == long);
    }

    #[test]
    fn html_loses_its_marks_and_scripts() {
        let page = "<html><head><title>t</title><script>alert(1)</script><style>p{}</style></head><body><h1>特休</h1><p>三&nbsp;日 &amp; more</p></body></html>";
        let text = extracted(Format::Html, page.as_bytes()).unwrap();
        assert!(text.contains("特休") && text.contains("& more"), "{text}");
        assert!(!text.contains("alert") && !text.contains("p{}"), "{text}");
    }

    #[test]
    fn what_is_no_document_says_so() {
        assert_eq!(extracted(Format::Pdf, b"%PDF-1.4\nnothing").unwrap_err(), "it is damaged");
        assert_eq!(extracted(Format::Docx, b"PK\x03\x04nothing").unwrap_err(), "it is not a Word document: the archive is damaged");
    }
}
