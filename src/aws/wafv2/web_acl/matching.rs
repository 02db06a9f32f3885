//! What part of a request is looked at and how, for all statements that do: in a stack file's words and in WAF's.

use aws_sdk_wafv2::types as sdk;
use infra::resource::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statement::incomplete;
use crate::aws::wording::{meaning, word};

/// One of these.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct FieldToMatch {
    /// The header of this name.
    single_header: Option<String>,
    /// The argument of this name in the query.
    single_query_argument: Option<String>,
    /// Every argument in the query.
    all_query_arguments: Option<bool>,
    /// The path.
    uri_path: Option<bool>,
    /// The query.
    query_string: Option<bool>,
    /// The method.
    method: Option<bool>,
    /// The body; and what counts where it is longer than WAF looks at.
    body: Option<Oversize>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Oversize {
    /// What WAF looks at decides.
    Continue,
    /// It matches.
    Match,
    /// It does not match.
    NoMatch,
}

impl FieldToMatch {
    /// Their names, for the check that there is one.
    pub(super) const NAMES: [&'static str; 7] =
        ["single_header", "single_query_argument", "all_query_arguments", "uri_path", "query_string", "method", "body"];

    pub(super) fn to_sdk(&self) -> Result<sdk::FieldToMatch> {
        let yes = |it: Option<bool>| it == Some(true);
        let header = self.single_header.as_ref().map(|it| sdk::SingleHeader::builder().name(it).build().map_err(incomplete));
        let argument = self.single_query_argument.as_ref();
        let argument = argument.map(|it| sdk::SingleQueryArgument::builder().name(it).build().map_err(incomplete));
        Ok(sdk::FieldToMatch::builder()
            .set_single_header(header.transpose()?)
            .set_single_query_argument(argument.transpose()?)
            .set_all_query_arguments(yes(self.all_query_arguments).then(|| sdk::AllQueryArguments::builder().build()))
            .set_uri_path(yes(self.uri_path).then(|| sdk::UriPath::builder().build()))
            .set_query_string(yes(self.query_string).then(|| sdk::QueryString::builder().build()))
            .set_method(yes(self.method).then(|| sdk::Method::builder().build()))
            .set_body(self.body.map(|it| sdk::Body::builder().oversize_handling(sdk::OversizeHandling::from(word(&it).as_str())).build()))
            .build())
    }

    pub(super) fn from_sdk(it: Option<&sdk::FieldToMatch>) -> Self {
        let Some(it) = it else { return Self::default() };
        Self {
            single_header: it.single_header().map(|it| it.name.clone()),
            single_query_argument: it.single_query_argument().map(|it| it.name.clone()),
            all_query_arguments: it.all_query_arguments().map(|_| true),
            uri_path: it.uri_path().map(|_| true),
            query_string: it.query_string().map(|_| true),
            method: it.method().map(|_| true),
            // Where nothing is said, WAF goes on with what it looks at.
            body: it.body().map(|it| it.oversize_handling().and_then(|it| meaning(it.as_str())).unwrap_or(Oversize::Continue)),
        }
    }
}

/// What is done with a text before it is looked at.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Transformation {
    /// Nothing.
    None,
    /// Upper case becomes lower case.
    Lowercase,
    /// Lower case becomes upper case.
    Uppercase,
    /// What is encoded as in a URL is decoded.
    UrlDecode,
    /// The same, with Microsoft's `%u`.
    UrlDecodeUni,
    /// HTML's entities are decoded.
    HtmlEntityDecode,
    /// Several spaces become one.
    CompressWhiteSpace,
    /// What attackers put into command lines is taken out.
    CmdLine,
    /// Base64 is decoded.
    #[serde(rename = "BASE64_DECODE")]
    Base64Decode,
    /// Base64 is decoded, whatever else is in it.
    #[serde(rename = "BASE64_DECODE_EXT")]
    Base64DecodeExt,
    /// Hexadecimal numbers are decoded.
    HexDecode,
    /// Those in SQL are decoded.
    SqlHexDecode,
    /// CSS's escapes are decoded.
    CssDecode,
    /// JavaScript's escapes are decoded.
    JsDecode,
    /// C's escapes are decoded.
    EscapeSeqDecode,
    /// Detours in a path are taken out.
    NormalizePath,
    /// The same, with Windows' paths.
    NormalizePathWin,
    /// Zero bytes are taken out.
    RemoveNulls,
    /// Zero bytes become spaces.
    ReplaceNulls,
    /// C's comments become a space.
    ReplaceComments,
    /// UTF-8 becomes Unicode's numbers.
    #[serde(rename = "UTF8_TO_UNICODE")]
    Utf8ToUnicode,
    /// The MD5 of it.
    #[serde(rename = "MD5")]
    Md5,
}

/// They are carried out in the order of their priorities: here, in that of the list.
pub(super) fn transformations(list: &[Transformation]) -> Result<Vec<sdk::TextTransformation>> {
    let list = list.iter().zip(0..).map(|(it, priority)| {
        let kind = sdk::TextTransformationType::from(word(it).as_str());
        sdk::TextTransformation::builder().priority(priority).r#type(kind).build().map_err(incomplete)
    });
    list.collect()
}

pub(super) fn from_transformations(list: &[sdk::TextTransformation]) -> Vec<Transformation> {
    let mut list: Vec<_> = list.iter().collect();
    list.sort_by_key(|it| it.priority);
    list.into_iter().filter_map(|it| meaning(it.r#type.as_str())).collect()
}

pub(super) fn untransformed() -> Vec<Transformation> {
    vec![Transformation::None]
}

/// Where the address of who asks comes from behind a proxy.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct ForwardedIp {
    /// The header that has the address: `X-Forwarded-For`.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[a-zA-Z0-9-]+"))]
    header_name: String,
    /// What counts where it has none.
    fallback_behavior: Fallback,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Fallback {
    /// It matches.
    Match,
    /// It does not match.
    NoMatch,
}

impl ForwardedIp {
    pub(super) fn to_sdk(&self) -> Result<sdk::ForwardedIpConfig> {
        sdk::ForwardedIpConfig::builder()
            .header_name(&self.header_name)
            .fallback_behavior(sdk::FallbackBehavior::from(word(&self.fallback_behavior).as_str()))
            .build()
            .map_err(incomplete)
    }

    pub(super) fn from_sdk(it: &sdk::ForwardedIpConfig) -> Self {
        let fallback_behavior = meaning(it.fallback_behavior.as_str()).unwrap_or(Fallback::NoMatch);
        Self { header_name: it.header_name.clone(), fallback_behavior }
    }
}

/// The same for sets of addresses, where the header may have several.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct SetForwardedIp {
    /// The header that has the addresses: `X-Forwarded-For`.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[a-zA-Z0-9-]+"))]
    header_name: String,
    /// What counts where it has none.
    fallback_behavior: Fallback,
    /// Which of them is looked for.
    position: Position,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Position {
    /// The first.
    First,
    /// The last.
    Last,
    /// Any of up to ten.
    Any,
}

impl SetForwardedIp {
    pub(super) fn to_sdk(&self) -> Result<sdk::IpSetForwardedIpConfig> {
        sdk::IpSetForwardedIpConfig::builder()
            .header_name(&self.header_name)
            .fallback_behavior(sdk::FallbackBehavior::from(word(&self.fallback_behavior).as_str()))
            .position(sdk::ForwardedIpPosition::from(word(&self.position).as_str()))
            .build()
            .map_err(incomplete)
    }

    pub(super) fn from_sdk(it: &sdk::IpSetForwardedIpConfig) -> Self {
        Self {
            header_name: it.header_name.clone(),
            fallback_behavior: meaning(it.fallback_behavior.as_str()).unwrap_or(Fallback::NoMatch),
            position: meaning(it.position.as_str()).unwrap_or(Position::Any),
        }
    }
}
