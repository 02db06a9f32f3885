//! The one that writes: stdout, stderr, whether in colour, how much, and questions.

use std::{
    error::Error,
    io::{self, BufRead as _, IsTerminal as _, Write},
    str::FromStr,
};

use anstyle::Style;

use super::{
    DEFAULT_WIDTH, diagnostics,
    progress::{Context, Progress},
    text::{BAD_BOLD, GOOD_BOLD, HINT_BOLD, WARN_BOLD, clean_lines, paint},
};
use crate::diagnostic::Diagnostic;

/// Whether there are colours: `--color`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err("expected auto, always or never".to_owned()),
        }
    }
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verbosity {
    /// Only answers, warnings and errors.
    Quiet,
    #[default]
    Normal,
    /// Long values to their end as well.
    Verbose,
}

/// A question that cannot be asked, because nobody is there to answer.
#[derive(Debug, thiserror::Error)]
#[error("this needs a yes, and there is no terminal to ask on; give `--yes` to agree beforehand")]
pub struct NotAsked;

/// Writes all that the program says. Made once, by the command line.
pub struct Shell {
    stdout: Stream,
    stderr: Stream,
    verbosity: Verbosity,
    answers: Answers,
}

impl Shell {
    pub fn new(color: Color, verbosity: Verbosity) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let choose = |auto: anstream::ColorChoice| match color {
            Color::Auto => auto != anstream::ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        let width = |size: Option<(terminal_size::Width, terminal_size::Height)>| size.map(|(width, _)| usize::from(width.0));
        Self {
            stdout: Stream {
                name: "the answer",
                styled: choose(anstream::AutoStream::choice(&stdout)),
                terminal: stdout.is_terminal(),
                width: width(terminal_size::terminal_size_of(&stdout)),
                to: Box::new(stdout),
                closed: false,
            },
            stderr: Stream {
                name: "messages",
                styled: choose(anstream::AutoStream::choice(&stderr)),
                terminal: stderr.is_terminal(),
                width: width(terminal_size::terminal_size_of(&stderr)),
                to: Box::new(stderr),
                closed: false,
            },
            verbosity,
            answers: if io::stdin().is_terminal() { Answers::Stdin } else { Answers::None },
        }
    }

    /// Writes elsewhere, without colours and terminals: for tests of what uses a shell.
    pub fn captured(stdout: impl Write + Send + 'static, stderr: impl Write + Send + 'static) -> Self {
        let stream = |name, to| Stream { name, styled: false, terminal: false, width: None, to, closed: false };
        let (stdout, stderr) = (stream("the answer", Box::new(stdout)), stream("messages", Box::new(stderr)));
        Self { stdout, stderr, verbosity: Verbosity::Normal, answers: Answers::None }
    }

    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// How wide text for stdout may be.
    pub fn width(&self) -> usize {
        self.stdout.columns()
    }

    /// What the command was asked for. A reader that has gone away is no error: see [`Self::is_closed`].
    ///
    /// # Errors
    /// It could not be written, for example because the disk is full: the answer is then not complete.
    pub fn answer(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write(text)
    }

    /// One JSON document on stdout.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn json(&mut self, document: &serde_json::Value) -> io::Result<()> {
        self.stdout.write(&format!("{document:#}\n"))
    }

    /// Whether the reader of stdout has gone away, as `head` does; there is no use in writing more.
    pub fn is_closed(&self) -> bool {
        self.stdout.closed
    }

    /// What is going on: `Installing moto 5.1.4 …`.
    pub fn status(&mut self, verb: &str, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            let verb = paint(GOOD_BOLD, &format!("{verb:>12}"));
            self.say(&format!("{verb} {}\n", clean_lines(text)));
        }
    }

    /// Something worth knowing.
    pub fn note(&mut self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.labelled(HINT_BOLD, "note", text);
        }
    }

    pub fn warning(&mut self, text: &str) {
        self.labelled(WARN_BOLD, "warning", text);
    }

    /// What failed, what caused it, and what to do about it.
    pub fn error(&mut self, error: &(dyn Error + 'static), hints: &[String]) {
        let mut said = error.to_string();
        self.labelled(BAD_BOLD, "error", &said);
        let mut next = error.source();
        while let Some(error) = next {
            next = error.source();
            let cause = error.to_string();
            // Many errors say what their cause says already.
            if !said.contains(&cause) {
                self.say(&format!("  caused by: {}\n", indented(&cause)));
                said = cause;
            }
        }
        for hint in hints {
            self.hint(hint);
        }
    }

    /// What to do next.
    pub fn hint(&mut self, text: &str) {
        self.say(&format!("  {}: {}\n", paint(HINT_BOLD, "hint"), indented(text)));
    }

    /// Mistakes in the user's files; `outcome` says what they led to.
    pub fn diagnostics(&mut self, diagnostics: &[Diagnostic], outcome: &str) {
        let width = self.stderr.columns();
        self.say(&diagnostics::text(diagnostics, outcome, width));
    }

    /// Asks a question that is answered with yes or no; anything but a yes is a no.
    ///
    /// # Errors
    /// There is no terminal to ask on.
    pub fn confirm(&mut self, question: &str) -> Result<bool, NotAsked> {
        if !self.stderr.terminal || self.stderr.closed {
            return Err(NotAsked);
        }
        let prompt = format!("{} {} ", paint(HINT_BOLD, question), "[y/N]");
        let answer = match self.answers {
            Answers::None => return Err(NotAsked),
            Answers::Stdin => {
                self.say(&prompt);
                let mut line = String::new();
                io::stdin().lock().read_line(&mut line).map_err(|_| NotAsked)?;
                line
            }
        };
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Whoever shows the events of an apply: live on a terminal, else a line for each; as JSON lines on stdout if asked for.
    pub fn progress(&self, context: Context, json: bool) -> Progress {
        if json {
            Progress::json(io::stdout())
        } else if self.stderr.terminal && self.verbosity > Verbosity::Quiet {
            Progress::terminal(context, self.stderr.styled)
        } else {
            Progress::plain(context, io::stderr(), self.stderr.styled)
        }
    }

    fn labelled(&mut self, style: Style, label: &str, text: &str) {
        self.say(&format!("{}: {}\n", paint(style, label), indented(text)));
    }

    /// For people. That nobody reads it must not keep anything from being done.
    fn say(&mut self, text: &str) {
        let _ = self.stderr.write(text);
    }
}

enum Answers {
    None,
    Stdin,
}

struct Stream {
    /// What it carries.
    name: &'static str,
    to: Box<dyn Write + Send>,
    styled: bool,
    terminal: bool,
    width: Option<usize>,
    closed: bool,
}

impl Stream {
    /// Very wide windows do not make very long lines easier to read.
    fn columns(&self) -> usize {
        self.width.map_or(DEFAULT_WIDTH, |it| it.clamp(40, 160))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let written = if self.styled {
            self.to.write_all(text.as_bytes())
        } else {
            self.to.write_all(anstream::adapter::strip_str(text).to_string().as_bytes())
        };
        match written.and_then(|()| self.to.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", self.name))),
        }
    }
}

/// Further lines stand below the first.
fn indented(text: &str) -> String {
    clean_lines(text.trim_end()).replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::Page;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Chain {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn answers_and_talk_are_kept_apart() {
        let (out, err) = (Page::default(), Page::default());
        let mut shell = Shell::captured(out.clone(), err.clone());
        shell.answer(&paint(GOOD_BOLD, "vpc-0123\n")).expect("a page takes everything");
        shell.status("Installing", "moto 5.1.4 …");
        shell.note("the emulator is new");
        shell.warning("state of an older emulator is void");
        let chain = |text, source: Option<Chain>| Chain { text, source: source.map(Box::new) };
        let cause = chain("connection refused", None);
        let error = chain("cannot reach http://127.0.0.1:5000", Some(chain("connect: connection refused", Some(cause))));
        shell.error(&error, &["`infra local start` starts it".to_owned()]);
        assert_eq!(out.text(), "vpc-0123\n");
        insta::assert_snapshot!(err.text(), @r"
          Installing moto 5.1.4 …
        note: the emulator is new
        warning: state of an older emulator is void
        error: cannot reach http://127.0.0.1:5000
          caused by: connect: connection refused
          hint: `infra local start` starts it
        ");
    }

    #[test]
    fn a_reader_that_leaves_is_no_error_and_a_full_disk_is_one() {
        let mut shell = Shell::captured(Broken(io::ErrorKind::BrokenPipe), Page::default());
        assert!(shell.answer("x").is_ok() && shell.is_closed());
        let mut shell = Shell::captured(Broken(io::ErrorKind::StorageFull), Broken(io::ErrorKind::StorageFull));
        assert!(shell.answer("x").is_err());
        shell.warning("nobody hears this");
    }

    #[test]
    fn questions_need_somebody_to_answer() {
        let err = Page::default();
        let mut shell = Shell::captured(Page::default(), err.clone());
        let refusal = shell.confirm("Apply?").expect_err("nobody is there").to_string();
        assert!(refusal.contains("--yes"), "{refusal}");
        assert_eq!(err.text(), "");
    }
}
