//! The command line.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use backend::config::Config;
use backend::store::{StoreError, migrations};
use backend::{App, http, lambda, logs, processor, server};

const USAGE: &str = "\
usage: backend [COMMAND]

  serve              answer HTTP requests (the default)
  lambda             answer a Lambda function's events (the default where Lambda runs it)
  migrate            bring the database up to date, then end
  openapi            print the description of the HTTP interface
  token SUBJECT [S]  print a bearer token that is good for S seconds (3600)

Everything else is set by environment variables; see README.md.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The reader of documents must stay small: it starts none of what the others need.
    if arguments.first().is_some_and(|command| command == "read") {
        return processor::extract::main(&arguments[1..]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let in_lambda = std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some();
    let result = match (arguments.as_slice(), in_lambda) {
        (["lambda"] | [], true) => start(run_lambda),
        (["serve"] | [], _) => start(run_server),
        (["migrate"], _) => start(migrate),
        (["openapi"], _) => print(&http::openapi().to_pretty_json().expect("the document is made of plain values")),
        (["token", subject], _) => token((*subject).to_owned(), "3600"),
        (["token", subject, seconds], _) => token((*subject).to_owned(), seconds),
        (["lambda"], false) => Err("there is no Lambda here: AWS_LAMBDA_RUNTIME_API is not set".into()),
        // An image's command may be a handler's name.
        (_, true) => start(run_lambda),
        (["help" | "--help" | "-h"], _) => print(USAGE),
        _ => Err(format!("there is no such command\n\n{USAGE}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn print(text: &str) -> Done {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn start<F: Future<Output = Done>>(run: impl FnOnce(Config) -> F) -> Done {
    let config = Config::from_env()?;
    logs::start();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(config))
}

async fn run_server(config: Config) -> Done {
    Ok(server::run(App::new(config)).await?)
}

async fn run_lambda(config: Config) -> Done {
    lambda::run(App::new(config)).await
}

async fn migrate(config: Config) -> Done {
    let app = App::new(config);
    let database = app.database()?;
    let wait = Duration::from_secs(60);
    let begun = tokio::time::Instant::now();
    // A database that was made a moment ago may not answer yet.
    let mut client = loop {
        match database.connect().await {
            Err(StoreError::Unavailable(reason)) if begun.elapsed() < wait => {
                tracing::warn!(reason, "waiting for the database");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            result => break result?,
        }
    };
    let done = migrations::run(&mut client, database.settings().dimensions).await?;
    match done.as_slice() {
        [] => print("the database is up to date"),
        names => print(&format!("done: {}", names.join(", "))),
    }
}

fn token(subject: String, seconds: &str) -> Done {
    let seconds = seconds.parse().map_err(|_| format!("{seconds:?} is not a number of seconds"))?;
    start(move |config| async move { print(&App::new(config).keys.issue(&subject, Duration::from_secs(seconds)).await?) })
}
