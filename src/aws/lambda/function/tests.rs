use std::sync::{Arc, Mutex};

use infra::{
    apply::{self, Event, Interrupt, Session},
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::Request,
    resource::{AnyResource as _, AnyUpdate, During, Error, Id, Status, Wanted},
    stack::{self, Caller, Settings},
    state::MemoryJournal,
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use super::Function;
use crate::aws::{
    Aws,
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
    iam::role::Role,
    lambda::passes,
    types,
};

const CODE: &str = "ResourceConflictException";

/// A zip archive whose handler answers with `one`, and another with `two`.
const ONE: &str = "UEsDBBQAAAAAAAAAIQAHkoV5KgAAACoAAAAJAAAAaW5kZXgubWpzZXhwb3J0IGNvbnN0IGhhbmRsZXIgPSBhc3luYyAoKSA9PiAnb25lJzsKUEsBAhQDFAAAAAAAAAAhAAeShXkqAAAAKgAAAAkAAAAAAAAAAAAAAKQBAAAAAGluZGV4Lm1qc1BLBQYAAAAAAQABADcAAABRAAAAAAA=";
const TWO: &str = "UEsDBBQAAAAAAAAAIQDIddkSKgAAACoAAAAJAAAAaW5kZXgubWpzZXhwb3J0IGNvbnN0IGhhbmRsZXIgPSBhc3luYyAoKSA9PiAndHdvJzsKUEsBAhQDFAAAAAAAAAAhAMh12RIqAAAAKgAAAAkAAAAAAAAAAAAAAKQBAAAAAGluZGV4Lm1qc1BLBQYAAAAAAQABADcAAABRAAAAAAA=";

#[test]
fn an_image_and_an_archive_have_properties_of_their_own() {
    let zip = |changes: Json| {
        let mut spec = json!({ "runtime": "python3.13", "handler": "a.b" });
        for (name, value) in changes.as_object().expect("an object") {
            spec[name] = value.clone();
        }
        spec
    };
    for (spec, expected) in [
        (json!({ "code": { "image_uri": "a" } }), vec![]),
        (zip(json!({ "code": { "zip_file": ONE } })), vec![]),
        (zip(json!({ "code": { "s3_bucket": "a", "s3_key": "b", "s3_object_version": "c" } })), vec![]),
        (json!({ "code": {} }), vec!["there is no code"]),
        (json!({ "code": { "image_uri": "a", "s3_key": "b" } }), vec!["the code is given in several ways"]),
        (zip(json!({ "code": { "s3_key": "b" } })), vec!["`s3_bucket` is missing"]),
        (zip(json!({ "code": { "zip_file": ONE, "s3_object_version": "c" } })), vec!["code.s3_object_version: there is no archive in S3"]),
        (json!({ "code": { "image_uri": "a", "sha256": "b" } }), vec!["code.sha256: an image has no archive"]),
        (zip(json!({ "code": { "image_uri": "a" } })), vec!["an image has no handler", "an image has no runtime"]),
        (json!({ "code": { "zip_file": ONE } }), vec!["a zip archive needs a handler", "a zip archive needs a runtime"]),
        (json!({ "code": { "image_uri": "a" }, "layers": ["b"] }), vec!["an image has no layers of Lambda's"]),
        (zip(json!({ "code": { "zip_file": ONE }, "image_config": {} })), vec!["a zip archive is no image"]),
    ] {
        assert_eq!(complaints::<Function>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn names_and_sizes_that_lambda_refuses_are_found_before() {
    for (spec, expected) in [
        (json!({ "environment": { "LOG_LEVEL": "info", "removed": null } }), vec![]),
        (json!({ "environment": { "AWS_REGION": "eu-central-1" } }), vec!["environment.AWS_REGION: `AWS_REGION` is Lambda's own"]),
        (json!({ "environment": { "_HANDLER": "a" } }), vec!["environment._HANDLER: `_HANDLER` is Lambda's own"]),
        (json!({ "environment": { "1A": "a" } }), vec!["environment.1A: Lambda takes no variable of this name"]),
        (json!({ "environment": { "A-B": "a" } }), vec!["environment.A-B: Lambda takes no variable of this name"]),
        (json!({ "environment": { "AB": "a".repeat(4095) } }), vec!["the environment has 4097 bytes, and 4096 are possible"]),
        (json!({ "dead_letter_config": { "target_arn": "arn:aws:sqs:eu-central-1:123456789012:a" } }), vec![]),
        (
            json!({ "dead_letter_config": { "target_arn": "arn:aws:s3:::a" } }),
            vec!["dead_letter_config.target_arn: not the ARN of a queue or topic"],
        ),
        (json!({ "logging_config": { "log_format": "JSON", "system_log_level": "WARN" } }), vec![]),
        (
            json!({ "logging_config": { "system_log_level": "WARN" } }),
            vec!["logging_config.system_log_level: only JSON lines have a level"],
        ),
    ] {
        assert_eq!(complaints::<Function>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn what_passes_is_told_from_what_does_not() {
    let invalid = "InvalidParameterValueException";
    let under_way = "The operation cannot be performed at this time. An update is in progress for resource: arn";
    for (during, code, message, expected) in [
        (During::Create, invalid, "The role defined for the function cannot be assumed by Lambda.", Some(120)),
        (During::Update, invalid, "The provided execution role does not have permissions to call CreateNetworkInterface on EC2", Some(120)),
        (
            During::Create,
            invalid,
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant.",
            Some(120),
        ),
        (During::Create, invalid, "Your request has been throttled by EC2, please make sure you have enough API rate limit.", Some(840)),
        (During::Create, invalid, "Source image a does not exist. Provide a valid source image.", None),
        (During::Create, CODE, "Function already exist: a", None),
        (
            During::Create,
            CODE,
            "The operation cannot be performed at this time. The function is currently in the following state: Deleting",
            Some(600),
        ),
        (During::Update, CODE, under_way, Some(600)),
        (During::Delete, CODE, under_way, Some(600)),
        (
            During::Delete,
            invalid,
            "Lambda was unable to delete arn because it is a replicated function. Please see our documentation",
            Some(7200),
        ),
    ] {
        assert_eq!(passes::<Function>(during, code, message), expected, "{message}");
    }
}

fn leak(json: Json) -> Answer {
    Answer::Say(200, Box::leak(json.to_string().into_boxed_str()))
}

/// What Lambda says of a function with these in its configuration.
async fn answered(configuration: Json) -> infra::resource::AnyLive {
    let answer = leak(json!({ "Configuration": configuration, "Code": { "ImageUri": "image:1" } }));
    let wire = Wire::routed(move |_, _| answer).await;
    let wanted = Wanted(["code".to_owned()].into());
    let read = Function.read(&wire.world, &["one".into()], &wanted).await.expect("read");
    read.into_iter().next().flatten().expect("it is there")
}

#[tokio::test]
async fn states_are_told_with_their_reasons() {
    for (configuration, expected) in [
        (json!({ "State": "Active" }), Status::Ready),
        (json!({ "State": "Inactive" }), Status::Ready),
        (json!({ "State": "Active", "LastUpdateStatus": "Successful" }), Status::Ready),
        (
            json!({ "State": "Pending", "StateReasonCode": "Creating", "StateReason": "The function is being created." }),
            Status::Pending("Pending: Creating: The function is being created.".into()),
        ),
        (
            json!({ "State": "Failed", "StateReasonCode": "SubnetOutOfIPAddresses", "StateReason": "no address" }),
            Status::Failed("Failed: SubnetOutOfIPAddresses: no address".into()),
        ),
        (json!({ "State": "Active", "LastUpdateStatus": "InProgress" }), Status::Pending("update InProgress".into())),
        (
            json!({
                "State": "Active", "LastUpdateStatus": "Failed",
                "LastUpdateStatusReasonCode": "ImageDeleted", "LastUpdateStatusReason": "the image is gone",
            }),
            Status::UpdateFailed("update Failed: ImageDeleted: the image is gone".into()),
        ),
        (json!({ "State": "Deleting" }), Status::Deleting("Deleting".into())),
    ] {
        assert_eq!(answered(configuration.clone()).await.status, expected, "{configuration}");
    }
}

#[tokio::test]
async fn after_a_change_that_failed_there_is_code_to_be_sent() {
    let live = answered(json!({ "State": "Active", "LastUpdateStatus": "Failed" })).await;
    assert_eq!(live.spec.get("code"), None);
    let live = answered(json!({ "State": "Active", "LastUpdateStatus": "Successful" })).await;
    assert_eq!(live.spec["code"], json!({ "image_uri": "image:1" }));
}

#[tokio::test]
async fn an_environment_that_may_not_be_read_is_no_empty_one() {
    let answer =
        leak(json!({ "Configuration": { "Environment": { "Error": { "ErrorCode": "AccessDeniedException", "Message": "no key" } } } }));
    let wire = Wire::routed(move |_, _| answer).await;
    let refused = Function.read(&wire.world, &["one".into()], &Wanted::default()).await.expect_err("refused");
    assert_eq!(refused.to_string(), "GetFunction: AccessDeniedException: no key");
}

/// Lambda with one function, whose changes each take a few looks. What is asked of it meanwhile is refused.
struct Lambda {
    wire: Wire,
}

struct State {
    configuration: Json,
    image: String,
    /// For how many more looks the last change goes on.
    busy: usize,
}

impl Lambda {
    async fn with(configuration: Json, busy: usize) -> Self {
        let state = Arc::new(Mutex::new(State { configuration, image: "image:1".into(), busy }));
        let wire = Wire::routed(move |line, body| state.lock().expect("nobody panicked").answer(line, body)).await;
        Self { wire }
    }

    /// Tries as the engine does until it is done; panics where it would give up.
    async fn try_until_done<F: Future<Output = Result<(), Error>>>(&self, mut call: impl FnMut() -> F, during: During) {
        for _ in 0..20 {
            match call().await {
                Ok(()) => return,
                Err(error) => {
                    let code = error.code.clone().unwrap_or_default();
                    assert!(passes::<Function>(during, &code, &error.message).is_some(), "{error}");
                }
            }
        }
        panic!("never done: {:#?}", self.wire.changes());
    }

    async fn update(&self, from: &Json, to: &Json, changed: &[&str]) -> Vec<String> {
        let (id, changed) = (Id::from("one"), changed.iter().map(|it| (*it).to_owned()).collect());
        let update = || Function.update(&self.wire.world, AnyUpdate { id: &id, from, to, changed: &changed });
        self.try_until_done(update, During::Update).await;
        self.wire.changes()
    }
}

impl State {
    fn answer(&mut self, line: &str, body: &str) -> Answer {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let path = path.split("/functions/one").nth(1).expect("a function").to_owned();
        if method == "GET" {
            let busy = self.busy > 0;
            self.busy = self.busy.saturating_sub(1);
            self.configuration["LastUpdateStatus"] = json!(if busy { "InProgress" } else { "Successful" });
            return leak(json!({ "Configuration": self.configuration, "Code": { "ImageUri": self.image } }));
        }
        if self.busy > 0 {
            return Answer::Say(
                409,
                r#"{"__type": "ResourceConflictException", "Message": "The operation cannot be performed at this time."}"#,
            );
        }
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        match path.as_str() {
            "/configuration" => {
                for (key, value) in body.as_object().expect("a body") {
                    self.configuration[key] = value.clone();
                }
                self.busy = 3;
            }
            "/code" => {
                self.image = body["ImageUri"].as_str().expect("an image").to_owned();
                self.busy = 3;
            }
            _ => {}
        }
        leak(json!({ "LastUpdateStatus": if self.busy > 0 { "InProgress" } else { "Successful" } }))
    }
}

fn before() -> (Json, Json) {
    let configuration = json!({
        "FunctionName": "one", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:one", "State": "Active",
        "Role": "role", "MemorySize": 128, "PackageType": "Image",
    });
    (configuration, json!({ "function_name": "one", "role": "role", "code": { "image_uri": "image:1" } }))
}

#[tokio::test]
async fn the_configuration_changes_first_then_the_code_and_nothing_twice() {
    let (configuration, from) = before();
    // A change that somebody else began is waited for.
    let lambda = Lambda::with(configuration, 2).await;
    let mut to = from.clone();
    to["memory_size"] = json!(256);
    to["code"]["image_uri"] = json!("image:2");
    assert_eq!(
        lambda.update(&from, &to, &["memory_size", "code"]).await,
        [
            r#"PUT /2015-03-31/functions/one/configuration {"MemorySize":256}"#,
            r#"PUT /2015-03-31/functions/one/code {"Architectures":["x86_64"],"ImageUri":"image:2","Publish":false}"#,
        ]
    );
    // An answer that was lost: everything is there already.
    let sent = lambda.wire.changes().len();
    assert_eq!(lambda.update(&from, &to, &["memory_size", "code"]).await.len(), sent);
}

#[tokio::test]
async fn a_version_is_published_last() {
    let (configuration, from) = before();
    let lambda = Lambda::with(configuration.clone(), 0).await;
    let mut to = from.clone();
    (to["memory_size"], to["publish"]) = (json!(256), json!(true));
    assert_eq!(
        lambda.update(&from, &to, &["memory_size"]).await,
        [r#"PUT /2015-03-31/functions/one/configuration {"MemorySize":256}"#, "POST /2015-03-31/functions/one/versions {}"]
    );
    // With new code it is published with it.
    let lambda = Lambda::with(configuration, 0).await;
    to["code"]["image_uri"] = json!("image:2");
    let sent = lambda.update(&from, &to, &["memory_size", "code"]).await;
    assert_eq!(sent.len(), 2);
    assert!(sent[1].contains(r#""Publish":true"#), "{sent:?}");
}

#[tokio::test]
async fn reserved_concurrency_is_a_call_of_its_own() {
    let (configuration, mut from) = before();
    let lambda = Lambda::with(configuration, 0).await;
    from["reserved_concurrent_executions"] = json!(5);
    let mut to = from.clone();
    to["reserved_concurrent_executions"] = json!(7);
    let sent = lambda.update(&from, &to, &["reserved_concurrent_executions"]).await;
    assert_eq!(sent, [r#"PUT /2017-10-31/functions/one/concurrency {"ReservedConcurrentExecutions":7}"#]);
}

#[tokio::test]
async fn the_environment_and_its_key_are_sent_together() {
    let (configuration, mut from) = before();
    from["environment"] = json!({ "A1": "b" });
    for (property, value, expected) in [
        ("kms_key_arn", json!("arn:aws:kms:a"), json!({ "Environment": { "Variables": { "A1": "b" } }, "KMSKeyArn": "arn:aws:kms:a" })),
        ("environment", json!({ "A1": "c" }), json!({ "Environment": { "Variables": { "A1": "c" } }, "KMSKeyArn": "" })),
    ] {
        let lambda = Lambda::with(configuration.clone(), 0).await;
        let mut to = from.clone();
        to[property] = value;
        let sent = lambda.update(&from, &to, &[property]).await;
        let body = sent[0].strip_prefix("PUT /2015-03-31/functions/one/configuration ").expect("the configuration");
        assert_eq!(serde_json::from_str::<Json>(body).expect("JSON"), expected, "{property}");
        assert_eq!(sent.len(), 1);
    }
}

#[tokio::test]
async fn what_is_removed_is_unset() {
    let (mut configuration, mut from) = before();
    configuration["DeadLetterConfig"] = json!({ "TargetArn": "arn:aws:sqs:a:b:c" });
    configuration["VpcConfig"] = json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1" });
    configuration["ImageConfigResponse"] = json!({ "ImageConfig": { "Command": ["a"] } });
    configuration["LoggingConfig"] =
        json!({ "LogFormat": "JSON", "LogGroup": "/mine", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO" });
    configuration["TracingConfig"] = json!({ "Mode": "Active" });
    let to = from.clone();
    from["dead_letter_config"] = json!({ "target_arn": "arn:aws:sqs:a:b:c" });
    from["vpc_config"] = json!({ "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"] });
    from["image_config"] = json!({ "command": ["a"] });
    let wire = Wire::routed(move |line, _| {
        if line.starts_with("GET") {
            leak(json!({ "Configuration": configuration, "Code": { "ImageUri": "image:1" } }))
        } else {
            Answer::Say(200, "{}")
        }
    })
    .await;
    let changed = ["dead_letter_config", "vpc_config", "image_config", "logging_config", "tracing_config"].map(str::to_owned).into();
    Function.update(&wire.world, AnyUpdate { id: &"one".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    let [sent] = &wire.changes()[..] else { panic!("one call: {:?}", wire.changes()) };
    let body = sent.strip_prefix("PUT /2015-03-31/functions/one/configuration ").expect("the configuration");
    assert_eq!(
        serde_json::from_str::<Json>(body).expect("JSON"),
        json!({
            "DeadLetterConfig": { "TargetArn": "" }, "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] }, "ImageConfig": {},
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/one" }, "TracingConfig": { "Mode": "PassThrough" },
        })
    );
}

#[tokio::test]
async fn a_function_leaves_its_network_before_it_goes() {
    let (mut configuration, mut spec) = before();
    configuration["VpcConfig"] = json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] });
    spec["vpc_config"] = json!({ "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"] });
    let lambda = Lambda::with(configuration.clone(), 1).await;
    let id = Id::from("one");
    lambda.try_until_done(|| Function.delete(&lambda.wire.world, &id, &spec), During::Delete).await;
    assert_eq!(
        lambda.wire.changes(),
        [
            r#"PUT /2015-03-31/functions/one/configuration {"VpcConfig":{"SubnetIds":[],"SecurityGroupIds":[]}}"#,
            "DELETE /2015-03-31/functions/one",
        ]
    );
    // One without a network goes at once.
    let (configuration, spec) = before();
    let lambda = Lambda::with(configuration, 0).await;
    lambda.try_until_done(|| Function.delete(&lambda.wire.world, &id, &spec), During::Delete).await;
    assert_eq!(lambda.wire.changes(), ["DELETE /2015-03-31/functions/one"]);
}

#[tokio::test]
async fn a_function_that_cannot_leave_its_network_goes_nevertheless() {
    let wire = Wire::routed(|line, _| match line.split(' ').next() {
        Some("GET") => Answer::Say(200, r#"{"Configuration": {"State": "Active", "VpcConfig": {"SubnetIds": ["subnet-1"]}}}"#),
        Some("PUT") => Answer::Say(400, r#"{"__type": "InvalidParameterValueException", "Message": "The role is gone"}"#),
        _ => Answer::Say(204, ""),
    })
    .await;
    let spec = json!({ "role": "a", "code": {}, "vpc_config": { "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"] } });
    Function.delete(&wire.world, &"one".into(), &spec).await.expect("gone");
    assert_eq!(wire.changes().last().map(String::as_str), Some("DELETE /2015-03-31/functions/one"));
}

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
        let (file, found) = stack::parse(Arc::new(Source { path: "example.yaml".into(), text }), catalog);
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
