//! Documents made on the spot.

use std::io::{Cursor, Write as _};

use zip::write::{SimpleFileOptions, ZipWriter};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>"#;
const TAIL: &str = "</w:body></w:document>";

/// A Word document with these paragraphs.
pub fn docx(paragraphs: &[&str]) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    for paragraph in paragraphs {
        text.push_str(&format!("<w:p><w:r><w:t xml:space=\"preserve\">{paragraph}</w:t></w:r></w:p>"));
    }
    archive(|zip| zip.write_all((text + TAIL).as_bytes()).unwrap())
}

/// A Word document of a few kilobytes that unpacks to this many megabytes.
pub fn bomb(megabytes: usize) -> Vec<u8> {
    let spaces = vec![b' '; 1024 * 1024];
    archive(|zip| {
        zip.write_all(HEAD.as_bytes()).unwrap();
        for _ in 0..megabytes {
            zip.write_all(b"<w:p>").unwrap();
            zip.write_all(&spaces).unwrap();
            zip.write_all(b"</w:p>").unwrap();
        }
        zip.write_all(TAIL.as_bytes()).unwrap();
    })
}

fn archive(write: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("[Content_Types].xml", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>").unwrap();
    zip.start_file("word/document.xml", SimpleFileOptions::default()).unwrap();
    write(&mut zip);
    zip.finish().unwrap().into_inner()
}

/// A PDF with one page for each text.
pub fn pdf(pages: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    let mut object = |out: &mut Vec<u8>, content: &str| {
        offsets.push(out.len());
        let number = offsets.len();
        out.extend_from_slice(format!("{number} 0 obj\n{content}\nendobj\n").as_bytes());
    };
    let kids: String = (0..pages.len()).map(|page| format!("{} 0 R ", 4 + page * 2)).collect();
    object(&mut out, "<< /Type /Catalog /Pages 2 0 R >>");
    object(&mut out, &format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", pages.len()));
    object(&mut out, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
    for (page, text) in pages.iter().enumerate() {
        let content = 5 + page * 2;
        object(
            &mut out,
            &format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents {content} 0 R >>"
            ),
        );
        let mut stream = "BT /F1 12 Tf 14 TL 50 750 Td\n".to_owned();
        for line in text.lines() {
            stream.push_str(&format!("({line}) Tj T*\n"));
        }
        stream.push_str("ET");
        object(&mut out, &format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()));
    }
    let start = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).as_bytes());
    for offset in &offsets {
        out.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    out.extend_from_slice(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", offsets.len() + 1).as_bytes());
    out
}
