//! How a part of a secret is made up.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use infra::{
    resource::{Error, Problems, Result, Secret},
    value::{Path, Value},
};
use rand::{
    Rng as _,
    seq::{IndexedRandom as _, SliceRandom as _},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A text that nobody chooses. Without anything else, 32 characters of all kinds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Part {
    /// How many characters it has. Left out, 32.
    #[schemars(range(min = 1, max = 4096))]
    length: Option<u32>,
    /// Characters that it does not have.
    #[schemars(length(max = 4096))]
    exclude_characters: Option<String>,
    /// Whether it has no lower-case letters.
    exclude_lowercase: Option<bool>,
    /// Whether it has no upper-case letters.
    exclude_uppercase: Option<bool>,
    /// Whether it has no digits.
    exclude_numbers: Option<bool>,
    /// Whether it has no punctuation.
    exclude_punctuation: Option<bool>,
    /// Whether it may have spaces.
    include_space: Option<bool>,
    /// Whether it has at least one character of each kind that is not excluded. Left out, it has.
    require_each_included_type: Option<bool>,
    /// Instead of all others: so many random bytes, in base64.
    #[schemars(range(min = 1, max = 4096))]
    bytes: Option<u32>,
}

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##;

impl Part {
    /// One such text, from a generator that is fit for secrets.
    pub(super) fn text(&self) -> Result<Secret> {
        let mut random = rand::rng();
        if let Some(bytes) = self.bytes {
            let mut raw = Zeroizing::new(vec![0_u8; bytes as usize]);
            random.fill(raw.as_mut_slice());
            return Ok(Secret::new(BASE64_STANDARD.encode(&raw)));
        }
        let kinds = self.kinds();
        let mut all = kinds.concat();
        if self.include_space == Some(true) && !self.excludes(' ') {
            all.push(' ');
        }
        if all.is_empty() {
            return Err(Error::rejected("CreateSecret", "NoCharacters", "all characters are excluded from a part that is to be generated"));
        }
        let mut text = Zeroizing::<Vec<char>>::new(Vec::with_capacity(self.length()));
        if self.require_each_included_type != Some(false) {
            text.extend(kinds.iter().filter_map(|kind| kind.choose(&mut random)));
        }
        while text.len() < self.length() {
            text.extend(all.choose(&mut random));
        }
        // What is required does not always come first.
        text.shuffle(&mut random);
        Ok(Secret::new(text.iter().collect::<String>()))
    }

    fn length(&self) -> usize {
        self.length.unwrap_or(32) as usize
    }

    fn excludes(&self, character: char) -> bool {
        self.exclude_characters.as_deref().is_some_and(|it| it.contains(character))
    }

    /// The characters that it may have, kind by kind.
    fn kinds(&self) -> Vec<Vec<char>> {
        let all = [
            (self.exclude_lowercase, LOWERCASE),
            (self.exclude_uppercase, UPPERCASE),
            (self.exclude_numbers, NUMBERS),
            (self.exclude_punctuation, PUNCTUATION),
        ];
        let kinds = all.iter().filter(|(excluded, _)| *excluded != Some(true));
        let kinds = kinds.map(|(_, kind)| kind.chars().filter(|it| !self.excludes(*it)).collect::<Vec<_>>());
        kinds.filter(|it| !it.is_empty()).collect()
    }
}

/// What cannot be generated.
pub(super) fn check(part: &Value, path: &Path, problems: &mut Problems) {
    let mut written = part.as_map().into_iter().flatten().filter(|(_, it)| !it.is_null());
    if part.get("bytes").is_some_and(|it| !it.is_null())
        && let Some((other, _)) = written.find(|(key, _)| *key != "bytes")
    {
        let help = "leave out `bytes` for a text of characters, or all others for random bytes in base64";
        return problems.error(path.key(other), format!("`bytes` and `{other}` exclude each other"), help);
    }
    // What is not known yet is checked when it is.
    let Some(typed) = part.reveal().ok().and_then(|it| serde_json::from_value::<Part>(it).ok()) else { return };
    if typed.bytes.is_some() {
        return;
    }
    let (kinds, length) = (typed.kinds().len(), typed.length());
    if kinds == 0 {
        problems.error(path.clone(), "nothing is left to generate it from", "exclude fewer characters");
    } else if typed.require_each_included_type != Some(false) && length < kinds {
        let help = format!("a length of at least {kinds}, or `require_each_included_type: false`");
        problems.error(path.key("length"), format!("{length} characters cannot be of {kinds} kinds"), help);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value as Json, json};

    use super::*;

    fn text(part: Json) -> String {
        let part: Part = serde_json::from_value(part).expect("a part");
        part.text().expect("a text").reveal().to_owned()
    }

    #[test]
    fn a_text_is_as_it_is_asked_for() {
        type Holds = fn(&str) -> bool;
        let each: &[(Json, Holds)] = &[
            (json!({}), |it| {
                it.len() == 32 && [LOWERCASE, UPPERCASE, NUMBERS, PUNCTUATION].iter().all(|kind| it.contains(|c| kind.contains(c)))
            }),
            (json!({ "exclude_characters": "/+=@\"" }), |it| it.len() == 32 && !it.contains(['/', '+', '=', '@', '"'])),
            (json!({ "length": 4 }), |it| {
                [LOWERCASE, UPPERCASE, NUMBERS, PUNCTUATION].iter().all(|kind| it.contains(|c| kind.contains(c)))
            }),
            (json!({ "length": 200, "exclude_lowercase": true, "exclude_uppercase": true, "exclude_punctuation": true }), |it| {
                it.len() == 200 && it.bytes().all(|c| c.is_ascii_digit())
            }),
            (json!({ "length": 1, "require_each_included_type": false }), |it| it.len() == 1),
            (json!({ "length": 2000, "include_space": true }), |it| it.contains(' ')),
            (json!({ "length": 2000 }), |it| !it.contains(' ')),
            (json!({ "bytes": 64 }), |it| BASE64_STANDARD.decode(it).is_ok_and(|it| it.len() == 64)),
        ];
        for (part, holds) in each {
            for _ in 0..20 {
                let text = text(part.clone());
                assert!(holds(&text), "{part}: {text}");
            }
        }
    }

    #[test]
    fn no_two_are_alike_and_no_place_is_always_of_one_kind() {
        let texts: BTreeSet<String> = (0..200).map(|_| text(json!({ "length": 8 }))).collect();
        assert_eq!(texts.len(), 200);
        let first: BTreeSet<bool> = texts.iter().map(|it| it.starts_with(|c: char| c.is_ascii_lowercase())).collect();
        assert_eq!(first.len(), 2, "the first character is a lower-case letter or another");
    }

    #[test]
    fn nothing_to_choose_from_is_refused_and_not_waited_for() {
        let all = [LOWERCASE, UPPERCASE, NUMBERS, PUNCTUATION].concat();
        let part: Part = serde_json::from_value(json!({ "exclude_characters": all })).expect("a part");
        assert!(part.text().is_err());
    }
}
