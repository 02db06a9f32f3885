//! What stands for a secret, and for what cannot be read back: a hash under a key that only this state has.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{State, format};

/// The only key of the object that stands for a value; no property is called that.
const HASH: &str = "infra:hash";

impl State {
    /// The hash that stands for a secret: HMAC-SHA256 under the state's own key, in hexadecimal.
    ///
    /// The same secret gives the same hash within one state and another one in every other.
    pub fn hash(&self, secret: &str) -> String {
        keyed_hash(&self.hash_key, secret)
    }

    /// What is recorded in place of a value: its hash, whatever order its keys are in.
    pub fn conceal(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => hash_form(&self.hash(text)),
            other => hash_form(&self.hash(&format!("json:{}", format::sorted(other.clone())))),
        }
    }
}

/// The hash that stands for a secret under a key: HMAC-SHA256, in hexadecimal.
pub fn keyed_hash(key: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(secret.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// A key for such hashes, which nobody else has.
pub fn new_key() -> String {
    hex(&rand::random::<[u8; 32]>())
}

/// The recorded form of a hash.
pub fn hash_form(hash: &str) -> Json {
    json!({ HASH: hash })
}

/// The hash, if that is what is recorded here.
pub fn as_hash(recorded: &Json) -> Option<&str> {
    let map = recorded.as_object().filter(|map| map.len() == 1)?;
    map.get(HASH)?.as_str()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|it| [it >> 4, it & 15]).map(|it| char::from(DIGITS[usize::from(it)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_hmac_sha256() {
        // The second case of RFC 4231.
        let mut state = State::new("a", "b");
        state.hash_key = "Jefe".to_owned();
        assert_eq!(state.hash("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn hashes_differ_between_states() {
        let (one, other) = (State::new("a", "b"), State::new("a", "b"));
        assert_eq!(one.hash("secret"), one.hash("secret"));
        assert_ne!(one.hash("secret"), other.hash("secret"));
    }

    #[test]
    fn concealed_values_compare_by_content() {
        let state = State::new("a", "b");
        assert_eq!(state.conceal(&json!({ "a": 1, "b": [2] })), state.conceal(&json!({ "b": [2], "a": 1 })));
        assert_ne!(state.conceal(&json!(1)), state.conceal(&json!("1")));
        assert_eq!(state.conceal(&json!("x")), hash_form(&state.hash("x")));
    }

    #[test]
    fn only_the_recorded_form_is_taken_for_a_hash() {
        let check = |json: Json, expected: Option<&str>| assert_eq!(as_hash(&json), expected, "{json}");
        check(hash_form("ab12"), Some("ab12"));
        check(json!("ab12"), None);
        check(json!({ "infra:hash": 1 }), None);
        check(json!({ "infra:hash": "ab12", "more": 1 }), None);
        check(json!({ "hash": "ab12" }), None);
    }
}
