//! Plans of small stacks: data in, text out. The cases are in `cases/`, by topic.
//!
//! A case has a title and sections: `was` is the file as last applied, `file` the file now (the same where it is left out),
//! `state` and `live` are merged into what follows from that, `taken` has names that exist, `request` the command line.
//! With `UPDATE_CASES=1` the expected texts are written anew, to be reviewed as a change of the file.

mod orders;
pub(crate) mod world;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    fs,
};

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use self::world::{catalog, source};
use super::{
    decide::{Input, Made, Observed, Seen, make},
    desire::{Name, Properties, Stamp},
    schedule::{self, Work},
    *,
};
use crate::{
    diagnostic::{Diagnostic, any_error},
    graph::{self, Graph},
    resource::{AnyLive, Sealed, Secret, Status},
    stack::{self, Scope, Settings, Stack},
    state::{Record, State},
    value::Value,
};

/// What no plan may show.
const SECRET: &str = "s3cret";

#[test]
fn changes() {
    check("changes");
}

#[test]
fn secrets() {
    check("secrets");
}

#[test]
fn references() {
    check("references");
}

#[test]
fn circles() {
    check("circles");
}

#[test]
fn replacements() {
    check("replacements");
}

#[test]
fn names() {
    check("names");
}

#[test]
fn trouble() {
    check("trouble");
}

#[test]
fn protection() {
    check("protection");
}

#[test]
fn limits() {
    check("limits");
}

#[test]
fn removals() {
    check("removals");
}

/// Runs all cases of a file.
fn check(topic: &str) {
    let path = format!("{}/src/plan/tests/cases/{topic}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).expect("the cases are there");
    let mut written = String::new();
    let mut wrong = String::new();
    for case in text.split("\n=== ").map(|it| it.trim_start_matches("=== ")) {
        let (title, rest) = case.split_once('\n').expect("a title and sections");
        let mut sections: BTreeMap<&str, &str> = BTreeMap::new();
        for section in rest.split("--- ").skip(1) {
            let (name, text) = section.split_once('\n').expect("a name and a text");
            sections.insert(name, text);
        }
        let plan = Case::of(&sections).text();
        let expected = sections.get("plan").copied().unwrap_or_default().trim_end();
        if plan.trim_end() != expected {
            writeln!(wrong, "=== {title}\n--- expected\n{expected}\n--- is\n{plan}").expect("text");
        }
        let inputs = rest.split("--- plan").next().unwrap_or_default();
        let gap = if written.is_empty() { "" } else { "\n" };
        write!(written, "{gap}=== {title}\n{}\n--- plan\n{}\n", inputs.trim_end(), plan.trim_end()).expect("text");
    }
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(path, written).expect("the cases can be written");
    } else {
        assert!(wrong.is_empty(), "{topic}:\n{wrong}");
    }
}

struct Case {
    stack: Stack,
    state: State,
    live: Json,
    /// Whether the cloud has something else than what was applied.
    differs: bool,
    taken: BTreeMap<Address, Id>,
    request: Request,
}

impl Case {
    fn of(sections: &BTreeMap<&str, &str>) -> Self {
        let parsed = |name: &str| sections.get(name).map(|it| serde_json::from_str::<Json>(it).unwrap_or_else(|why| panic!("{it}: {why}")));
        let was = sections.get("was").copied().unwrap_or("resources: {}\n");
        let (mut state, specs) = applied(&parse(was));
        if let Some(patch) = parsed("state") {
            let mut json = serde_json::to_value(&state).expect("a state is JSON");
            merge(&mut json, &patch);
            state = serde_json::from_value(json).expect("still a state");
        }
        let live = specs
            .iter()
            .map(|(at, spec)| (at.to_string(), json!({ "spec": spec, "outputs": state.resources.get(at).map(|it| &it.outputs) })));
        let mut live = Json::Object(live.collect());
        let differs = sections.contains_key("live");
        if let Some(patch) = parsed("live") {
            merge(&mut live, &patch);
        }
        let taken = parsed("taken").map(|it| serde_json::from_value(it).expect("ids by address")).unwrap_or_default();
        let file = sections.get("file").copied().unwrap_or(was);
        Self { stack: parse(file), state, live, differs, taken, request: request(sections.get("request").copied().unwrap_or_default()) }
    }

    fn text(mut self) -> String {
        let moved = crate::apply::rename(&self.stack, &mut self.state);
        for (from, to) in &moved {
            if let Some(live) = self.live.as_object_mut().and_then(|it| it.remove(from.as_str())) {
                self.live[to.as_str()] = live;
            }
        }
        let (graph, mut diagnostics) = graph::build((!self.request.destroy).then_some(&self.stack), &self.state, catalog());
        if any_error(&diagnostics) {
            return told(&diagnostics);
        }
        let input = Input { graph: &graph, stack: &self.stack, state: &self.state, catalog: catalog(), request: &self.request };
        let (mut made, found) = make(input, &self.observed(input));
        made.plan.moved = moved;
        diagnostics.extend(found);
        orders::verify(input, &made);
        let json = serde_json::to_string(&made.plan).expect("a plan is JSON");
        assert!(!json.contains(SECRET), "the plan shows a secret: {json}");
        let text = format!("{}{}", shown(&made), told(&diagnostics));
        if !self.differs && self.request.refresh {
            let request = Request { refresh: false, ..self.request.clone() };
            let input = Input { request: &request, ..input };
            let (mut believed, found) = make(input, &Observed { taken: self.taken.clone(), ..Observed::default() });
            believed.plan.moved = made.plan.moved;
            assert_eq!(format!("{}{}", shown(&believed), told(&found)), text, "believing what is recorded makes another plan");
        }
        text
    }

    fn observed(&self, input: Input<'_>) -> Observed {
        let mut observed = Observed { taken: self.taken.clone(), ..Observed::default() };
        if !self.request.refresh {
            return observed;
        }
        for (index, node) in input.graph.nodes.iter().enumerate() {
            let live = self.live.get(node.address.as_str()).filter(|it| !it.is_null()).map(|it| AnyLive {
                spec: it["spec"].clone(),
                outputs: it["outputs"].clone(),
                status: match it["status"].as_str().map(|it| it.split_once(' ').unwrap_or((it, ""))) {
                    Some(("failed", why)) => Status::Failed(why.into()),
                    Some(("update-failed", why)) => Status::UpdateFailed(why.into()),
                    Some(("pending", why)) => Status::Pending(why.into()),
                    Some(("deleting", why)) => Status::Deleting(why.into()),
                    _ => Status::Ready,
                },
            });
            let seen = Seen { live, read: questions::wanted(input, index) };
            let list = if node.recorded.is_some() { &mut observed.seen } else { &mut observed.adopted };
            list.insert(node.address.clone(), seen);
        }
        observed
    }
}

fn request(words: &str) -> Request {
    let mut request = Request { refresh: true, ..Request::default() };
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let mut name = || words.next().expect("a name").to_owned();
        match word {
            "--destroy" => request.destroy = true,
            "--no-refresh" => request.refresh = false,
            "--target" => request.targets.push(name()),
            "--exclude" => request.excludes.push(name()),
            "--replace" => request.replace.push(name()),
            other => panic!("{other}"),
        }
    }
    request
}

fn parse(text: &str) -> Stack {
    let text = if text.starts_with("stack: ") { text.to_owned() } else { format!("stack: s\n{text}") };
    let (file, diagnostics) = stack::parse(source(&text), catalog());
    assert_eq!(told(&diagnostics), "", "{text}");
    let environment = if text.contains("prod:") { "prod" } else { "default" };
    let settings = Settings { environment: environment.into(), region: Some("r-1".into()), ..Settings::default() };
    let (stack, diagnostics) = stack::resolve(&file.expect("nothing is wrong"), &settings, catalog(), &BTreeMap::new());
    assert_eq!(told(&diagnostics), "", "{text}");
    stack.expect("nothing is wrong")
}

/// What follows from applying a stack to nothing: the state, and each resource as the cloud shows it.
fn applied(stack: &Stack) -> (State, BTreeMap<Address, Json>) {
    let mut state = State { uuid: "5e1f".to_owned(), hash_key: "00".repeat(32), ..State::new("s", "default") };
    let nothing = state.clone();
    let request = Request::default();
    let (graph, diagnostics) = graph::build(Some(stack), &nothing, catalog());
    assert_eq!(told(&diagnostics), "");
    let input = Input { graph: &graph, stack, state: &nothing, catalog: catalog(), request: &request };
    let mut scope = Applied { graph: &graph, desired: HashMap::new() };
    let mut specs = BTreeMap::new();
    for index in graph::order(&graph).0 {
        let instance = graph.nodes[index].wanted.expect("all are wanted");
        let address = &instance.address;
        let stamp = Stamp { stack, state: &nothing };
        let (desired, diagnostics) = desire::desire(catalog(), instance, &scope, stamp, &Name::After(None));
        assert_eq!(told(&diagnostics), "");
        let schema = catalog().schema(instance.type_name).expect("a type of these");
        let name = desired.get("name").and_then(Value::as_text);
        let id = name.map_or_else(|| format!("{address}-1"), str::to_owned);
        let outputs = schema.outputs.keys().map(|it| (it.clone(), if it == "id" { id.clone().into() } else { output(address, it) }));
        // Wherever it can be read, the cloud has the text itself.
        let mut spec = opened(Value::Map(desired.clone())).reveal().expect("all is known");
        spec.as_object_mut().expect("a map").retain(|key, _| !matches!(key.as_str(), "password" | "hidden"));
        let record = Record {
            type_name: instance.type_name.to_owned(),
            id: id.as_str().into(),
            location: instance.options.location.clone(),
            applied: normal::recorded(schema, &desired, &|it| nothing.hash(it)),
            shown: normal::shown(schema, &desired, &spec, &|it| nothing.hash(it)),
            outputs: Json::Object(outputs.collect()),
            dependencies: graph.dependencies(index),
            options: schedule::recorded_options(input, index),
            complete: true,
            deleting: None,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        };
        specs.insert(address.clone(), spec);
        state.resources.insert(address.clone(), record);
        scope.desired.insert(address.clone(), desired);
    }
    for (name, it) in &stack.outputs {
        let value = it.value.evaluate(&scope).0;
        if !value.has_secret() && !value.is_null() {
            state.outputs.insert(name.clone(), value.reveal().expect("all is known"));
        }
    }
    (state, specs)
}

fn output(of: &Address, field: &str) -> Json {
    let sealed = serde_json::to_value(Sealed).expect("it can be written");
    match field {
        "key" => return sealed,
        "parts" => return json!({ "one": sealed }),
        _ => {}
    }
    Json::from(format!("{of}-{field}"))
}

/// With other texts in place of what stands for them.
fn opened(value: Value) -> Value {
    match value {
        Value::Secret(secret) if secret.stands_in() => Value::Secret(Secret::new("opened")),
        Value::List(list) => Value::List(list.into_iter().map(opened).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(key, it)| (key, opened(it))).collect()),
        other => other,
    }
}

/// Made up: every output is told from its name.
struct Applied<'a> {
    graph: &'a Graph<'a>,
    desired: HashMap<Address, Properties>,
}

impl Scope for Applied<'_> {
    fn field(&self, target: &Address, field: &str) -> Value {
        let instance = self.graph.find(target).and_then(|it| self.graph.nodes[it].wanted).expect("all are wanted");
        let schema = catalog().schema(instance.type_name).expect("a type of these");
        let desired = self.desired.get(target);
        match field {
            "id" => match desired.and_then(|it| it.get("name")) {
                Some(name) => name.clone(),
                None => Value::Text(format!("{target}-1")),
            },
            _ if schema.outputs.contains_key(field) => {
                let id = desired.and_then(|it| it.get("name")).and_then(Value::as_text);
                let id = id.map_or_else(|| format!("{target}-1"), str::to_owned);
                sealed::output(&id.as_str().into(), field, &output(target, field))
            }
            _ => desired.and_then(|it| it.get(field)).cloned().unwrap_or(Value::Null),
        }
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7396>
fn merge(into: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else { return into.clone_from(patch) };
    if !into.is_object() {
        *into = Json::Object(Map::new());
    }
    let map = into.as_object_mut().expect("just made one");
    for (key, value) in patch {
        match value {
            Json::Null => drop(map.remove(key)),
            value => merge(map.entry(key.clone()).or_insert(Json::Null), value),
        }
    }
}

fn told(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for it in diagnostics {
        writeln!(text, "{:?}: {}", it.severity, it.summary).expect("text");
        for label in &it.labels {
            writeln!(text, "    {:?}: {}", &label.place.source.text[label.place.span.clone()], label.text).expect("text");
        }
    }
    text
}

fn shown(made: &Made) -> String {
    let mut text = String::new();
    let side = |it: &Shown| match it {
        Shown::Absent => "nothing".to_owned(),
        Shown::Value(it) => it.to_string(),
        Shown::Unknown(it) => format!("?{it}"),
        Shown::Secret => "(secret)".to_owned(),
        Shown::Unread => "(unread)".to_owned(),
    };
    let Plan { steps, unchanged, moved, outputs, notes } = &made.plan;
    for step in steps {
        let sign = match step.action {
            Action::Create => "+",
            Action::Adopt => "=",
            Action::Update => "~",
            Action::Replace => "-/+",
            Action::CreateThenDelete => "+/-",
            Action::Delete => "-",
            Action::Forget => "forget",
        };
        write!(text, "{sign} {}", step.address).expect("text");
        if let Some(reason) = &step.reason {
            let json = serde_json::to_value(reason).expect("a reason is JSON");
            let parts: Vec<_> = json.as_object().expect("with a tag").values().map(|it| it.to_string().replace('"', "")).collect();
            write!(text, " ({})", parts.join(" ")).expect("text");
        }
        if step.stateful && matches!(step.action, Action::Replace | Action::CreateThenDelete | Action::Delete) {
            text.push_str(" loses data");
        }
        let after: BTreeSet<_> = step.after.iter().map(Address::as_str).collect();
        if !after.is_empty() {
            write!(text, " after {}", after.into_iter().collect::<Vec<_>>().join(", ")).expect("text");
        }
        text.push('\n');
        for Change { path, before, after, cause, replaces } in &step.changes {
            let forced = if *replaces { ", replaces" } else { "" };
            writeln!(text, "    {path}: {} -> {} ({cause:?}{forced})", side(before), side(after)).expect("text");
        }
    }
    for (from, to) in moved {
        writeln!(text, "moved {from} -> {to}").expect("text");
    }
    for OutputChange { name, before, after } in outputs {
        writeln!(text, "output {name}: {} -> {}", side(before), side(after)).expect("text");
    }
    for note in notes {
        let json = serde_json::to_value(note).expect("a note is JSON");
        let parts: Vec<_> = json.as_object().expect("with a tag").values().map(|it| it.to_string().replace('"', "")).collect();
        writeln!(text, "note: {}", parts.join(" ")).expect("text");
    }
    if *unchanged > 0 {
        writeln!(text, "unchanged: {unchanged}").expect("text");
    }
    text
}
