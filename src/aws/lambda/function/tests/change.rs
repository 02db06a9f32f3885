//! Updates and deletes of a function, which Lambda takes one at a time.

use std::sync::{Arc, Mutex};

use infra::resource::{AnyResource as _, AnyUpdate, During, Error, Id};
use serde_json::{Value as Json, json};

use super::{super::Function, leak};
use crate::aws::{
    conformance::wire::{Answer, Wire},
    lambda::passes,
};

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
