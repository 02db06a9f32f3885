//! Changes of the shipped stack, mostly of one property: what is planned for each, that it can be applied, and that nothing is left
//! to do then.
//!
//! The changes are in `edits.txt`, each with the plan that its author expects. A group is applied `together`, after each of its plans
//! was compared on its own, and taken back; or `in turn`, from nothing, each on top of the one before; or `only planned`.
//! With `UPDATE_CASES=1` the plans are written anew, to be reviewed as a change of the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    sync::Mutex,
    thread,
    time::Instant,
};

use serde_json::Value as Json;

use crate::{
    matrix::{Bench, Difference, Inventory},
    support::{Project, Ran, root},
};

const STACK: &str = "stacks/hr-chatbot.yaml";
const REGION: &str = "ap-northeast-1";
const EDITS: &str = "tests/cli/edits.txt";

/// A plan without anything to do.
const NOTHING: &str = "nothing";

/// What the local cloud makes for each policy of scaling, and keeps.
const ALARMS: &str = "alarm TargetTracking-";

/// What is not as before although all changes of a group were taken back.
const LEFT: &[&str] = &[
    // The metrics of its tasks stay: what they were at first depends on the account.
    "ECS cluster frontend_cluster",
    // The local cloud does not tell what has the certificate after another one was there.
    "certificate certificate",
    // The local cloud does not take a policy away.
    "endpoint s3_endpoint",
    // What was never written is not told.
    "bucket documents",
    "load balancer load_balancer",
    // The local cloud counts the load balancer for each listener.
    "target group target_group",
    // Which table was the main one before is remembered in a tag.
    "route table route_table",
];

/// Of what is not as before, the property that is not.
const LEFT_OF: &[(&str, &str)] = &[
    // How many tasks there are is left to scaling, where the file does not say it.
    ("ECS service frontend_service", "desiredCount"),
    // It says that nothing is suspended once something was.
    ("scalable target service/hr-chatbot-cluster/frontend-service ecs:service:DesiredCount", "SuspendedState"),
];

/// How many clouds are changed at the same time. Each has its groups, always the same ones: what a group finds there must not depend on
/// which cloud was the faster one.
const CLOUDS: usize = 2;

#[test]
fn each_change_of_the_shipped_stack_is_planned_exactly_and_converges() {
    let mut groups = groups(&fs::read_to_string(root().join(EDITS)).unwrap());
    let found = Mutex::new(Found::default());
    thread::scope(|scope| {
        for first in 0..CLOUDS {
            let (groups, found) = (&groups, &found);
            scope.spawn(move || {
                let mut cloud = Cloud::start();
                for group in groups.iter().skip(first).step_by(CLOUDS) {
                    let began = Instant::now();
                    let found_here = cloud.walk(group);
                    say(&format!("{}: {} changes in {:.1} s", group.title, group.cases.len(), began.elapsed().as_secs_f64()));
                    found.lock().unwrap().add(found_here);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    for case in groups.iter_mut().flat_map(|it| &mut it.cases) {
        let Some(plan) = found.plans.remove(&case.title) else { continue };
        if plan != case.plan && std::env::var_os("UPDATE_CASES").is_none() {
            found.wrong.push(format!("=== {}\n--- expected\n{}--- is\n{plan}", case.title, case.plan));
        }
        case.plan = plan;
    }
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(root().join(EDITS), text(&groups)).unwrap();
    }
    let untouched: Vec<_> = found.resources.difference(&found.touched).collect();
    if !untouched.is_empty() {
        found.wrong.push(format!("no change is about {untouched:?}"));
    }
    assert!(found.wrong.is_empty(), "{}", found.wrong.join("\n\n"));
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Together,
    InTurn,
    OnlyPlanned,
}

const KINDS: [(&str, Kind); 3] = [("together", Kind::Together), ("in turn", Kind::InTurn), ("only planned", Kind::OnlyPlanned)];

#[derive(Debug)]
struct Group {
    kind: Kind,
    title: String,
    about: String,
    cases: Vec<Case>,
}

/// One change.
#[derive(Debug)]
struct Case {
    title: String,
    about: String,
    /// Lines of the stack file: those that stay, those that go after `-`, those that come after `+`; `@@` between two places.
    file: Option<String>,
    /// `NAME=VALUE` for the command line.
    vars: Option<String>,
    plan: String,
    /// What taking it back does, where that is not the same the other way round.
    back: Option<String>,
}

/// Reads the file of changes.
fn groups(text: &str) -> Vec<Group> {
    let parts = |text: &str, mark: &str| -> Vec<String> { format!("\n{text}").split(&format!("\n{mark} ")).map(str::to_owned).collect() };
    let head = |text: &str| -> (String, String) {
        let text = text.trim_start_matches('\n');
        let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
        (title.to_owned(), format!("{}\n", rest.trim_end_matches('\n')).trim_start_matches('\n').to_owned())
    };
    let case = |text: &String| {
        let sections = parts(text, "---");
        let (title, about) = head(&sections[0]);
        let mut case = Case { title, about, file: None, vars: None, plan: String::new(), back: None };
        for section in &sections[1..] {
            let (name, text) = head(section);
            match name.as_str() {
                "file" => case.file = Some(text),
                "var" => case.vars = Some(text),
                "plan" => case.plan = text,
                "back" => case.back = Some(text),
                other => panic!("no section is called {other:?}: {}", case.title),
            }
        }
        case
    };
    let group = |text: &String| {
        let cases = parts(text, "===");
        let (heading, about) = head(&cases[0]);
        let (kind, title) = heading.split_once(": ").expect("a heading says how its changes are made");
        let kind = KINDS.iter().find(|it| it.0 == kind).unwrap_or_else(|| panic!("nothing is done {kind:?}")).1;
        Group { kind, title: title.to_owned(), about, cases: cases[1..].iter().map(case).collect() }
    };
    parts(text, "####")[1..].iter().map(group).collect()
}

/// The file of changes.
fn text(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        let kind = KINDS.iter().find(|it| it.1 == group.kind).unwrap().0;
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{gap}#### {kind}: {}\n{}", group.title, group.about);
        for case in &group.cases {
            let _ = write!(text, "\n=== {}\n{}", case.title, case.about);
            let sections = [("file", &case.file), ("var", &case.vars), ("plan", &Some(case.plan.clone())), ("back", &case.back)];
            for (name, section) in sections.into_iter().filter_map(|(name, it)| Some((name, it.as_ref()?))) {
                let _ = write!(text, "--- {name}\n{section}");
            }
        }
    }
    text
}

/// What the walks through all groups found.
#[derive(Default)]
struct Found {
    wrong: Vec<String>,
    /// By the titles of the changes.
    plans: BTreeMap<String, String>,
    /// All that the stack has.
    resources: BTreeSet<String>,
    /// What some change of the file is about, and not only follows from.
    touched: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.wrong.extend(other.wrong);
        self.plans.extend(other.plans);
        self.resources.extend(other.resources);
        self.touched.extend(other.touched);
    }
}

/// The signs of what is done, by address.
type Actions = BTreeMap<String, String>;

struct Planned {
    text: String,
    actions: Actions,
    /// What the file itself says something new of.
    touched: BTreeSet<String>,
}

/// A cloud, and a project that is applied to it.
struct Cloud {
    bench: Bench,
    project: Project,
    base: Option<Base>,
}

/// The stack as it is shipped, once it is applied.
struct Base {
    inventory: Inventory,
    /// What every plan warns of.
    warnings: String,
}

impl Cloud {
    fn start() -> Self {
        Self { bench: Bench::start(), project: Project::new(&[]), base: None }
    }

    /// Nothing is there, and nothing is recorded.
    fn anew(&mut self) {
        self.base = None;
        self.bench.reset();
        self.project = Project::new(&[(STACK, &shipped())]);
    }

    /// Applies the stack as it is shipped, unless that is what there is.
    fn base(&mut self, found: &mut Found) -> String {
        if let Some(base) = &self.base {
            return base.warnings.clone();
        }
        self.anew();
        self.infra(&["apply", "--yes"], &[]).exits(0);
        let warnings = self.infra(&["plan", "--detailed-exitcode"], &[]).exits(0).stderr;
        let list: Json = serde_json::from_str(&self.infra(&["state", "list", "--json"], &[]).exits(0).stdout).unwrap();
        found.resources.extend(list["resources"].as_array().unwrap().iter().map(|it| it["address"].as_str().unwrap().to_owned()));
        self.base = Some(Base { inventory: self.bench.inventory(REGION), warnings: warnings.clone() });
        warnings
    }

    fn infra(&self, arguments: &[&str], vars: &[&str]) -> Ran {
        let vars = vars.iter().flat_map(|it| ["--var", it]);
        self.bench.infra(&self.project, &arguments.iter().copied().chain(vars).collect::<Vec<_>>())
    }

    fn walk(&mut self, group: &Group) -> Found {
        let mut found = Found::default();
        match group.kind {
            Kind::InTurn => self.in_turn(group, &mut found),
            Kind::Together | Kind::OnlyPlanned => self.together(group, &mut found),
        }
        found
    }

    /// What is planned, as text without what every plan warns of, and by the actions alone.
    fn plan(&self, vars: &[&str], warnings: &str) -> Result<Planned, String> {
        let ran = self.infra(&["plan", "--json"], vars);
        if ran.code != Some(0) {
            return Err(format!("it cannot be planned: {}", ran.stderr));
        }
        let plan = serde_json::from_str(&self.named(ran.stdout)).unwrap();
        let mut text = shown(&plan);
        let counts = format!(" in {STACK}");
        for line in ran.stderr.lines().filter(|it| it.starts_with("warning") && !it.ends_with(&counts) && !warnings.contains(*it)) {
            let _ = writeln!(text, "{line}");
        }
        Ok(Planned { text, actions: actions(&plan), touched: touched(&plan).collect() })
    }

    /// Ids and ARNs that have parts that are made up, as what has them: `<vpc.id>` is that of now, `${vpc.id}` the next one.
    fn named(&self, mut text: String) -> String {
        let Ok(state) = fs::read_to_string(self.project.path().join("state/local/hr-chatbot.json")) else { return text };
        let state: Json = serde_json::from_str(&state).unwrap();
        let made_up = |name: &str, value: &str| {
            let id = value.split_once('-').is_some_and(|it| it.1.len() >= 8 && it.1.bytes().all(|it| it.is_ascii_hexdigit()));
            name.ends_with("arn") || (name == "id" && id)
        };
        let mut names = vec![];
        for (address, record) in state["state"]["resources"].as_object().unwrap() {
            for (name, value) in record["outputs"].as_object().unwrap() {
                names.extend(value.as_str().filter(|it| made_up(name, it)).map(|it| (it.to_owned(), format!("<{address}.{name}>"))));
            }
        }
        // One may be the beginning of another.
        names.sort_by_key(|it| std::cmp::Reverse(it.0.len()));
        for (value, name) in names {
            text = text.replace(&value, &name);
        }
        text
    }

    /// Compares each plan on its own, then that of all changes together; applies them, and takes them back.
    fn together(&mut self, group: &Group, found: &mut Found) {
        let warnings = self.base(found);
        let (mut text, mut all_vars, mut there, mut back, mut parts) = (shipped(), vec![], Actions::new(), Actions::new(), BTreeMap::new());
        for case in &group.cases {
            self.project.write(STACK, &edited(&shipped(), case));
            let planned = match self.plan(&vars(case), &warnings) {
                Ok(planned) => planned,
                Err(wrong) => return found.wrong.push(format!("{}: {wrong}", case.title)),
            };
            add_parts(&mut parts, &planned.text);
            found.touched.extend(planned.touched);
            found.plans.insert(case.title.clone(), planned.text);
            if group.kind == Kind::OnlyPlanned {
                continue;
            }
            for (address, sign) in &planned.actions {
                if there.insert(address.clone(), sign.clone()).is_some_and(|it| it != *sign) {
                    found.wrong.push(format!("{}: another change of this group does something else to {address}", case.title));
                }
            }
            back.extend(case.back.as_ref().map_or_else(|| reversed(&planned.actions), |it| listed(it)));
            text = edited(&text, case);
            all_vars.extend(vars(case));
        }
        if group.kind == Kind::OnlyPlanned {
            return;
        }
        self.project.write(STACK, &text);
        let mut all = BTreeMap::new();
        match self.plan(&all_vars, &warnings) {
            Ok(planned) => add_parts(&mut all, &planned.text),
            Err(wrong) => return found.wrong.push(format!("#### {}: {wrong}", group.title)),
        }
        if all != parts {
            found.wrong.push(format!("#### {}: one by one\n{parts:#?}\ntogether\n{all:#?}", group.title));
        }
        let mut wrong = self.apply(&all_vars, &there);
        if wrong.is_none() {
            self.project.write(STACK, &shipped());
            wrong = self.apply(&[], &back).or_else(|| self.left()).map(|it| format!("taken back, {it}"));
        }
        if let Some(wrong) = wrong {
            found.wrong.push(format!("#### {}: {wrong}", group.title));
            self.base = None;
        }
    }

    /// From nothing, one on top of the other.
    fn in_turn(&mut self, group: &Group, found: &mut Found) {
        self.anew();
        let mut text = shipped();
        for case in &group.cases {
            text = edited(&text, case);
            self.project.write(STACK, &text);
            let wrong = match self.plan(&vars(case), "") {
                Ok(planned) => {
                    found.plans.insert(case.title.clone(), planned.text);
                    self.apply(&vars(case), &planned.actions)
                }
                Err(wrong) => Some(wrong),
            };
            if let Some(wrong) = wrong {
                return found.wrong.push(format!("{}: {wrong}", case.title));
            }
        }
    }

    /// Applies what the file says: whether that does what was planned, and all of it.
    fn apply(&self, vars: &[&str], planned: &Actions) -> Option<String> {
        let ran = self.infra(&["apply", "--yes", "--json"], vars);
        if ran.code != Some(0) {
            return Some(format!("it cannot be applied: {}\n{}", ran.stderr, ran.stdout));
        }
        let mut done = Actions::new();
        for event in ran.stdout.lines().map(|it| serde_json::from_str::<Json>(it).unwrap()).filter(|it| it["event"] == "done") {
            done.insert(event["address"].as_str().unwrap().to_owned(), sign(&event["action"]).to_owned());
        }
        if done != *planned {
            return Some(format!("planned was {planned:#?}, done is {done:#?}"));
        }
        let ran = self.infra(&["plan", "--detailed-exitcode"], vars);
        (ran.code != Some(0)).then(|| format!("something is left to do: {}{}", ran.stdout, ran.stderr))
    }

    /// What is not as it was before the group, although all is taken back.
    fn left(&mut self) -> Option<String> {
        let base = self.base.as_mut()?;
        let after = self.bench.inventory(REGION);
        let Difference { missing, doubled, mut left_over, mut different } = base.inventory.compare(&after);
        base.inventory = after;
        left_over.retain(|it| !it.starts_with(ALARMS));
        different.retain(|it| {
            let (title, properties) = it.split_once('\n').unwrap_or((it, ""));
            let only = |left: &str| properties.lines().all(|it| it.trim_start().starts_with(&format!("{left}:")));
            !LEFT.contains(&title) && !LEFT_OF.iter().any(|it| it.0 == title && only(it.1))
        });
        let difference = Difference { missing, doubled, left_over, different };
        (!difference.is_none()).then(|| format!("it is not as before: {difference:#?}"))
    }
}

fn shipped() -> String {
    fs::read_to_string(root().join(STACK)).unwrap()
}

fn vars(case: &Case) -> Vec<&str> {
    case.vars.iter().flat_map(|it| it.lines()).collect()
}

/// The stack file with a change made.
fn edited(text: &str, case: &Case) -> String {
    let mut text = format!("\n{text}");
    for place in case.file.iter().flat_map(|it| it.split("@@\n")) {
        let side = |not: char| -> String {
            place.lines().filter(|it| !it.starts_with(not)).map(|it| format!("{}\n", it.get(1..).unwrap_or_default())).collect()
        };
        let old = format!("\n{}", side('+'));
        assert_eq!(text.matches(&old).count(), 1, "{}: how often the file has{old}", case.title);
        text = text.replace(&old, &format!("\n{}", side('-')));
    }
    text[1..].to_owned()
}

fn sign(action: &Json) -> &'static str {
    match action.as_str().unwrap() {
        "create" => "+",
        "update" => "~",
        "replace" => "-/+",
        "create_then_delete" => "+/-",
        "delete" => "-",
        other => panic!("nothing here is to {other}"),
    }
}

fn actions(plan: &Json) -> Actions {
    let steps = plan["steps"].as_array().unwrap().iter();
    steps.map(|it| (it["address"].as_str().unwrap().to_owned(), sign(&it["action"]).to_owned())).collect()
}

fn reversed(actions: &Actions) -> Actions {
    let other = |sign: &str| match sign {
        "+" => "-".to_owned(),
        "-" => "+".to_owned(),
        same => same.to_owned(),
    };
    actions.iter().map(|(address, sign)| (address.clone(), other(sign))).collect()
}

/// Actions as they are written in the file of changes, one a line.
fn listed(text: &str) -> Actions {
    let steps = text.lines().filter_map(|it| it.split_once(' '));
    steps.map(|(sign, address)| (address.to_owned(), sign.to_owned())).collect()
}

/// What the file itself says something new of.
fn touched(plan: &Json) -> impl Iterator<Item = String> {
    let by_the_file = |step: &&Json| {
        let changes = step["changes"].as_array().unwrap();
        step["action"] == "delete" || changes.iter().any(|it| it["cause"] == "file" || it["cause"] == "removed")
    };
    plan["steps"].as_array().unwrap().iter().filter(by_the_file).map(|it| it["address"].as_str().unwrap().to_owned())
}

/// A plan without what differs from run to run.
fn shown(plan: &Json) -> String {
    let mut text = String::new();
    let items = |name: &str| plan[name].as_array().unwrap().iter();
    for step in items("steps") {
        let _ = write!(text, "{} {}", sign(&step["action"]), step["address"].as_str().unwrap());
        if let Some(reason) = step.get("reason").filter(|it| it["why"] != "immutable" && it["why"] != "removed") {
            let _ = write!(text, " ({})", reason["message"].as_str().unwrap_or_default());
        }
        text.push('\n');
        // A new one has all that the file says.
        for change in step["changes"].as_array().unwrap().iter().filter(|_| step["action"] != "create") {
            let replaces = if change["replaces"] == true { ", replaces" } else { "" };
            let _ =
                writeln!(text, "    {} ({}{replaces})", sides(change["path"].as_str().unwrap(), change), change["cause"].as_str().unwrap());
        }
    }
    for output in items("outputs") {
        let _ = writeln!(text, "output {}", sides(output["name"].as_str().unwrap(), output));
    }
    for note in items("notes") {
        let part = |name: &str| note[name].as_str().unwrap_or_default();
        let _ = writeln!(text, "note: {} {} {}", part("note"), part("address"), part("property"));
    }
    if text.is_empty() {
        let _ = writeln!(text, "{NOTHING}");
    }
    text
}

/// Adds the steps of a plan, each with its changes, whose order means nothing here.
fn add_parts(parts: &mut BTreeMap<String, BTreeSet<String>>, plan: &str) {
    let mut step = String::new();
    for line in plan.lines().filter(|it| *it != NOTHING) {
        if line.starts_with(' ') {
            parts.entry(step.clone()).or_default().insert(line.trim_start().to_owned());
        } else {
            step = line.to_owned();
            parts.entry(step.clone()).or_default();
        }
    }
}

/// What something was and will be; of a list, what is taken out and put in. A part that is not known yet is the expression for it.
fn sides(name: &str, of: &Json) -> String {
    let (before, after) = (&of["before"], &of["after"]);
    if let Some(unknown) = after["expression"].as_str() {
        return format!("{name} -> {unknown}");
    }
    if let (Some(before), Some(after)) = (before["value"].as_array(), after["value"].as_array()) {
        let less = |one: &[Json], other: &[Json]| -> BTreeSet<String> {
            one.iter().filter(|it| !other.contains(it)).map(|it| it.to_string()).collect()
        };
        let changes =
            less(before, after).into_iter().map(|it| format!(" -{it}")).chain(less(after, before).into_iter().map(|it| format!(" +{it}")));
        return format!("{name}:{}", changes.collect::<String>());
    }
    let side = |it: &Json| match it["kind"].as_str().unwrap() {
        "absent" => "nothing".to_owned(),
        "value" if it["value"].is_object() => "{…}".to_owned(),
        "value" if it["value"].is_array() => "[…]".to_owned(),
        "value" => it["value"].to_string(),
        other => format!("({other})"),
    };
    format!("{name}: {} -> {}", side(before), side(after))
}

#[test]
fn the_changes_are_read_as_they_are_written() {
    let written = fs::read_to_string(root().join(EDITS)).unwrap();
    let groups = groups(&written);
    assert_eq!(text(&groups), written);
    let mut titles = BTreeSet::new();
    for case in groups.iter().flat_map(|it| &it.cases) {
        assert!(titles.insert(&case.title), "there are two changes called {:?}", case.title);
        assert!(case.file.is_some() || case.vars.is_some(), "{}: nothing is changed", case.title);
        edited(&shipped(), case);
    }
    assert!(titles.len() > 100);
}

#[expect(clippy::print_stdout, reason = "what `--nocapture` is to show")]
fn say(text: &str) {
    println!("{text}");
}
