//! Fixed words: the enums of specs, whose serde names are AWS's own words, to and from text.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

/// The word that AWS has for it.
pub(crate) fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Json::String(text)) => text,
        other => unreachable!("only enums without contents have words: {other:?}"),
    }
}

/// What AWS's word means; nothing where it is one that came later than this program.
pub(crate) fn meaning<T: DeserializeOwned>(word: &str) -> Option<T> {
    T::deserialize(Json::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Level {
        VeryLoud,
    }

    #[test]
    fn words_go_both_ways() {
        assert_eq!(word(&Level::VeryLoud), "very-loud");
        assert_eq!(meaning("very-loud"), Some(Level::VeryLoud));
        assert_eq!(meaning::<Level>("shrill"), None);
    }
}
