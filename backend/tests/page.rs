//! The chat page in a real browser, driven through the WebDriver protocol. Needs Debian's packages `chromium` and `chromium-driver`.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::bedrock::THROTTLED;
use crate::support::postgres::connect;
use crate::support::process::{Guarded, free_port};
use crate::support::server::{Server, token};

/// Without a window, and without anything that it asks of others by itself: whatever is not here has no address.
const QUIET: [&str; 13] = [
    "--headless=new",
    // Which root cannot have and many a container does not let anybody have; the only page that it sees is ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=800,900",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
];

struct Browser {
    client: reqwest::Client,
    session: String,
    _driver: Guarded,
    // Started here and not by its driver, so that it ends with the tests however they end.
    _browser: Guarded,
    _profile: tempfile::TempDir,
}

impl Browser {
    async fn start(language: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let debugging = free_port();
        let mut arguments: Vec<String> = QUIET.iter().map(|it| (*it).to_owned()).collect();
        arguments.push(format!("--accept-lang={language}"));
        arguments.push(format!("--remote-debugging-port={debugging}"));
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let browser = Guarded::start(&program("chromium"), &arguments, None, "DevTools listening on");
        let port = free_port();
        let arguments = [format!("--port={port}"), "--log-level=INFO".into()];
        let driver = Guarded::start(&program("chromedriver"), &arguments, None, "was started successfully");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "debuggerAddress": format!("127.0.0.1:{debugging}") },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let answer: Value =
            client.post(format!("http://127.0.0.1:{port}/session")).json(&wanted).send().await.unwrap().json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}"));
        Self { session: format!("http://127.0.0.1:{port}/session/{id}"), client, _driver: driver, _browser: browser, _profile: profile }
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        let answer: Value = self.client.post(format!("{}/{path}", self.session)).json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path} {body}: {}", answer["value"]["message"]);
        answer["value"].clone()
    }

    async fn open(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
        self.until("document.body.dataset.ready === 'true'").await;
    }

    /// Waits inside the page until an expression is true, and says what is there if it never is.
    async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0]; const begun = Date.now();
             const look = () => {{
               if ({expression}) done('');
               else if (Date.now() - begun > 60000) done(document.body.innerText);
               else requestAnimationFrame(look);
             }}; look();"
        );
        self.command("timeouts", json!({ "script": 90_000 })).await;
        let text = self.command("execute/async", json!({ "script": script, "args": [] })).await;
        assert_eq!(text, "", "{expression} did not come true");
    }

    async fn value(&self, expression: &str) -> Value {
        self.command("execute/sync", json!({ "script": format!("return {expression}"), "args": [] })).await
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.command("element", json!({ "using": "css selector", "value": selector })).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.command(&format!("element/{element}/click"), json!({})).await;
    }

    async fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.command(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// What the browser complains about: refused scripts, failed requests, exceptions.
    async fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", json!({ "type": "browser" })).await;
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn end(self) {
        self.client.request(Method::DELETE, &self.session).send().await.unwrap();
    }
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: apt-get install chromium chromium-driver"))
}

const ANSWERS: &str = "document.querySelectorAll('#messages .assistant').length";

#[tokio::test]
async fn a_conversation_in_traditional_chinese() {
    let server = Server::start().await;
    let browser = Browser::start("zh-TW").await;
    browser.open(&server.url).await;
    assert_eq!(browser.value("document.documentElement.lang").await, "zh-Hant-TW");
    assert_eq!(browser.value("document.title").await, "人資助理");
    assert_eq!(browser.value("document.querySelector('#send').innerText").await, "送出");

    // Enter sends.
    browser.write("#message", "今天星期幾？\u{e007}").await;
    browser.until(&format!("{ANSWERS} === 1")).await;
    let answer = browser.value("document.querySelector('#messages .assistant').innerText").await;
    assert!(answer.as_str().unwrap().contains("星期"), "{answer}");

    browser.write("#message", "請問 <b>特休</b> 有幾天？").await;
    browser.click("#send").await;
    browser.until(&format!("{ANSWERS} === 2")).await;
    let answer = browser.value("document.querySelectorAll('#messages .assistant')[1].innerText").await;
    assert_eq!(answer, "You said: 請問 <b>特休</b> 有幾天？", "markup is shown, not obeyed");

    // After a reload everything is there again; a new conversation begins empty.
    browser.open(&server.url).await;
    browser.until("document.querySelectorAll('#messages li').length === 4").await;
    browser.click("#new").await;
    assert_eq!(browser.value("document.querySelectorAll('#messages li').length").await, 0);
    assert_eq!(browser.complaints().await, [] as [String; 0]);
    browser.end().await;
}

#[tokio::test]
async fn documents_and_trouble_in_english() {
    let server = Server::start().await;
    let browser = Browser::start("en-US").await;
    browser.open(&server.url).await;
    assert_eq!(browser.value("document.querySelector('#send').innerText").await, "Send");

    let file = tempfile::Builder::new().suffix(".txt").tempfile().unwrap();
    std::fs::write(file.path(), "Employees are granted three days of leave after six months.").unwrap();
    browser.click("#documents summary").await;
    browser.write("#files", &file.path().display().to_string()).await;
    browser.write("#token", "not a token").await;
    browser.click("#upload button").await;
    browser.until("document.querySelector('#notice.failed').innerText === 'the token is not valid'").await;
    browser.command(&format!("element/{}/clear", browser.find("#token").await), json!({})).await;
    browser.write("#token", &token("amy", 600)).await;
    browser.click("#upload button").await;
    browser.until("document.querySelector('#list [data-status=completed]')").await;

    browser.click("#rag").await;
    browser.write("#message", "How many days of leave?").await;
    browser.click("#send").await;
    browser.until(&format!("{ANSWERS} === 1")).await;
    browser.click("#messages details summary").await;
    let quote = browser.value("document.querySelector('#messages blockquote').innerText").await;
    assert_eq!(quote, "Employees are granted three days of leave after six months.");

    server.bedrock.always(THROTTLED);
    browser.write("#message", "And now?").await;
    browser.click("#send").await;
    browser.until("document.querySelector('#messages .error')").await;
    assert_eq!(browser.value("document.querySelector('#messages .error').innerText").await, "the model is busy");
    // In the other language the same page, and what was typed is not lost.
    assert_eq!(browser.value("document.querySelector('#message').value").await, "And now?");
    browser.click("#language").await;
    assert_eq!(browser.value("document.querySelector('#send').innerText").await, "送出");

    browser.click("#list button").await;
    browser.until("document.querySelectorAll('#list li').length === 0").await;
    browser.end().await;
}

#[tokio::test]
async fn what_others_wrote_is_shown_and_not_obeyed() {
    let server = Server::start().await;
    // A name, a text and a reason, each of which would like to be more.
    let markup = "<img src=x onerror=\"document.title = 'obeyed'\">";
    server.processed("<img src=x onerror=obey()>.txt", format!("Leave is {markup} granted.").as_bytes()).await;
    let failed = server.processed("blank.txt", b"  ").await;
    assert_eq!(failed["status"], "failed");
    let odd = server.processed("odd.txt", b"  ").await;
    let reason = format!("UPDATE documents SET error = $1 WHERE id = '{}'", odd["id"].as_str().unwrap());
    connect(&server.database).await.execute(&reason, &[&markup]).await.unwrap();

    let browser = Browser::start("zh-TW").await;
    browser.open(&server.url).await;
    browser.click("#documents summary").await;
    browser.write("#token", "not a token\u{e004}").await;
    browser.until("document.querySelector('#notice.failed').innerText === '存取權杖無效。'").await;
    browser.command(&format!("element/{}/clear", browser.find("#token").await), json!({})).await;
    browser.write("#token", &format!("{}\u{e004}", token("amy", 600))).await;
    browser.until("document.querySelectorAll('#list li').length === 3").await;
    let list = browser.value("document.querySelector('#list').innerText").await;
    let list = list.as_str().unwrap();
    assert!(list.contains("blank.txt: 失敗 (找不到文字；掃描的文件請先做文字辨識)"), "{list}");
    assert!(list.contains("<img src=x onerror=obey()>.txt: 完成"), "{list}");
    assert!(list.contains(&format!("odd.txt: 失敗 ({markup})")), "{list}");

    browser.click("#rag").await;
    browser.write("#message", "How is leave granted?").await;
    browser.click("#send").await;
    browser.until(&format!("{ANSWERS} === 1")).await;
    browser.click("#messages details summary").await;
    let sources = browser.value("document.querySelector('#messages details').innerText").await;
    let sources = sources.as_str().unwrap();
    assert!(sources.contains("[1] <img src=x onerror=obey()>.txt") && sources.contains(markup), "{sources}");
    assert_eq!(browser.value("document.querySelectorAll('#list img, #messages img').length").await, 0);
    assert_eq!(browser.value("document.title").await, "人資助理");
    browser.end().await;
}
