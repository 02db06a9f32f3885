//! The order of work: that there always is one, and that it is the right one.

use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert_eq, proptest};

use super::*;

/// Every plan can be carried out: no piece of work waits for itself. The pieces, each after what it needs.
pub(super) fn verify(input: Input<'_>, made: &Made) -> Vec<Work> {
    let pieces = schedule::schedule(input, &made.decisions);
    let mut missing: Vec<BTreeSet<usize>> = pieces.iter().map(|it| it.needs.iter().copied().collect()).collect();
    let mut order = vec![];
    let mut done = BTreeSet::new();
    while let Some(next) = (0..pieces.len()).find(|it| !done.contains(it) && missing[*it].is_empty()) {
        done.insert(next);
        order.push(pieces[next].work);
        for it in &mut missing {
            it.remove(&next);
        }
    }
    let waiting: Vec<_> = pieces.iter().filter(|it| !order.contains(&it.work)).map(|it| it.work).collect();
    assert!(waiting.is_empty(), "these wait for each other: {waiting:?}");
    order
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Comes,
    Goes,
    Stays,
    Changes,
    Replaced,
    ReplacedFirst,
}

/// What happens to each of a few resources, and which earlier ones each refers to: in the old file, in the new one, and late.
type Story = Vec<(Turn, BTreeSet<usize>, BTreeSet<usize>, BTreeSet<usize>)>;

fn stories(late: bool) -> impl Strategy<Value = Story> {
    use Turn::{Changes, Comes, Goes, Replaced, ReplacedFirst, Stays};
    let turn = prop::sample::select(vec![Comes, Goes, Stays, Changes, Replaced, ReplacedFirst]);
    let some = || prop::collection::btree_set(0..7_usize, 0..3);
    let all = prop::collection::vec((turn, some(), some(), some()), 1..8);
    all.prop_map(move |mut story| {
        if !late {
            story.iter_mut().for_each(|it| it.3.clear());
        }
        story
    })
}

/// The file before or after what happens.
fn file(story: &Story, after: bool) -> String {
    let there = |it: usize| story.get(it).is_some_and(|it| it.0 != if after { Turn::Goes } else { Turn::Comes });
    let mut text = "resources:\n  end: { test.case: {} }\n".to_owned();
    for (n, (turn, before, now, late)) in story.iter().enumerate().filter(|it| there(it.0)) {
        let references = |of: &BTreeSet<usize>, earlier: bool| {
            let of = of.iter().filter(|it| there(**it) && (!earlier || **it < n));
            of.map(|it| format!("\"${{r{it}.id}}\"")).collect::<Vec<_>>().join(", ")
        };
        let version = if after && matches!(turn, Turn::Replaced | Turn::ReplacedFirst) { "new" } else { "old" };
        let changed = if after && *turn == Turn::Changes { "new" } else { "old" };
        let list = references(if after { now } else { before }, true);
        let peers = references(late, false);
        let first = *turn == Turn::ReplacedFirst;
        writeln!(
            text,
            "  r{n}: {{ test.case: {{ fixed: {version}, text: {changed}, list: [{list}], peers: [{peers}] }}, lifecycle: {{ create_before_destroy: {first} }} }}"
        )
        .expect("text");
    }
    text
}

fn case(story: &Story, words: &str) -> Case {
    let (was, file) = (file(story, false), file(story, true));
    Case::of(&[("was", was.as_str()), ("file", file.as_str()), ("request", words)].into())
}

/// The pieces of work that a story leads to, in order, with the plan.
fn work(story: &Story, words: &str, see: impl FnOnce(&Graph<'_>, &Made, &[Work])) {
    let case = case(story, words);
    let (graph, diagnostics) = graph::build((!case.request.destroy).then_some(&case.stack), &case.state, catalog());
    assert_eq!(told(&diagnostics), "");
    let input = Input { graph: &graph, stack: &case.stack, state: &case.state, catalog: catalog(), request: &case.request };
    let (made, found) = make(input, &case.observed(input));
    assert_eq!(told(&found), "");
    let order = verify(input, &made);
    see(&graph, &made, &order);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_there_is_an_order(story in stories(true), destroy: bool) {
        work(&story, if destroy { "--destroy" } else { "" }, |_, _, _| {});
    }

    /// Without references back, nothing has to be given up where all goes.
    #[test]
    fn all_that_goes_goes_after_what_needs_it(story in stories(false)) {
        work(&story, "--destroy", |graph, _, order| {
            let at = |work: Work| order.iter().position(|it| *it == work);
            for (index, node) in graph.nodes.iter().enumerate() {
                assert!(at(Work::Remove(index)).is_some());
                for needed in &node.needed {
                    assert!(at(Work::Remove(index)) < at(Work::Remove(needed.to)), "{order:?}");
                }
            }
        });
    }

    /// What is made is made after what it needs is there, and what is given up for it is deleted in its place.
    #[test]
    fn what_is_made_is_made_after_what_it_needs(story in stories(true)) {
        work(&story, "", |graph, made, order| {
            let at = |work: Work| order.iter().position(|it| *it == work);
            for (index, node) in graph.nodes.iter().enumerate() {
                for edge in node.needs.iter().filter(|it| it.to != index) {
                    let theirs = at(Work::Make(edge.to));
                    let mine = if edge.late { at(Work::Finish(index)) } else { at(Work::Make(index)) };
                    for mine in [mine, at(Work::Change(index))].into_iter().flatten() {
                        assert!(theirs < Some(mine), "{order:?}");
                    }
                }
                let (make, finish, remove) = (at(Work::Make(index)), at(Work::Finish(index)), at(Work::Remove(index)));
                match made.decisions[index].as_ref().and_then(|it| it.action) {
                    Some(Action::Create) => assert!(make < finish && remove.is_none()),
                    Some(Action::Replace) => assert!(remove.is_some() && remove < make && make < finish),
                    Some(Action::CreateThenDelete) => assert!(make < finish && finish < remove),
                    Some(Action::Delete) => assert!(remove.is_some() && make.is_none()),
                    _ => assert!(make.is_none() && remove.is_none()),
                }
            }
        });
    }

    /// Believing what is recorded makes the same plan, and no plan depends on anything but its input.
    #[test]
    fn the_same_input_makes_the_same_plan(story in stories(true)) {
        let text = case(&story, "").text();
        prop_assert_eq!(case(&story, "").text(), text);
    }
}
