//! The models behind Bedrock: one that answers, one that turns text into vectors.

use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, InferenceConfiguration, Message, StopReason, SystemContentBlock};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::config::{EmbeddingFamily, ModelSettings};
use crate::store::{Role, Turn};

/// What a model can answer instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the model is busy")]
    Busy,
    #[error("the model did not answer in time")]
    Slow,
    #[error("the text is longer than the model takes")]
    TooLong,
    #[error("the model refuses to talk about this")]
    Refused,
    #[error("this application may not use the model, or there is no such model")]
    Denied(String),
    #[error("the model cannot be used at the moment")]
    Unavailable(String),
    #[error("the model answered with something that is not an answer")]
    Malformed(String),
}

impl ModelError {
    /// Whether the same request may succeed a little later.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Slow | Self::Unavailable(_))
    }
}

/// What a vector is for: Cohere's models tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody waits for the answer.
    Question,
    /// Nobody waits: throttling is sat out.
    Document,
}

pub struct Models {
    settings: ModelSettings,
    aws: Aws,
    quick: OnceCell<Client>,
    patient: OnceCell<Client>,
}

impl Models {
    pub fn new(settings: ModelSettings, aws: Aws) -> Self {
        Self { settings, aws, quick: OnceCell::new(), patient: OnceCell::new() }
    }

    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    async fn client(&self, purpose: Purpose) -> &Client {
        let (slot, attempts, timeout) = match purpose {
            Purpose::Question => (&self.quick, 3, self.settings.timeout),
            Purpose::Document => (&self.patient, 8, self.settings.timeout * 8),
        };
        let make = || async move {
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(self.settings.attempt_timeout)
                .operation_timeout(timeout);
            let config = aws_sdk_bedrockruntime::config::Builder::from(self.aws.config().await)
                .retry_config(RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(200)))
                .timeout_config(timeouts.build());
            Client::from_conf(config.build())
        };
        slot.get_or_init(make).await
    }

    /// Asks the model to go on with a conversation.
    pub async fn answer(&self, system: &str, history: &[Turn], question: &str) -> Result<String, ModelError> {
        let asked = Turn { role: Role::User, content: question.to_owned() };
        let messages = history.iter().chain([&asked]).map(message).collect::<Result<Vec<_>, _>>()?;
        let result = self
            .client(Purpose::Question)
            .await
            .converse()
            .model_id(&self.settings.chat)
            .system(SystemContentBlock::Text(system.to_owned()))
            .set_messages(Some(messages))
            .inference_config(InferenceConfiguration::builder().max_tokens(self.settings.max_tokens).build())
            .send()
            .await
            .map_err(|error| model_error(&error))?;
        match result.stop_reason() {
            StopReason::ContentFiltered | StopReason::GuardrailIntervened => return Err(ModelError::Refused),
            StopReason::ModelContextWindowExceeded => return Err(ModelError::TooLong),
            _ => {}
        }
        let content = result.output().and_then(|output| output.as_message().ok()).map(Message::content).unwrap_or_default();
        let text: String = content.iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect();
        if text.trim().is_empty() {
            return Err(ModelError::Malformed("there is no text in it".into()));
        }
        Ok(text)
    }

    /// How many texts one call of [`Models::embed`] may hold.
    pub fn batch(&self) -> usize {
        match self.settings.family {
            EmbeddingFamily::CohereV4 | EmbeddingFamily::CohereV3 => 96,
            EmbeddingFamily::TitanV2 | EmbeddingFamily::TitanV1 => 1,
        }
    }

    /// How many calls of [`Models::embed`] for one document may be under way at once.
    pub fn at_once(&self) -> usize {
        // With one text a call it takes more of them.
        if self.batch() == 1 { 16 } else { 3 }
    }

    /// One vector a text, in order.
    pub async fn embed(&self, texts: &[String], purpose: Purpose) -> Result<Vec<Vec<f32>>, ModelError> {
        let body = embedding_request(self.settings.family, texts, purpose, self.settings.dimensions);
        let answer = self
            .client(purpose)
            .await
            .invoke_model()
            .model_id(&self.settings.embedding)
            .content_type("application/json")
            .accept("application/json")
            .body(Blob::new(body.to_string()))
            .send()
            .await
            .map_err(|error| model_error(&error))?;
        let vectors = embedding_answer(answer.body().as_ref())?;
        let expected = self.settings.dimensions;
        if vectors.len() != texts.len() {
            return Err(ModelError::Malformed(format!("{} vectors for {} texts", vectors.len(), texts.len())));
        }
        match vectors.iter().find(|vector| vector.len() != expected) {
            Some(vector) => Err(ModelError::Malformed(format!("a vector of {} dimensions instead of {expected}", vector.len()))),
            None => Ok(vectors),
        }
    }
}

fn message(turn: &Turn) -> Result<Message, ModelError> {
    let role = match turn.role {
        Role::User => ConversationRole::User,
        Role::Assistant => ConversationRole::Assistant,
    };
    let message = Message::builder().role(role).content(ContentBlock::Text(turn.content.clone())).build();
    message.map_err(|error| ModelError::Malformed(error.to_string()))
}

/// The texts as the model of that family wants them. Titan takes one at a time.
fn embedding_request(family: EmbeddingFamily, texts: &[String], purpose: Purpose, dimensions: usize) -> Value {
    let input_type = match purpose {
        Purpose::Question => "search_query",
        Purpose::Document => "search_document",
    };
    match family {
        EmbeddingFamily::CohereV4 => {
            json!({ "texts": texts, "input_type": input_type, "embedding_types": ["float"], "output_dimension": dimensions })
        }
        EmbeddingFamily::CohereV3 => json!({ "texts": texts, "input_type": input_type, "truncate": "END" }),
        EmbeddingFamily::TitanV2 => json!({ "inputText": texts.concat(), "dimensions": dimensions, "normalize": true }),
        EmbeddingFamily::TitanV1 => json!({ "inputText": texts.concat() }),
    }
}

/// Every form in which these models answer; a document has exactly one of the fields.
#[derive(Deserialize)]
struct EmbeddingAnswer {
    embedding: Option<Vec<f32>>,
    embeddings: Option<Embeddings>,
}

/// By their type, as `{"float": …}`, or alone.
struct Embeddings(Vec<Vec<f32>>);

/// By hand: what derives this keeps the whole answer in a form of its own first, and there are many numbers in it.
impl<'de> Deserialize<'de> for Embeddings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EmbeddingsVisitor)
    }
}

struct EmbeddingsVisitor;

impl<'de> Visitor<'de> for EmbeddingsVisitor {
    type Value = Embeddings;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("vectors, or an object with them as `float`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Embeddings, A::Error> {
        let mut vectors = Vec::new();
        while let Some(vector) = list.next_element()? {
            vectors.push(vector);
        }
        Ok(Embeddings(vectors))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Embeddings, A::Error> {
        let mut vectors = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "float" {
                vectors = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        vectors.map(Embeddings).ok_or_else(|| A::Error::missing_field("float"))
    }
}

fn embedding_answer(body: &[u8]) -> Result<Vec<Vec<f32>>, ModelError> {
    let answer: EmbeddingAnswer = serde_json::from_slice(body).map_err(|error| ModelError::Malformed(error.to_string()))?;
    let vectors = match answer {
        EmbeddingAnswer { embedding: Some(vector), .. } => vec![vector],
        EmbeddingAnswer { embeddings: Some(Embeddings(vectors)), .. } => vectors,
        _ => return Err(ModelError::Malformed("there is no vector in it".into())),
    };
    // A vector of zeros has no direction: its distance to anything is not a number.
    let usable = |vector: &Vec<f32>| vector.iter().all(|x| x.is_finite()) && vector.iter().any(|x| *x != 0.0);
    if vectors.iter().all(usable) { Ok(vectors) } else { Err(ModelError::Malformed("a vector without direction".into())) }
}

/// What the models say, in small letters, when a prompt or a text is longer than they take: none has a code for it.
const TOO_LONG: [&str; 8] = [
    "too long",
    "too many input tokens",
    "input tokens exceed",
    "exceeds the max",
    "exceeds maximum length",
    "expected maxlength",
    "maximum context",
    "exceed context limit",
];

fn model_error<E>(error: &SdkError<E>) -> ModelError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let details = DisplayErrorContext(error).to_string();
    let SdkError::ServiceError(service) = error else {
        return match error {
            SdkError::TimeoutError(_) => ModelError::Slow,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => ModelError::Slow,
            _ => ModelError::Unavailable(details),
        };
    };
    let message = service.err().message().unwrap_or_default().to_lowercase();
    match service.err().code().unwrap_or_default() {
        "ThrottlingException" | "ServiceQuotaExceededException" | "ModelNotReadyException" => ModelError::Busy,
        "ModelTimeoutException" => ModelError::Slow,
        "ValidationException" if TOO_LONG.iter().any(|part| message.contains(part)) => ModelError::TooLong,
        "AccessDeniedException" | "ResourceNotFoundException" | "UnrecognizedClientException" | "ExpiredTokenException" => {
            ModelError::Denied(details)
        }
        "ValidationException" => ModelError::Malformed(details),
        _ => ModelError::Unavailable(details),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_is_asked_in_its_own_words() {
        let check = |family, purpose, expected: Value| assert_eq!(embedding_request(family, &["a".into()], purpose, 256), expected);
        check(
            EmbeddingFamily::CohereV4,
            Purpose::Question,
            json!({ "texts": ["a"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 256 }),
        );
        check(EmbeddingFamily::CohereV3, Purpose::Document, json!({ "texts": ["a"], "input_type": "search_document", "truncate": "END" }));
        check(EmbeddingFamily::TitanV2, Purpose::Document, json!({ "inputText": "a", "dimensions": 256, "normalize": true }));
        check(EmbeddingFamily::TitanV1, Purpose::Document, json!({ "inputText": "a" }));
    }

    #[test]
    fn each_familys_answer_is_understood() {
        let check = |body: &str| assert_eq!(embedding_answer(body.as_bytes()).unwrap(), vec![vec![1.0, 0.5]], "{body}");
        check(r#"{"embeddings":{"float":[[1.0,0.5]]},"id":"x","response_type":"embeddings_by_type"}"#);
        check(r#"{"embeddings":{"int8":[[1,2]],"float":[[1.0,0.5]]},"id":"x"}"#);
        check(r#"{"embeddings":[[1.0,0.5]],"response_type":"embeddings_floats"}"#);
        check(r#"{"embedding":[1.0,0.5],"inputTextTokenCount":1}"#);
        for wrong in [
            "",
            "{}",
            r#"{"embedding":[0.0,0.0]}"#,
            r#"{"embedding":[1e400]}"#,
            r#"{"embeddings":"none"}"#,
            r#"{"embeddings":{"int8":[[1,2]]}}"#,
        ] {
            assert!(matches!(embedding_answer(wrong.as_bytes()), Err(ModelError::Malformed(_))), "{wrong}");
        }
    }
}
