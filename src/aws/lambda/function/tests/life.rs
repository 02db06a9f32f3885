//! Functions from their making to their end, with what refers to them.

use std::sync::{Arc, Mutex};

use infra::{
    apply::{self, Event, Interrupt, Session},
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::Request,
    resource::{AnyResource as _, AnyUpdate, Wanted},
    stack::{self, Caller, Settings},
    state::MemoryJournal,
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use super::{super::Function, ONE, TWO, leak};
use crate::aws::{
    Aws,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
    iam::role::Role,
    types,
};

/// A stack that is applied over and over.
struct Stage {
    cloud: Arc<Cloud<Aws>>,
    state: infra::state::State,
}

impl Stage {
    fn new(world: &Aws) -> Self {
        Self { cloud: Arc::new(Cloud::new(Arc::new(types()), world.clone())), state: infra::state::State::new("example", "default") }
    }

    /// Plans and applies; tells each step as `action address`, and what failed.
    async fn apply(&mut self, resources: &str) -> (Vec<String>, Vec<String>) {
        let catalog = &self.cloud.types.catalog;
        let text = format!("stack: example\nregion: eu-central-1\nresources:\n{resources}");
        let (file, found) = stack::parse(Arc::new(Source::new("example.yaml", text)), catalog);
        let caller = Some(Caller { account: "123456789012".into(), partition: "aws".into() });
        let settings = Settings { environment: "default".into(), caller, ..Settings::default() };
        let file = file.unwrap_or_else(|| panic!("{found:#?}"));
        let (resolved, found) = stack::resolve(&file, &settings, catalog, &Default::default());
        let resolved = resolved.unwrap_or_else(|| panic!("{found:#?}"));
        let request = Request { refresh: true, ..Request::default() };
        let planned = apply::plan(&self.cloud, &resolved, &self.state, &request).await;
        let (made, _) = planned.unwrap_or_else(|refusal| panic!("{refusal:#?}"));
        let journal = MemoryJournal::new();
        let (events, mut told) = mpsc::unbounded_channel();
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let session = Session { cloud: self.cloud.clone(), journal: &journal, events, interrupt, clock: Clock::from(Timestamp::now()) };
        self.state = apply::run(&session, &resolved, self.state.clone(), &made, &request).await.state;
        drop(session);
        let mut failed = vec![];
        while let Ok(event) = told.try_recv() {
            if let Event::Failed { error, .. } = event {
                failed.push(error);
            }
        }
        (made.plan.steps.iter().map(|it| format!("{:?} {}", it.action, it.address)).collect(), failed)
    }
}

#[tokio::test]
async fn a_change_that_failed_is_told_at_once_and_mended_by_the_next() {
    // The first change of the code fails: its image is gone.
    let codes = Arc::new(Mutex::new(0));
    let sent = codes.clone();
    // Once it is made, its image and its tags.
    let mut made: Option<(String, Json)> = None;
    let wire = Wire::routed(move |line, body| {
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        let mut sent = sent.lock().expect("nobody panicked");
        let text = |it: &Json| it.as_str().expect("an image").to_owned();
        if line.starts_with("POST") && line.ends_with("/functions") {
            made = Some((text(&body["Code"]["ImageUri"]), body["Tags"].clone()));
        } else if let (true, Some((image, _))) = (line.ends_with("/code"), &mut made) {
            *image = text(&body["ImageUri"]);
            *sent += 1;
        }
        let Some((image, tags)) = &made else {
            return Answer::Say(404, r#"{"__type": "ResourceNotFoundException", "Message": "none"}"#);
        };
        let mut configuration = json!({
            "FunctionName": "one", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:one", "State": "Active",
            "Role": "arn:aws:iam::123456789012:role/role", "MemorySize": 128, "PackageType": "Image", "LastUpdateStatus": "Successful",
        });
        if *sent == 1 {
            configuration["LastUpdateStatus"] = json!("Failed");
            configuration["LastUpdateStatusReasonCode"] = json!("ImageDeleted");
        }
        if line.starts_with("GET") {
            leak(json!({ "Configuration": configuration, "Code": { "ImageUri": image }, "Tags": tags }))
        } else {
            leak(configuration)
        }
    })
    .await;
    let file = |tag: &str| {
        format!(
            "  one: {{ lambda.function: {{ function_name: one, role: 'arn:aws:iam::123456789012:role/role', code: {{ image_uri: 'a:{tag}' }} }} }}\n"
        )
    };
    let mut stage = Stage::new(&wire.world);
    assert_eq!(stage.apply(&file("1")).await.1, [""; 0]);
    let (steps, failed) = stage.apply(&file("2")).await;
    assert_eq!(steps, ["Update one"]);
    assert_eq!(failed, ["the change of `one` failed: update Failed: ImageDeleted"]);
    let (steps, failed) = stage.apply(&file("2")).await;
    assert_eq!((steps, failed), (vec!["Update one".to_owned()], vec![]), "neither replaced nor taken for done");
    assert_eq!(*codes.lock().expect("nobody panicked"), 2);
}

#[tokio::test]
async fn another_image_changes_the_function_and_nothing_that_refers_to_it() {
    let world = cloud().await;
    let role = role(&world, "downstream-role").await;
    let file = |tag: &str| {
        format!(
            "
  backend:
    lambda.function: {{ function_name: downstream, role: '{role}', code: {{ image_uri: 'a:{tag}' }} }}
  caller:
    lambda.permission: {{ function_name: '${{backend.id}}', principal: apigateway.amazonaws.com }}
  alarm:
    cloudwatch.alarm:
      namespace: AWS/Lambda
      metric_name: Errors
      dimensions: {{ FunctionName: '${{backend.id}}' }}
      statistic: Sum
      period: 60
      evaluation_periods: 1
      comparison_operator: GreaterThanThreshold
      threshold: 0
      alarm_description: 'About ${{backend.arn}}, which ${{backend.invoke_arn}} calls'
"
        )
    };
    let mut stage = Stage::new(&world);
    assert_eq!(stage.apply(&file("v1")).await.0.len(), 3);
    let (steps, failed) = stage.apply(&file("v2")).await;
    assert_eq!((steps, failed), (vec!["Update backend".to_owned()], vec![]));
    assert_eq!(stage.apply(&file("v2")).await.0, [""; 0]);
    assert_eq!(stage.apply("  {}\n").await.1, [""; 0]);
}

async fn role(world: &Aws, name: &str) -> String {
    let trust =
        json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let spec = json!({ "role_name": name, "assume_role_policy_document": trust });
    Role.create(world, &spec, "0123456789abcdef0123456789abcdef").await.expect("a role");
    format!("arn:aws:iam::123456789012:role/{name}")
}

#[tokio::test]
async fn an_archive_is_told_by_its_hash_and_each_change_is_a_version() {
    let world = cloud().await;
    let role = role(&world, "archive-role").await;
    let spec = |zip: &str| {
        json!({
            "function_name": "archive", "role": role, "runtime": "nodejs22.x", "handler": "index.handler", "publish": true,
            "code": { "zip_file": zip },
        })
    };
    let id = Function.create(&world, &spec(ONE), "0123456789abcdef0123456789abcdef").await.expect("create");
    let wanted = Wanted(["code", "publish"].map(str::to_owned).into());
    let read = async || {
        let read = Function.read(&world, std::slice::from_ref(&id), &wanted).await.expect("read");
        let live = read.into_iter().next().flatten().expect("it is there");
        (live.spec["code"].clone(), live.outputs["code_sha256"].clone(), live.outputs["version"].clone())
    };
    let hash = "XpXsuGz+j4AVTMBAGOrCp2O7ByrR9TUPSIXKQ+T8rR0=";
    let (code, sha, version) = read().await;
    assert_eq!(code, json!({ "sha256": sha }), "neither the archive nor a place of it is told");
    assert_eq!(version, json!("1"));
    let changed = ["code".to_owned()].into();
    let change = async |to: &str, hash: Option<&str>| {
        let mut to = spec(to);
        if let Some(hash) = hash {
            to["code"]["sha256"] = json!(hash);
        }
        let update = AnyUpdate { id: &id, from: &spec(ONE), to: &to, changed: &changed };
        Function.update(&world, update).await.expect("update");
    };
    change(ONE, Some(hash)).await;
    assert_eq!(read().await, (code.clone(), sha.clone(), json!("1")), "the same archive is not sent again");
    change(TWO, None).await;
    let (_, other, version) = read().await;
    assert!(other != sha && version == json!("2"), "{other} {version}");
    Function.delete(&world, &id, &spec(TWO)).await.expect("delete");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "lambda.function",
        extra: "
other:
  iam.role:
    role_name: example-other-function-role
    assume_role_policy_document:
      Version: '2012-10-17'
      Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: 'sts:AssumeRole' }]
vpc:
  ec2.vpc: { cidr_block: 10.0.0.0/16 }
subnet:
  ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/24 }
second:
  ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24 }
group:
  ec2.security_group: { group_name: example-function, vpc_id: '${vpc.id}' }
",
        changes: &[
            "code: { image_uri: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/example-backend:v2' }",
            "role: ${other.arn}",
            "description: Another",
            "memory_size: 2048",
            "timeout: 60",
            "environment: { LOG_LEVEL: debug, OTHER: x }",
            "environment: {}",
            "vpc_config: { subnet_ids: ['${subnet.id}', '${second.id}'], security_group_ids: ['${group.id}'] }",
            "vpc_config: { subnet_ids: ['${second.id}'], security_group_ids: ['${group.id}'] }",
            "vpc_config: null",
            "reserved_concurrent_executions: 5",
            "reserved_concurrent_executions: null",
        ],
        replacements: &["function_name: example-another"],
        untried: &[
            // An image has none of these.
            "handler",
            "runtime",
            "layers",
            // The emulator takes these at the create only, or never tells them.
            "architectures",
            "ephemeral_storage",
            "tracing_config",
            "image_config",
            "kms_key_arn",
            "dead_letter_config",
            "logging_config",
            // What is published cannot be undone, and it is not a property that can be read; the example's other function has it.
            "publish",
        ],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
