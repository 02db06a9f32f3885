//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>

use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier};
use futures::try_join;
use infra::resource::{Error, Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Image;

/// A container image that has been pushed to ECR.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// The name of the repository.
    repository_name: String,
    /// A tag of the image.
    #[schemars(length(min = 1, max = 300))]
    image_tag: String,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The digest of the image, which stays whatever happens to the tag: `sha256:…`.
    image_digest: String,
    /// Where exactly this image is pulled from: the repository with the digest.
    image_uri: String,
    /// All tags of the image.
    image_tags: Vec<String>,
}

impl Lookup for Image {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ecr.image";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let (name, tag) = (&spec.repository_name, &spec.image_tag);
        let image = async {
            let call = world.ecr().describe_images().repository_name(name);
            call.image_ids(ImageIdentifier::builder().image_tag(tag).build()).send().await.map_err(error)
        };
        let repository = async { world.ecr().describe_repositories().repository_names(name).send().await.map_err(error) };
        let found = unless(try_join!(image, repository), &["ImageNotFoundException"]);
        let absent = |code, message: String| Err(Error::rejected("DescribeImages", code, message));
        let (images, repositories) = match found {
            Ok(Some(both)) => both,
            Ok(None) => {
                let message = format!("repository `{name}` has no image with the tag `{tag}`{}", others(world, name).await);
                return absent("ImageNotFoundException", message);
            }
            Err(refused) if refused.is(&["RepositoryNotFoundException"]) => {
                return absent("RepositoryNotFoundException", format!("there is no repository `{name}` in this account and region"));
            }
            Err(other) => return Err(other),
        };
        let Some(image) = images.image_details.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let uri = repositories.repositories.unwrap_or_default().into_iter().find_map(|it| it.repository_uri);
        let (Some(image_digest), Some(uri)) = (image.image_digest, uri) else { return Ok(None) };
        let image_uri = format!("{uri}@{image_digest}");
        Ok(Some(Outputs { image_digest, image_uri, image_tags: image.image_tags.unwrap_or_default() }))
    }
}

/// Which tags there are instead, for who has mistaken one: the newest, of the first page.
async fn others(world: &Aws, name: &str) -> String {
    let answer = world.ecr().describe_images().repository_name(name).max_results(1000).send().await;
    let mut images: Vec<ImageDetail> = answer.ok().and_then(|it| it.image_details).unwrap_or_default();
    images.sort_by_key(|it| std::cmp::Reverse(it.image_pushed_at));
    let tags: Vec<_> = images.iter().flat_map(|it| it.image_tags()).take(5).map(|it| format!("`{it}`")).collect();
    match &tags[..] {
        [] => ": push it first".to_owned(),
        tags => format!(": push it first, or choose another; the newest are {}", tags.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    fn spec(repository: &str, tag: &str) -> Spec {
        Spec { repository_name: repository.into(), image_tag: tag.into() }
    }

    #[tokio::test]
    async fn an_image_is_found_by_its_tag_and_otherwise_told_what_there_is() {
        let world = cloud().await;
        let missing = Image::find(&world, &spec("looked/up", "v1")).await.expect_err("no repository");
        assert_eq!(missing.message, "there is no repository `looked/up` in this account and region");
        world.ecr().create_repository().repository_name("looked/up").send().await.expect("a repository");
        let missing = Image::find(&world, &spec("looked/up", "v1")).await.expect_err("no image");
        assert_eq!(missing.message, "repository `looked/up` has no image with the tag `v1`: push it first");

        let manifest = r#"{ "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": [] }"#;
        let pushed = world.ecr().put_image().repository_name("looked/up").image_tag("v1").image_manifest(manifest).send().await;
        let digest = pushed.expect("pushed").image.and_then(|it| it.image_id).and_then(|it| it.image_digest).expect("a digest");
        let found = Image::find(&world, &spec("looked/up", "v1")).await.expect("an answer").expect("an image");
        assert_eq!(found.image_uri, format!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/looked/up@{digest}"));
        assert_eq!((found.image_digest, found.image_tags), (digest, vec!["v1".to_owned()]));

        let missing = Image::find(&world, &spec("looked/up", "v2")).await.expect_err("another tag");
        let expected = "repository `looked/up` has no image with the tag `v2`: push it first, or choose another; the newest are `v1`";
        assert_eq!(missing.message, expected);
    }
}
