//! Documents in a bucket, and the events of that bucket.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::bedrock::{Bedrock, THROTTLED};
use crate::support::lambda::{Function, http_event};
use crate::support::postgres::{self, connect, execute, number};
use crate::support::role::Role;
use crate::support::server::{Server, signed, token, variables};
use crate::support::{KEY, is_translated, moto};

/// The whole system: server, function, bucket, secrets, database.
struct System {
    bucket: String,
    s3: aws_sdk_s3::Client,
    database: String,
    bedrock: Bedrock,
    role: Role,
    variables: HashMap<String, String>,
}

impl System {
    async fn new(name: &str) -> Self {
        let bucket = format!("hr-chatbot-documents-{name}");
        let database = postgres::database().await;
        let bedrock = Bedrock::start().await;
        let s3 = moto::bucket(&bucket).await;
        let role = Role::start().await;
        // The port as text, as secrets written by hand have it.
        let credentials = json!({
            "host": "127.0.0.1", "port": postgres::shared_port().to_string(), "dbname": database.rsplit('/').next(),
            "username": "postgres", "password": "x",
        });
        moto::secret(&format!("{name}/database"), &credentials).await;
        moto::secret(&format!("{name}/app-secrets"), &json!({ "secret_key": KEY, "algorithm": "HS256" })).await;
        let mut variables = variables(&bedrock.url);
        variables.remove("JWT_SECRET_KEY");
        let settings = [
            ("DB_SECRET_NAME", format!("{name}/database")),
            ("DB_SSL_MODE", "prefer".into()),
            ("APP_SECRET_NAME", format!("{name}/app-secrets")),
            ("USE_S3", "true".into()),
            ("S3_BUCKET", bucket.clone()),
            ("AWS_ENDPOINT_URL_S3", role.url.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto::url().await),
        ];
        variables.extend(settings.map(|(name, value)| (name.to_owned(), value)));
        Self { bucket, s3, database, bedrock, role, variables }
    }

    async fn server(&self, changes: &[(&str, &str)]) -> Server {
        let mut all: Vec<(&str, &str)> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.push(("JWT_SECRET_KEY", ""));
        all.extend(changes);
        Server::bare(&all).await
    }

    async fn function(&self) -> Function {
        Function::start(self.variables.clone()).await
    }

    /// Writes an object and returns the event that S3 sends about it.
    async fn put(&self, key: &str, text: &[u8], sequencer: &str) -> Value {
        let answer = self.s3.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(text.to_vec())).send().await.unwrap();
        self.event(key, text.len(), answer.version_id().unwrap(), sequencer)
    }

    fn event(&self, key: &str, size: usize, version: &str, sequencer: &str) -> Value {
        json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "ap-northeast-1", "eventTime": "2026-01-01T00:00:00.000Z",
            "eventName": "ObjectCreated:Put",
            "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": self.bucket, "arn": format!("arn:aws:s3:::{}", self.bucket) },
                    "object": { "key": key.replace(' ', "+"), "size": size, "eTag": "x", "versionId": version, "sequencer": sequencer } }
        }] })
    }

    /// Removes an object, one version of it for good where that is said, and returns the event that S3 sends about it.
    async fn remove(&self, key: &str, version: Option<&str>) -> Value {
        let delete = self.s3.delete_object().bucket(&self.bucket).key(key).set_version_id(version.map(str::to_owned));
        let answer = delete.send().await.unwrap();
        let mut event = self.event(key, 0, version.or(answer.version_id()).unwrap(), "FF");
        let name = if version.is_some() { "ObjectRemoved:Delete" } else { "ObjectRemoved:DeleteMarkerCreated" };
        event["Records"][0]["eventName"] = json!(name);
        event
    }

    /// Status and whole text of the document of a key.
    async fn document(&self, key: &str) -> (String, String) {
        self.found(key).await.expect("there is a document")
    }

    async fn found(&self, key: &str) -> Option<(String, String)> {
        let query = "SELECT status, coalesce((SELECT string_agg(content, '|') FROM document_chunks WHERE document_id = d.id), '')
                     FROM documents d WHERE object_key = $1 AND deleted_at IS NULL";
        let row = connect(&self.database).await.query_opt(query, &[&key]).await.unwrap()?;
        Some((row.get(0), row.get(1)))
    }

    /// From now on the database refuses uploads at the last moment, when the file is stored already.
    async fn refuse_uploads(&self) {
        let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
                      CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED
                      FOR EACH ROW WHEN (NEW.uploaded_by IS NOT NULL) EXECUTE FUNCTION refuse()";
        execute(&self.database, refuse).await;
    }

    /// The event of the only object that was ever written to the bucket.
    async fn event_of_the_only_object(&self) -> Value {
        let listed = self.s3.list_object_versions().bucket(&self.bucket).send().await.unwrap();
        let [version] = listed.versions() else { panic!("{listed:?}") };
        self.event(version.key().unwrap(), 4, version.version_id().unwrap(), "0A")
    }
}

fn outcomes(list: &[&str]) -> Result<Value, Value> {
    Ok(json!({ "outcomes": list }))
}

#[tokio::test]
async fn from_upload_through_the_bucket_to_the_answer() {
    let system = System::new("whole").await;
    let server = system.server(&[]).await;
    let answer = server.upload(&[("員工 手冊.txt", "特別休假三日。".as_bytes())]).await.expect(202);
    let document = &answer["documents"][0];
    assert_eq!(document["status"], "pending");
    let id = document["id"].as_str().unwrap();
    let key = format!("uploads/{id}/員工 手冊.txt");
    assert_eq!(moto::keys(&system.bucket).await, vec![key.clone()]);

    let head = system.s3.head_object().bucket(&system.bucket).key(&key).send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    let function = system.function().await;
    let event = system.event(&key, 21, head.version_id().unwrap(), "0A");
    assert_eq!(function.invoke(event).await, outcomes(&["Completed { chunks: 1 }"]));
    let found = server.authorized(Method::GET, &format!("/documents/{id}")).await.expect(200);
    assert_eq!((found["status"].as_str(), found["chunk_count"].as_u64()), (Some("completed"), Some(1)));
    let answer = server.post("/query", json!({ "message": "特別休假", "use_rag": true })).await.expect(200);
    assert_eq!(answer["sources"][0]["document_id"], id);

    server.authorized(Method::DELETE, &format!("/documents/{id}")).await.expect(204);
    assert!(moto::keys(&system.bucket).await.is_empty());
    assert_eq!(number(&system.database, "SELECT count(*) FROM document_chunks").await, 0);
    // The event comes once more, after the removal: that version can still be had, but the document stays away.
    let event = system.event(&key, 21, head.version_id().unwrap(), "0A");
    assert_eq!(function.invoke(event).await, outcomes(&["Deleted"]));
    server.authorized(Method::GET, &format!("/documents/{id}")).await.refused(404, "unknown_document");
}

#[tokio::test]
async fn events_twice_and_out_of_order() {
    let system = System::new("order").await;
    let function = system.function().await;
    let key = "uploads/rules of the house.txt";
    let first = system.put(key, b"first version", "55AED6DCD90281E5").await;
    assert_eq!(function.invoke(first.clone()).await, outcomes(&["Completed { chunks: 1 }"]));
    assert_eq!(system.document(key).await, ("completed".into(), "first version".into()));
    let calls = system.bedrock.calls().len();
    assert_eq!(function.invoke(first.clone()).await, outcomes(&["AlreadyDone"]));
    assert_eq!(system.bedrock.calls().len(), calls, "nothing is paid for twice");

    let second = system.put(key, b"second version", "0055AED6DCD90281E6").await;
    assert_eq!(function.invoke(second).await, outcomes(&["Completed { chunks: 1 }"]));
    assert_eq!(function.invoke(first).await, outcomes(&["AlreadyDone"]));
    assert_eq!(system.document(key).await, ("completed".into(), "second version".into()));

    // Two are written before the first event comes: whichever comes first finds the newest.
    let third = system.put(key, b"third version", "55AED6DCD90281E7").await;
    let fourth = system.put(key, b"fourth version", "55AED6DCD90281E8").await;
    assert_eq!(function.invoke(third).await, outcomes(&["Completed { chunks: 1 }"]));
    assert_eq!(function.invoke(fourth).await, outcomes(&["AlreadyDone"]));
    assert_eq!(system.document(key).await, ("completed".into(), "fourth version".into()));

    // The same event in two functions at once: one does it.
    let fifth = system.put(key, b"fifth version", "55AED6DCD90281E9").await;
    let other = system.function().await;
    let (a, b) = tokio::join!(function.invoke(fifth.clone()), other.invoke(fifth));
    let mut both = [a.unwrap().to_string(), b.unwrap().to_string()];
    both.sort();
    assert_eq!(both, [r#"{"outcomes":["AlreadyDone"]}"#, r#"{"outcomes":["Completed { chunks: 1 }"]}"#]);
    assert_eq!(system.document(key).await, ("completed".into(), "fifth version".into()));
    assert_eq!(number(&system.database, "SELECT count(*) FROM document_chunks").await, 1);
}

#[tokio::test]
async fn objects_that_are_removed() {
    let system = System::new("removed").await;
    let function = system.function().await;
    let done = outcomes(&["Completed { chunks: 1 }"]);
    // The removal is told before what was removed.
    let key = "uploads/short.txt";
    let created = system.put(key, b"here for a moment", "0A").await;
    let removed = system.remove(key, None).await;
    assert_eq!(function.invoke(removed.clone()).await, outcomes(&["Deleted"]));
    assert_eq!(function.invoke(created).await, outcomes(&["Deleted"]));
    assert_eq!(system.found(key).await, None);
    // Somebody writes it once more, and the old news comes again.
    let again = system.put(key, b"back to stay", "0B").await;
    assert_eq!(function.invoke(again).await, done);
    assert_eq!(function.invoke(removed).await, outcomes(&["AlreadyDone"]));
    assert_eq!(system.document(key).await.1, "back to stay");
    // In the usual order.
    let removed = system.remove(key, None).await;
    assert_eq!(function.invoke(removed).await, outcomes(&["Removed"]));
    assert_eq!(system.found(key).await, None);
    assert_eq!(number(&system.database, "SELECT count(*) FROM document_chunks").await, 0);

    // An old version goes for good: the document is what it was. Then the current one: it is what it was before.
    let key = "uploads/long.txt";
    let version = |event: &Value| event["Records"][0]["s3"]["object"]["versionId"].as_str().unwrap().to_owned();
    let first = system.put(key, b"one", "0A").await;
    let second = system.put(key, b"two", "0B").await;
    let third = system.put(key, b"three", "0C").await;
    assert_eq!(function.invoke(third.clone()).await, done);
    let removed = system.remove(key, Some(&version(&second))).await;
    assert_eq!(function.invoke(removed).await, outcomes(&["AlreadyDone"]));
    assert_eq!(system.document(key).await.1, "three");
    let removed = system.remove(key, Some(&version(&third))).await;
    assert_eq!(function.invoke(removed).await, done);
    assert_eq!(system.document(key).await.1, "one");
    let removed = system.remove(key, Some(&version(&first))).await;
    assert_eq!(function.invoke(removed).await, outcomes(&["Removed"]));
}

#[tokio::test]
async fn an_upload_that_is_refused_is_no_document_whatever_the_bucket_tells() {
    let system = System::new("never").await;
    let (server, function) = (system.server(&[]).await, system.function().await);
    server.get("/ready").await.expect(200);
    system.refuse_uploads().await;
    server.upload(&[("a.txt", b"text")]).await.refused(500, "internal");
    assert!(moto::keys(&system.bucket).await.is_empty());
    let event = system.event_of_the_only_object().await;
    assert_eq!(function.invoke(event.clone()).await, outcomes(&["Deleted"]));
    // Even if its file could not be taken out again, and is there.
    let key = event["Records"][0]["s3"]["object"]["key"].as_str().unwrap();
    let event = system.put(key, b"text", "0B").await;
    assert_eq!(function.invoke(event).await, outcomes(&["Deleted"]));
    assert_eq!(server.authorized(Method::GET, "/documents").await.expect(200)["total"], 0);
}

#[tokio::test]
async fn an_event_that_comes_before_its_upload_is_taken_back() {
    let system = System::new("overtaken").await;
    let (server, function) = (system.server(&[]).await, system.function().await);
    server.get("/ready").await.expect(200);
    system.refuse_uploads().await;
    system.role.hold_removals();
    let upload = server.upload(&[("a.txt", b"text")]);
    let event = async {
        system.role.asked_to_remove().await;
        let event = system.event_of_the_only_object().await;
        let result = function.invoke(event).await;
        system.role.release();
        result
    };
    let (answer, _) = tokio::join!(upload, event);
    answer.refused(500, "internal");
    assert_eq!(server.authorized(Method::GET, "/documents").await.expect(200)["total"], 0);
    assert_eq!(number(&system.database, "SELECT count(*) FROM document_chunks").await, 0);
}

#[tokio::test]
async fn a_function_answers_after_it_has_cleaned_up() {
    let system = System::new("frozen").await;
    let function = system.function().await;
    function.invoke(json!({ "command": "migrate" })).await.unwrap();
    system.refuse_uploads().await;
    system.role.hold_removals();
    let body = "--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\ntext\r\n--b--\r\n";
    let mut event = http_event("POST", "/upload/document", None);
    event["body"] = json!(body);
    event["headers"]["content-type"] = json!("multipart/form-data; boundary=b");
    event["headers"]["authorization"] = json!(format!("Bearer {}", token("amy", 60)));
    let mut answer = pin!(function.invoke(event));
    tokio::select! {
        early = &mut answer => panic!("it is frozen with a file that has no document: {early:?}"),
        () = system.role.asked_to_remove() => {}
    }
    let early = tokio::time::timeout(Duration::from_millis(500), &mut answer).await;
    assert!(early.is_err(), "it is frozen while it removes: {early:?}");
    system.role.release();
    assert_eq!(answer.await.unwrap()["statusCode"], 500);
    assert!(moto::keys(&system.bucket).await.is_empty());
}

#[tokio::test]
async fn a_new_version_waits_for_the_one_that_is_being_read() {
    let mut system = System::new("waiting").await;
    system.variables.insert("DB_STATEMENT_TIMEOUT_SECONDS".into(), "0.3".into());
    let (one, other) = (system.function().await, system.function().await);
    let key = "uploads/slow.txt";
    let first = system.put(key, b"one", "0A").await;
    let held = system.bedrock.hold();
    let reading = one.invoke(first);
    let overtaking = async {
        while system.bedrock.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        let second = system.put(key, b"two", "0B").await;
        let mut answer = pin!(other.invoke(second));
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                       AND now() - query_start > interval '1 second'";
        let patient = async {
            while number(&system.database, waiting).await == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            early = &mut answer => panic!("it did not wait: {early:?}"),
            () = patient => held.add_permits(1000),
        }
        answer.await
    };
    let (first, second) = tokio::join!(reading, overtaking);
    assert_eq!((first, second), (outcomes(&["Completed { chunks: 1 }"]), outcomes(&["Completed { chunks: 1 }"])));
    assert_eq!(system.document(key).await, ("completed".into(), "two".into()));
}

#[tokio::test]
async fn a_function_whose_time_is_up_says_so() {
    let system = System::new("late").await;
    let function = system.function().await;
    let key = "uploads/late.txt";
    let event = system.put(key, b"text", "0A").await;
    let held = system.bedrock.hold();
    let error = function.invoke_for(event.clone(), Duration::from_secs(4)).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("it took too long"), "{error}");
    assert_eq!(system.document(key).await.0, "failed");
    held.add_permits(1000);
    assert_eq!(function.invoke(event).await, outcomes(&["Completed { chunks: 1 }"]));
}

#[tokio::test]
async fn objects_that_cannot_be_documents() {
    let mut system = System::new("refused").await;
    system.variables.insert("MAX_DOCUMENT_BYTES".into(), "1000".into());
    let function = system.function().await;
    for (key, text, reason) in [
        ("uploads/picture.png", b"\x89PNG".as_slice(), "its type cannot be read"),
        ("uploads/empty.txt", b"", "the file is empty"),
        ("uploads/large.txt", &[b'x'; 1001], "the file is larger than 1000 bytes"),
        ("uploads/picture.pdf", b"\x89PNG\r\n\x1a\n", "it is damaged"),
        ("uploads/broken.docx", b"PK\x03\x04", "the archive is damaged"),
    ] {
        let event = system.put(key, text, "0A").await;
        // It would not be better at the next try, so that the event counts as done.
        assert_eq!(function.invoke(event).await, outcomes(&["Failed"]));
        let row =
            connect(&system.database).await.query_one("SELECT status, error FROM documents WHERE object_key = $1", &[&key]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "failed");
        assert!(row.get::<_, &str>(1).contains(reason) && is_translated(row.get(1)), "{}", row.get::<_, &str>(1));
    }
    let gone = system.event("uploads/never.txt", 5, "no-such-version", "0A");
    assert_eq!(function.invoke(gone).await, outcomes(&["Deleted"]));
}

#[tokio::test]
async fn trouble_that_passes_is_tried_again() {
    let system = System::new("again").await;
    let function = system.function().await;
    let key = "uploads/patience.txt";
    let event = system.put(key, b"text", "0A").await;
    system.bedrock.always(THROTTLED);
    let error = function.invoke(event.clone()).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("the model is busy"), "{error}");
    assert_eq!(system.document(key).await.0, "failed");
    system.bedrock.always(None);
    assert_eq!(function.invoke(event).await, outcomes(&["Completed { chunks: 1 }"]));
    assert_eq!(system.document(key).await, ("completed".into(), "text".into()));
}

#[tokio::test]
async fn a_bucket_that_is_away_leaves_nothing() {
    let system = System::new("away").await;
    let server = system.server(&[("S3_BUCKET", "no-such-bucket-anywhere")]).await;
    server.upload(&[("a.txt", b"text")]).await.refused(503, "storage_unavailable");
    assert_eq!(server.authorized(Method::GET, "/documents").await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_rotated_key_takes_effect() {
    let system = System::new("rotated").await;
    let ask = async |server: &Server, key: &str| {
        let token = signed(&json!({ "sub": "amy", "exp": 4_000_000_000_u64 }), key);
        server.send(server.request(Method::GET, "/documents").bearer_auth(token)).await
    };
    let store = async |key: &str| {
        let client = moto::secrets().await;
        let text = json!({ "secret_key": key, "algorithm": "HS256" }).to_string();
        client.put_secret_value().secret_id("rotated/app-secrets").secret_string(text).send().await.unwrap();
    };
    let new = "the key after the rotation, also long";
    let server = system.server(&[("SECRET_KEY_MAX_AGE_SECONDS", "30")]).await;
    ask(&server, KEY).await.expect(200);
    ask(&server, new).await.refused(401, "token_invalid");
    store(new).await;
    // A refusal makes it ask again, though not each time.
    let begun = std::time::Instant::now();
    while ask(&server, new).await.status != 200 {
        assert!(begun.elapsed().as_secs() < 20, "the new key is not accepted");
    }
    ask(&server, KEY).await.refused(401, "token_invalid");
    // Without a refusal it is believed until it is old.
    let server = system.server(&[("SECRET_KEY_MAX_AGE_SECONDS", "0.5")]).await;
    ask(&server, new).await.expect(200);
    store(KEY).await;
    while ask(&server, new).await.status == 200 {
        assert!(begun.elapsed().as_secs() < 40, "the old key is believed for ever");
    }
    ask(&server, KEY).await.expect(200);
    // A secret that is wrong is nobody's key.
    store("short").await;
    let other = system.server(&[]).await;
    ask(&other, KEY).await.refused(503, "tokens_unavailable");
}

#[tokio::test]
async fn a_forged_token_keeps_nobody_waiting() {
    // Secrets Manager as it is when it hangs: it answers once, and then no more.
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let secrets = axum::Router::new().fallback(async move || {
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        axum::Json(json!({ "Name": "a", "SecretString": json!({ "secret_key": KEY }).to_string() }))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, secrets).await });
    let settings = [
        ("JWT_SECRET_KEY", ""),
        ("APP_SECRET_NAME", "a"),
        ("SECRET_KEY_MAX_AGE_SECONDS", "150"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url),
    ];
    let server = Server::with(&settings).await;
    let good = || server.authorized(Method::GET, "/documents");
    good().await.expect(200);
    let other = signed(&json!({ "sub": "amy", "exp": 4_000_000_000_u64 }), "another key, which is long enough too");
    let forged = async || server.send(server.request(Method::GET, "/documents").bearer_auth(&other)).await.refused(401, "token_invalid");
    while calls.load(Ordering::SeqCst) < 2 {
        let asking = std::pin::pin!(forged());
        let asked = async {
            let begun = std::time::Instant::now();
            while calls.load(Ordering::SeqCst) < 2 && begun.elapsed().as_millis() < 500 {
                server.get("/health").await.expect(200);
            }
        };
        let meanwhile = async {
            asked.await;
            // With the forged one waiting for the secret, a good one is believed at once.
            let begun = std::time::Instant::now();
            good().await.expect(200);
            assert!(begun.elapsed().as_secs() < 2, "it waited for the forged one");
        };
        let _ = tokio::join!(asking, meanwhile);
    }
    // That it could not be asked is remembered, too.
    forged().await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_secret_that_is_not_there() {
    let system = System::new("missing").await;
    let server = system.server(&[("DB_SECRET_NAME", "nothing/here")]).await;
    server.get("/health").await.expect(200);
    server.get("/ready").await.refused(503, "database_unavailable");
    server.post("/chat", json!({ "session_id": "s", "message": "hi" })).await.refused(503, "database_unavailable");
}
