//! Small stacks, what is recorded of them, and what needs what.

use std::collections::BTreeMap;

use super::*;
use crate::{
    plan::tests::world::{catalog, source},
    stack::{self, Settings},
    state::testing::record,
};

fn parsed(resources: &str) -> Stack {
    let indented: String = resources.lines().map(|line| format!("  {line}\n")).collect();
    let (file, found) = stack::parse(source(&format!("stack: s\nregion: r-1\nresources:\n{indented}")), catalog());
    assert_eq!(found, [], "{resources}");
    let settings = Settings { environment: "default".into(), ..Settings::default() };
    let (stack, found) = stack::resolve(&file.expect("nothing is wrong"), &settings, catalog(), &BTreeMap::new());
    assert_eq!(found, [], "{resources}");
    stack.expect("nothing is wrong")
}

/// A state in which each of these needs others, some of them only late.
fn recorded(resources: &[(&str, &[(&str, bool)])]) -> State {
    let mut state = State::new("s", "default");
    for (address, needs) in resources {
        let dependencies = needs.iter().map(|(on, late)| Dependency { address: (*on).into(), late: *late }).collect();
        let record = Record { dependencies, ..record(address) };
        state.resources.insert((*address).into(), record);
    }
    state
}

/// Everything that is needed: `b -> a.id`, and in which step and how if that is not the create and not only what is there.
fn edges(graph: &Graph<'_>) -> Vec<String> {
    let line = |node: &Node<'_>, edge: &Edge| {
        let mut text = format!("{} -> {}", node.address, graph.nodes[edge.to].address);
        text.extend(edge.field.iter().map(|it| format!(".{it}")));
        for (word, is_so) in
            [("late", edge.late), ("ready", edge.ready), ("written", edge.why == Why::Written), ("implied", edge.why == Why::Implied)]
        {
            if is_so {
                text = format!("{text} {word}");
            }
        }
        text
    };
    graph.nodes.iter().flat_map(|node| node.needs.iter().map(move |edge| line(node, edge))).collect()
}

#[test]
fn what_is_referred_to_is_needed() {
    for (resources, expected) in [
        ("a: { test.case: {} }\nb: { test.case: { size: 2 } }", vec![]),
        ("a: { test.case: {} }\nb: { test.case: { text: 'x ${a.id} ${a.version}' } }", vec!["b -> a.id", "b -> a.version"]),
        ("b: { test.case: { list: ['${a.id}'], map: { k: '${a.id}' } } }\na: { test.case: {} }", vec!["b -> a.id", "b -> a.id"]),
        // What the file says of another is needed just as what the cloud says.
        ("a: { test.case: { text: x } }\nb: { test.case: { text: '${a.text}' } }", vec!["b -> a.text"]),
        // An output that is there only once its resource can be used, and a property for what can be used.
        ("a: { test.case: {} }\nb: { test.case: { text: '${a.endpoint}' } }", vec!["b -> a.endpoint ready"]),
        ("a: { test.case: {} }\nb: { test.case: { usable: '${a.id}' } }", vec!["b -> a.id ready"]),
        // What is written after the create.
        ("a: { test.case: { peers: ['${b.id}'] } }\nb: { test.case: {} }", vec!["a -> b.id late"]),
        ("a: { test.case: { peers: ['${a.id}'] } }", vec!["a -> a.id late"]),
        ("a: { test.case: {} }\nb: { test.case: { peers: ['${a.endpoint}'] } }", vec!["b -> a.endpoint late ready"]),
        ("a: { test.case: {} }\nb: { test.case: {}, depends_on: [a] }", vec!["b -> a ready written"]),
    ] {
        let (stack, state) = (parsed(resources), State::new("s", "default"));
        let (graph, found) = build(Some(&stack), &state, catalog());
        assert_eq!((edges(&graph), found), (expected.into_iter().map(str::to_owned).collect(), vec![]), "{resources}");
    }
}

#[test]
fn a_type_waits_for_another_that_refers_to_the_same() {
    const BOTH: &str = "a: { test.case: {} }\ndata: { test.data: { text: '${a.id}' } }\n";
    for (resources, expected) in [
        // A follower comes after the data of what its text refers to.
        ("f: { test.follower: { text: '${a.id}' } }", vec!["f -> a.id", "f -> data ready implied"]),
        ("b: { test.case: {} }\nf: { test.follower: { text: '${b.id}' } }", vec!["f -> b.id"]),
        ("f: { test.follower: { fixed: '${a.id}' } }", vec!["f -> a.id"]),
        // Wherever in the property it is.
        ("f: { test.nested: { parts: [{ text: '${a.id}' }] } }", vec!["f -> a.id"]),
        (
            "f: { test.nested: { parts: [{ text: '${a.id}' }] } }\nc: { test.case: { inner: { text: '${a.id}' } } }",
            vec!["c -> a.id", "f -> a.id", "f -> c ready implied"],
        ),
        // Not where that waits for it in turn.
        (
            "f: { test.follower: { text: '${a.id}' } }\nmore: { test.data: { text: '${a.id}', fixed: '${f.id}' } }",
            vec!["f -> a.id", "f -> data ready implied", "more -> a.id", "more -> f.id"],
        ),
    ] {
        let (stack, state) = (parsed(&format!("{BOTH}{resources}")), State::new("s", "default"));
        let (graph, found) = build(Some(&stack), &state, catalog());
        let mut all = edges(&graph);
        all.sort();
        let mut expected: Vec<String> = expected.into_iter().chain(["data -> a.id"]).map(str::to_owned).collect();
        expected.sort();
        assert_eq!((all, found), (expected, vec![]), "{resources}");
    }
}

#[test]
fn a_type_waits_for_another_whose_name_is_made_of_its_own() {
    for (resources, expected) in [
        ("n: { test.namesake: { text: web } }\na: { test.named: { name: of/web } }", vec!["n -> a ready implied"]),
        ("n: { test.namesake: { text: web } }\na: { test.named: { name: web } }", vec![]),
        ("n: { test.namesake: { fixed: web } }\na: { test.named: { name: of/web } }", vec![]),
        ("n: { test.namesake: { text: web } }\na: { test.case: { text: of/web } }", vec![]),
        // What is not known yet is not compared.
        (
            "n: { test.namesake: { text: '${b.id}' } }\na: { test.named: { name: 'of/${b.id}' } }\nb: { test.case: {} }",
            vec!["n -> b.id", "a -> b.id"],
        ),
        // In another region it is another's.
        ("n: { test.namesake: { text: web } }\na: { region: r-2, test.named: { name: of/web } }", vec![]),
        (
            "n: { region: r-2, test.namesake: { text: web } }\na: { region: r-2, test.named: { name: of/web } }",
            vec!["n -> a ready implied"],
        ),
        // Where it is written already, and where that waits for it in turn.
        ("n: { depends_on: [a], test.namesake: { text: web } }\na: { test.named: { name: of/web } }", vec!["n -> a ready written"]),
        ("n: { test.namesake: { text: web } }\na: { test.named: { name: of/web, text: '${n.id}' } }", vec!["a -> n.id"]),
    ] {
        let (stack, state) = (parsed(resources), State::new("s", "default"));
        let (graph, found) = build(Some(&stack), &state, catalog());
        assert_eq!((edges(&graph), found), (expected.into_iter().map(str::to_owned).collect(), vec![]), "{resources}");
    }
}

/// Nobody refers to a teller to be told of; it speaks of all that refer to it, once they are there.
#[test]
fn a_type_may_wait_with_its_finish_alone() {
    let stack = parsed("t: { test.teller: {} }\none: { test.data: { text: '${t.id}' } }\nother: { test.data: { fixed: '${t.id}' } }");
    let state = State::new("s", "default");
    let (graph, found) = build(Some(&stack), &state, catalog());
    assert_eq!((edges(&graph), found), (vec!["t -> one late ready implied".into(), "one -> t.id".into(), "other -> t.id".into()], vec![]));
}

#[test]
fn what_is_recorded_was_needed() {
    let stack = parsed("a: { test.case: {} }\nb: { test.case: { text: '${a.id}' } }");
    let state = recorded(&[("b", &[("a", true), ("old", false), ("gone", false)]), ("old", &[("b", false)])]);
    for (stack, addresses, needed) in [
        (Some(&stack), vec!["a", "b", "old"], vec![("b", "a", true), ("b", "old", false), ("old", "b", false)]),
        (None, vec!["b", "old"], vec![("b", "old", false), ("old", "b", false)]),
    ] {
        let (graph, found) = build(stack, &state, catalog());
        let name = |index: Index| graph.nodes[index].address.as_str();
        assert_eq!((0..graph.nodes.len()).map(name).collect::<Vec<_>>(), addresses);
        let all = graph.nodes.iter().flat_map(|node| node.needed.iter().map(|it| (node.address.as_str(), name(it.to), it.late)));
        assert_eq!(all.collect::<Vec<_>>(), needed);
        assert_eq!(found, [], "what was is no circle to complain of");
        let dependents = graph.dependents();
        let of =
            |address: &str| dependents[graph.find(&address.into()).expect("it is there")].iter().map(|it| name(*it)).collect::<Vec<_>>();
        assert_eq!((of("b"), of("old")), (vec!["old"], vec!["b"]));
        assert_eq!(graph.find(&"gone".into()), None);
    }
}

#[test]
fn one_dependency_is_recorded_for_each_that_is_needed() {
    for (resources, expected) in [
        ("b: { test.case: {} }\na: { test.case: { peers: ['${b.id}'] } }", vec![("b", true)]),
        ("b: { test.case: {} }\na: { test.case: { peers: ['${b.id}'], text: '${b.version}' } }", vec![("b", false)]),
        ("a: { test.case: { peers: ['${a.id}'] } }", vec![]),
    ] {
        let (stack, state) = (parsed(resources), State::new("s", "default"));
        let (graph, _) = build(Some(&stack), &state, catalog());
        let found = graph.dependencies(graph.find(&"a".into()).expect("it is there"));
        let found: Vec<_> = found.iter().map(|it| (it.address.as_str(), it.late)).collect();
        assert_eq!(found, expected, "{resources}");
    }
}

#[test]
fn outputs_are_needed_by_who_refers_to_them_and_needs_no_more() {
    let stack =
        parsed("a: { test.case: { text: x } }\nb: { test.case: { text: '${a.id} ${a.text} ${a.endpoint}', usable: '${a.version}' } }");
    let state = State::new("s", "default");
    let (graph, _) = build(Some(&stack), &state, catalog());
    assert_eq!(graph.needed_outputs(catalog()), [BTreeSet::from(["id".to_owned()]), BTreeSet::new()]);
}

#[test]
fn circles_and_secrets_at_second_hand_are_told() {
    for (resources, expected) in [
        (
            "a: { test.case: { text: '${b.id}' } }\nb: { test.case: { text: '${a.id}' } }",
            vec!["these resources need each other: a → b → a"],
        ),
        ("a: { test.case: { text: '${a.id}' } }", vec!["these resources need each other: a → a"]),
        // A finish may wait for what waits for the create.
        ("a: { test.case: { peers: ['${b.id}'] } }\nb: { test.case: { text: '${a.id}' } }", vec![]),
        (
            "a: { test.case: { peers: ['${b.endpoint}'] } }\nb: { test.case: { text: '${a.endpoint}' } }",
            vec!["these resources need each other: a → b → a"],
        ),
        // A secret itself may be passed on, and what is made of it may not.
        ("a: { test.case: {} }\nb: { test.case: { text: '${a.key}' } }", vec![]),
        (
            "a: { test.case: {} }\nb: { test.case: { text: 'x ${a.key}', kept: y } }\nc: { test.case: { text: '${b.text}' } }",
            vec!["`b.text` is made of a secret of `a`"],
        ),
        ("a: { test.case: {} }\nb: { test.case: { text: 'x ${a.key}', kept: y } }\nc: { test.case: { text: '${b.kept}' } }", vec![]),
    ] {
        let (stack, state) = (parsed(resources), State::new("s", "default"));
        let found = build(Some(&stack), &state, catalog()).1;
        assert!(found.iter().all(|it| !it.labels.is_empty() && !it.help.is_empty()), "{found:?}");
        assert_eq!(found.iter().map(|it| it.summary.as_str()).collect::<Vec<_>>(), expected, "{resources}");
    }
}

#[test]
fn marks_are_those_of_all_that_a_path_leads_through() {
    let schema = catalog().schema("test.case").expect("it is there");
    for (path, immutable, late) in [
        (Path::of("text"), false, false),
        (Path::of("fixed"), true, false),
        (Path::of("inner").key("text"), false, false),
        (Path::of("inner").key("fixed"), true, false),
        (Path::of("peers").item(0), false, true),
        (Path::of("absent").key("fixed"), false, false),
    ] {
        let marks = marks_along(schema, &path);
        assert_eq!((marks.immutable, marks.late), (immutable, late), "{path}");
    }
}
