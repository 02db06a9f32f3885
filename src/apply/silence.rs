//! What AWS answers may quote what it was asked, secrets included: errors are told without them.

use crate::{
    plan::desire::Properties,
    resource::{Error, Secret},
    value::Value,
};

/// All secrets in what is sent.
pub(super) fn secrets_of(properties: &Properties) -> Vec<Secret> {
    let (mut found, mut open) = (vec![], properties.values().collect::<Vec<_>>());
    while let Some(value) = open.pop() {
        match value {
            Value::Secret(it) => found.push(it.clone()),
            Value::List(items) => open.extend(items),
            Value::Map(entries) => open.extend(entries.values()),
            _ => {}
        }
    }
    found
}

/// An error without the secrets that were sent: an answer may quote the question. What is shorter than a word stays, because it
/// could stand anywhere.
pub(super) fn silent(mut error: Error, secrets: &[Secret]) -> Error {
    for secret in secrets.iter().map(Secret::reveal).filter(|it| it.chars().count() >= 4) {
        error.message = error.message.replace(secret, "(secret)");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_quote_the_secrets_that_were_sent() {
        let secret = |text: &str| Value::Secret(Secret::new(text));
        let sent = Properties::from([
            ("name".to_owned(), Value::from("shop")),
            ("list".to_owned(), Value::List(vec![secret("token-of-the-day"), Value::from("b")])),
            ("map".to_owned(), Value::Map([("a".to_owned(), secret("pin"))].into())),
        ]);
        let check = |message: &str, expected: &str| {
            assert_eq!(silent(Error::rejected("CreateThing", "Invalid", message), &secrets_of(&sent)).message, expected);
        };
        check("Value 'token-of-the-day' of shop failed: token-of-the-day", "Value '(secret)' of shop failed: (secret)");
        check("the pinned version", "the pinned version");
    }
}
