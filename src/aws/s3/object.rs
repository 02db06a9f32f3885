//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_s3::primitives::ByteStream;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted,
        immutable, kept, ready, unique, volatile,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Object;

/// A small object in a bucket, like a configuration or a page: its contents are part of the stack.
///
/// It has no tags, because S3 takes ten of them for an object, fewer than a stack may have.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name of the bucket.
    #[schemars(transform = immutable, transform = ready)]
    bucket: String,
    /// Its name in the bucket.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 1024))]
    key: String,
    /// The contents, as text. Either these or `content_base64`.
    #[schemars(transform = kept)]
    content: Option<String>,
    /// The contents, encoded in base64. Either these or `content`.
    #[schemars(transform = kept)]
    content_base64: Option<String>,
    /// What kind of data it is, as browsers are told.
    #[serde(default = "data")]
    #[schemars(length(min = 1))]
    content_type: String,
    /// For how long others may keep it: `max-age=3600`.
    #[schemars(length(min = 1))]
    cache_control: Option<String>,
    /// What else is said of it, by names in lower case.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

fn data() -> String {
    "application/octet-stream".to_owned()
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the bucket and of the object in it, with a slash between them.
    id: String,
    /// The ARN of the object.
    arn: String,
    /// What changes with the contents.
    #[schemars(transform = volatile)]
    etag: String,
    /// The version, in a bucket that keeps several.
    #[schemars(transform = volatile)]
    version_id: Option<String>,
}

impl Resource for Object {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "s3.object";
    const FACTS: Facts = Facts {
        passing: &[
            // A new bucket is not known everywhere at once.
            Passing { during: During::Create, code: "NoSuchBucket", message: "", within: Duration::from_secs(60) },
            // Somebody else writes it at the same time.
            Passing { during: During::Any, code: "ConditionalRequestConflict", message: "", within: Duration::from_secs(30) },
        ],
        gone: GONE,
        actions: Actions {
            create: &["s3:PutObject"],
            read: &["s3:GetObject", "s3:ListBucket"],
            update: &["s3:PutObject"],
            delete: &["s3:DeleteObject"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        (!spec.bucket.is_empty()).then(|| Id(format!("{}/{}", spec.bucket, spec.key)))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let has = |name: &str| spec.get(name).is_some_and(|it| !it.is_null());
        if has("content") == has("content_base64") {
            let what = if has("content") { "contents in two ways" } else { "an object without contents" };
            problems.error(Path::default(), what, "write either `content` or `content_base64`; empty ones are `content: \"\"`");
        }
        if let Some(text) = spec.get("content_base64").and_then(Value::as_text)
            && BASE64_STANDARD.decode(text).is_err()
        {
            problems.error(Path::of("content_base64"), "not base64", "encode it, or write it as `content`");
        }
        for name in spec.get("metadata").and_then(Value::as_map).into_iter().flat_map(|it| it.keys()) {
            if *name != name.to_ascii_lowercase() {
                let help = format!("write `{}`: S3 keeps names in lower case", name.to_ascii_lowercase());
                problems.error(Path::of("metadata").key(name), "a name in upper case", help);
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let contents = wanted.has("content") || wanted.has("content_base64");
        let lives = ids.iter().map(|id| async move { Ok(unless(one(world, id, contents).await, GONE)?.flatten()) });
        abreast(lives).await
    }

    /// There are no tags: what has our contents where there was nothing is ours.
    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let Some(live) = unless(one(world, &id, true).await, GONE)?.flatten() else { return Ok(None) };
        let same = bytes(&live.spec, false)?.is_some_and(|it| bytes(find.spec, false).ok().flatten() == Some(it));
        Ok(same.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let call = put(world, create.spec, bytes(create.spec, false)?.unwrap_or_default());
        // Not over what somebody else put there.
        call.if_none_match("*").send().await.map_err(error)?;
        Ok(Self::locate(create.spec).unwrap_or_else(|| Id(create.spec.key.clone())))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changed.is_empty() {
            return Ok(());
        }
        // All of it is written anew, whatever changes. Of the two ways to say the contents one may still have the old ones.
        let Some(contents) = bytes(update.to, update.changes("content_base64"))? else {
            return Err(Error::bug("PutObject", "an update that has no contents"));
        };
        put(world, update.to, contents).send().await.map_err(error).map(drop)
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some((bucket, key)) = delete.id.as_str().split_once('/') else { return Ok(()) };
        unless(world.s3().delete_object().bucket(bucket).key(key).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["NoSuchKey", "NotFound", "NoSuchBucket"];

/// What is longer is no small object, and differs from all that is.
const LONGEST: i64 = 1 << 20;

fn put(world: &Aws, spec: &Spec, contents: Vec<u8>) -> aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder {
    let metadata = (!spec.metadata.is_empty()).then(|| spec.metadata.clone().into_iter().collect());
    let call = world.s3().put_object().bucket(&spec.bucket).key(&spec.key).body(ByteStream::from(contents));
    call.content_type(&spec.content_type).set_cache_control(spec.cache_control.clone()).set_metadata(metadata)
}

/// The contents, from the one property or from the other where both have some.
fn bytes(spec: &Spec, encoded: bool) -> Result<Option<Vec<u8>>> {
    match (&spec.content, &spec.content_base64) {
        (Some(text), None) => Ok(Some(text.clone().into_bytes())),
        (Some(text), Some(_)) if !encoded => Ok(Some(text.clone().into_bytes())),
        (_, Some(text)) => match BASE64_STANDARD.decode(text) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(why) => Err(Error::rejected("PutObject", "InvalidBase64", format!("`content_base64` is not base64: {why}"))),
        },
        (None, None) => Ok(None),
    }
}

async fn one(world: &Aws, id: &Id, contents: bool) -> Result<Option<Live<Object>>> {
    let Some((bucket, key)) = id.as_str().split_once('/') else { return Ok(None) };
    let head = world.s3().head_object().bucket(bucket).key(key).send().await.map_err(error)?;
    let small = head.content_length.unwrap_or_default() <= LONGEST;
    let (mut content, mut content_base64) = (None, None);
    if contents && small {
        let answer = world.s3().get_object().bucket(bucket).key(key).send().await.map_err(error)?;
        let body = answer.body.collect().await.map_err(|why| Error {
            action: "GetObject",
            kind: infra::resource::ErrorKind::Unanswered,
            code: None,
            message: why.to_string(),
            request_id: None,
        })?;
        let body = body.into_bytes();
        content_base64 = Some(BASE64_STANDARD.encode(&body));
        content = std::str::from_utf8(&body).ok().map(str::to_owned);
    }
    let spec = Spec {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        content,
        content_base64,
        content_type: head.content_type.unwrap_or_else(data),
        cache_control: head.cache_control,
        metadata: head.metadata.unwrap_or_default().into_iter().collect(),
    };
    let outputs = Outputs {
        id: id.0.clone(),
        arn: format!("arn:{}:s3:::{id}", world.partition()),
        etag: head.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
        version_id: head.version_id.filter(|it| it != "null"),
    };
    let unread = if contents { vec![] } else { vec!["content", "content_base64"] };
    Ok(Some(Live { spec, outputs, status: Status::Ready, unread }))
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
    use serde_json::{Value as Json, json};

    use super::Object;
    use crate::aws::{
        complaints::complaints,
        conformance::{Conformance, cloud},
    };

    #[test]
    fn contents_are_written_in_one_way() {
        let spec = |more: Json| {
            let mut spec = json!({ "bucket": "a", "key": "b" });
            for (name, value) in more.as_object().expect("an object") {
                spec[name] = value.clone();
            }
            spec
        };
        for (more, expected) in [
            (json!({ "content": "" }), vec![]),
            (json!({ "content_base64": "AAEC" }), vec![]),
            (json!({}), vec!["an object without contents"]),
            (json!({ "content": "a", "content_base64": "AAEC" }), vec!["contents in two ways"]),
            (json!({ "content_base64": "?" }), vec!["not base64"]),
            (json!({ "content": "a", "metadata": { "Big": "a", "small": "b" } }), vec!["metadata.Big: a name in upper case"]),
        ] {
            assert_eq!(complaints::<Object>(spec(more)), expected);
        }
    }

    #[tokio::test]
    async fn contents_may_be_bytes_and_are_not_put_over_those_of_others() {
        let world = cloud().await;
        let region = aws_sdk_s3::types::BucketLocationConstraint::EuCentral1;
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(region).build();
        world.s3().create_bucket().bucket("infra-example-bytes").create_bucket_configuration(place).send().await.expect("a bucket");
        let token = "0123456789abcdef0123456789abcdef";
        let spec = |contents: &str| json!({ "bucket": "infra-example-bytes", "key": "a/b", "content_base64": contents });
        let id = Object.create(&world, &spec("AP8B"), token).await.expect("create");
        assert_eq!(id.as_str(), "infra-example-bytes/a/b");
        let read = async || {
            let wanted = Wanted(["content_base64".to_owned()].into());
            let live = Object.read(&world, std::slice::from_ref(&id), &wanted).await.expect("read").pop().flatten().expect("it is there");
            (live.spec.get("content").cloned(), live.spec["content_base64"].clone())
        };
        assert_eq!(read().await, (None, json!("AP8B")), "no text");
        let refused = Object.create(&world, &spec("AAEC"), token).await.expect_err("there is one");
        assert_eq!(refused.code.as_deref(), Some("PreconditionFailed"), "{refused}");

        let (from, mut to) = (spec("AP8B"), spec("QUJD"));
        to["content"] = json!("what is kept of what was removed");
        let changed = ["content_base64".to_owned()].into();
        Object.update(&world, AnyUpdate { id: &id, from: &from, to: &to, changed: &changed }).await.expect("update");
        assert_eq!(read().await, (Some(json!("ABC")), json!("QUJD")));
        Object.delete(&world, &id, &to).await.expect("delete");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "s3.object",
            extra: "
other:
  s3.bucket:
    bucket_name: infra-example-other-pages
",
            changes: &[
                "content: something else",
                "content_type: text/plain",
                "cache_control: no-store",
                "cache_control: null",
                "metadata: { one: a, two: b }",
            ],
            replacements: &["key: other.html", "bucket: '${other.id}'"],
            // It is another way to say `content`, and has a test of its own.
            untried: &["content_base64"],
            absent: "absent/absent",
        }
        .check()
        .await;
    }
}
