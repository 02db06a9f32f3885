//! The types of files that can be read.

/// How many bytes of a file are enough to see whether it is what its name says.
pub const HEAD: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Markdown,
    Pdf,
    Docx,
    Html,
}

impl Format {
    const ALL: [Self; 5] = [Self::Text, Self::Markdown, Self::Pdf, Self::Docx, Self::Html];

    /// By the end of the name, as S3 and browsers know no better.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "txt" | "text" => Some(Self::Text),
            "md" | "markdown" => Some(Self::Markdown),
            "pdf" => Some(Self::Pdf),
            "docx" => Some(Self::Docx),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }

    /// The word for it on the command line of the reader.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Html => "html",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Html => "text/html",
        }
    }

    /// Whether a file that begins so can be of this type; else what is wrong.
    pub fn check_head(self, head: &[u8]) -> Result<(), &'static str> {
        let starts = |magic: &[u8]| head.starts_with(magic);
        match self {
            // Readers accept a preamble before the mark.
            Self::Pdf if !head[..head.len().min(1024)].windows(5).any(|part| part == b"%PDF-") => Err("it is not a PDF"),
            Self::Docx if !starts(b"PK\x03\x04") => Err("it is not a Word document"),
            Self::Text | Self::Markdown | Self::Html => {
                let utf16 = starts(b"\xff\xfe") || starts(b"\xfe\xff");
                let program =
                    [b"%PDF-".as_slice(), b"PK\x03\x04", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"\x1f\x8b", b"\xd0\xcf\x11\xe0"];
                if program.iter().any(|magic| starts(magic)) || !utf16 && head.contains(&0) { Err("it is not a text") } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_must_be_what_its_name_says() {
        let check = |name: &str, head: &[u8], fits: bool| {
            let format = Format::of_name(name).unwrap();
            assert_eq!(format.check_head(head).is_ok(), fits, "{name} {head:?}");
            assert_eq!(Format::of_word(format.word()), Some(format));
        };
        check("a.PDF", b"%PDF-1.7\n", true);
        check("a.pdf", b"\n\n%PDF-1.4", true);
        check("a.pdf", b"MZ\x90", false);
        check("a.docx", b"PK\x03\x04....", true);
        check("a.docx", b"<html>", false);
        check("a.txt", "特休".as_bytes(), true);
        check("a.txt", b"\xff\xfea\0b\0", true);
        check("a.md", b"# a\0b", false);
        check("a.html", b"\x7fELF\x02", false);
        assert_eq!(Format::of_name("virus.exe"), None);
        assert_eq!(Format::of_name("README"), None);
    }
}
