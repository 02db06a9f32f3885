//! The text of a PDF.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use pdf_extract::{Dictionary, Document, Object, ObjectId, PlainTextOutput, Stream, output_doc_page};

use super::extract::Extracted;

/// Page by page, so that the text of one is gone before the next.
pub(super) fn text(path: &Path, output: &mut impl Write) -> Extracted {
    let mut document = Document::load(path).map_err(|_| "it is damaged")?;
    // What is locked only against changes was opened with the password that is none, and says nothing of this any more.
    if document.trailer.get(b"Encrypt").is_ok() {
        return Err("it is protected with a password".into());
    }
    let is_readable = explain_fonts(&mut document);
    for number in document.get_pages().into_keys() {
        let mut page = String::new();
        // Whatever it does not expect ends it.
        let result = catch_unwind(AssertUnwindSafe(|| output_doc_page(&document, &mut PlainTextOutput::new(&mut page), number)));
        if !matches!(result, Ok(Ok(()))) {
            let reason =
                if is_readable { "it is damaged, or in a form that cannot be read" } else { "it uses a font encoding that cannot be read" };
            return Err(reason.into());
        }
        output.write_all(page.as_bytes())?;
        output.write_all(b"\n\n")?;
    }
    Ok(())
}

/// Chinese PDFs of older programs name a well-known encoding in which the codes of the characters are Unicode itself. The library does
/// not know these names: the same is said in a way that it knows. Returns whether that was possible for all fonts.
fn explain_fonts(document: &mut Document) -> bool {
    let mut all = true;
    let mut unicode: Vec<ObjectId> = Vec::new();
    for (id, object) in &document.objects {
        let Ok(font) = object.as_dict() else { continue };
        if font.get(b"Subtype").and_then(Object::as_name).ok() != Some(b"Type0".as_slice()) {
            continue;
        }
        let encoding = font.get(b"Encoding").and_then(|it| document.dereference(it)).map(|(_, it)| it);
        match encoding.and_then(Object::as_name) {
            Ok(b"Identity-H" | b"Identity-V") => {}
            Ok(name) if name.starts_with(b"Uni") && (has(name, b"-UCS2-") || has(name, b"-UTF16-")) => unicode.push(*id),
            Ok(_) => all = false,
            // A map in the file itself.
            Err(_) => {}
        }
    }
    if unicode.is_empty() {
        return all;
    }
    let map = document.add_object(Stream::new(Dictionary::new(), UNICODE.as_bytes().to_vec()));
    for id in unicode {
        if let Ok(font) = document.get_object_mut(id).and_then(Object::as_dict_mut) {
            font.set("Encoding", Object::Name(b"Identity-H".to_vec()));
            if !font.has(b"ToUnicode") {
                font.set("ToUnicode", Object::Reference(map));
            }
        }
    }
    all
}

fn has(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|it| it == part)
}

/// Each code is its own character.
const UNICODE: &str = "/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CMapName /Unicode def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
1 beginbfrange
<0000> <FFFF> <0000>
endbfrange
endcmap
end
end
";

#[cfg(test)]
mod tests {
    use pdf_extract::{EncryptionState, EncryptionVersion, Permissions, dictionary};

    use super::*;

    /// One page with these bytes as its text, in a font that is not in the file.
    fn document(encoding: &str, bytes: &[u8], maps: bool) -> Document {
        let mut document = Document::with_version("1.4");
        let descriptor = dictionary! { "Type" => "FontDescriptor", "FontName" => "MSung-Light", "Flags" => 4, "ItalicAngle" => 0 };
        let descendant = dictionary! {
            "Type" => "Font", "Subtype" => "CIDFontType0", "BaseFont" => "MSung-Light", "DW" => 1000, "FontDescriptor" => descriptor,
        };
        let mut font = dictionary! {
            "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "MSung-Light", "Encoding" => encoding,
            "DescendantFonts" => vec![Object::Dictionary(descendant)],
        };
        if maps {
            font.set("ToUnicode", document.add_object(Stream::new(Dictionary::new(), UNICODE.as_bytes().to_vec())));
        }
        let font = document.add_object(font);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let content = document.add_object(Stream::new(Dictionary::new(), format!("BT /F1 12 Tf 50 750 Td <{hex}> Tj ET").into_bytes()));
        let pages = document.new_object_id();
        let page = document.add_object(dictionary! {
            "Type" => "Page", "Parent" => pages, "Contents" => content,
            "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()],
            "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
        });
        document.objects.insert(pages, dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 }.into());
        let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
        document.trailer.set("Root", catalog);
        let id = Object::string_literal("0123456789abcdef");
        document.trailer.set("ID", vec![id.clone(), id]);
        document
    }

    fn read(mut document: Document) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        document.save(file.path()).unwrap();
        let mut out = Vec::new();
        text(file.path(), &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap().trim().to_owned())
    }

    #[test]
    fn chinese_fonts_that_are_not_in_the_file() {
        let unicode: Vec<u8> = "特休 3 日".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let check = |encoding: &str, bytes: &[u8], maps, expected: Result<&str, &str>| {
            assert_eq!(read(document(encoding, bytes, maps)).as_deref().map_err(String::as_str), expected, "{encoding} {maps}");
        };
        check("Identity-H", &unicode, true, Ok("特休 3 日"));
        check("UniCNS-UCS2-H", &unicode, true, Ok("特休 3 日"));
        check("UniCNS-UCS2-H", &unicode, false, Ok("特休 3 日"));
        check("UniJIS-UTF16-V", &unicode, false, Ok("特休 3 日"));
        check("ETen-B5-H", b"\xaf\x53\xa5\xf0", false, Err("it uses a font encoding that cannot be read"));
        check("ETen-B5-H", b"\xaf\x53\xa5\xf0", true, Err("it uses a font encoding that cannot be read"));
    }

    #[test]
    fn passwords() {
        let locked = |password: &str| {
            let mut document = document("Identity-H", b"\x00A\x00B", true);
            let version = EncryptionVersion::V2 {
                document: &document,
                owner_password: "owner",
                user_password: password,
                key_length: 128,
                permissions: Permissions::all(),
            };
            let state = EncryptionState::try_from(version).unwrap();
            document.encrypt(&state).unwrap();
            read(document)
        };
        assert_eq!(locked("user").unwrap_err(), "it is protected with a password");
        // Nobody is asked for a password that is none.
        assert_eq!(locked("").unwrap(), "AB");
    }
}
