//! Values that AWS takes and gives as text: enums, whose serde names are AWS's own words, and documents.

use infra::resource::Policy;
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

/// A policy as AWS takes it.
pub(crate) fn document(of: &Policy) -> String {
    match &of.0 {
        Json::String(text) => text.clone(),
        data => data.to_string(),
    }
}

/// A policy as AWS gives it.
pub(crate) fn policy(text: &str) -> Policy {
    Policy(serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())))
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

    #[test]
    fn policies_go_both_ways_however_they_are_written() {
        let data = Policy(serde_json::json!({ "Statement": [] }));
        assert_eq!(policy(&document(&data)), data);
        assert_eq!(document(&Policy(Json::String(document(&data)))), document(&data));
    }
}
