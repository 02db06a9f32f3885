//! What entries do to a state.

use proptest::prelude::*;

use super::super::testing::*;
use super::*;

fn folded(entries: &[Entry]) -> State {
    let mut state = state();
    for entry in entries {
        state.fold(entry).expect("it fits");
    }
    state
}

#[test]
fn entries_change_the_state() {
    let check = |entries: &[Entry], expected: &str| {
        let state = folded(entries);
        assert_eq!(shown(&state), expected, "{entries:#?}");
        assert_eq!(state.serial, entries.len() as u64);
    };
    let deposed = |address: &str| Entry::Deposed { address: address.into() };
    let forgotten = |address: &str| Entry::Forgotten { address: address.into() };
    check(&[creating("op", "a")], " |  | op:a");
    check(&[creating("op", "a"), created("op", "1")], "a=1* |  | ");
    check(&[creating("op", "a"), created("op", "1"), recorded("a", "1")], "a=1 |  | ");
    check(&[creating("op", "a"), Entry::NotCreated { operation: "op".to_owned() }], " |  | ");
    check(&[recorded("a", "1"), Entry::Updating { address: "a".into() }], "a=1* |  | ");
    // What is still there when its successor comes is never lost.
    check(&[recorded("a", "1"), creating("op", "a"), created("op", "2")], "a=2* | a=1 | ");
    check(&[recorded("a", "1"), recorded("a", "2")], "a=2 | a=1 | ");
    // The same thing again is no successor.
    check(&[recorded("a", "1"), creating("op", "a"), created("op", "1")], "a=1* |  | ");
    check(&[recorded("a", "1"), deposed("a")], " | a=1 | ");
    check(&[recorded("a", "1"), deposed("a"), recorded("a", "1")], "a=1 |  | ");
    check(&[recorded("a", "1"), deleting("a", "1")], "a=1 |  | ");
    check(&[recorded("a", "1"), deleted("a", "1")], " |  | ");
    check(&[recorded("a", "1"), deposed("a"), recorded("a", "2"), deleted("a", "1")], "a=2 |  | ");
    check(&[recorded("a", "1"), deposed("a"), recorded("a", "2"), deleted("a", "2")], " | a=1 | ");
    check(&[recorded("a", "1"), forgotten("a")], " |  | ");
    check(&[recorded("a", "1"), recorded("a", "2"), forgotten("a")], " | a=1 | ");
    check(&[recorded("a", "1"), recorded("a", "2"), forgotten("a"), forgotten("a")], " |  | ");
    check(&[creating("op", "a"), forgotten("a")], " |  | ");
    check(&[recorded("a", "1"), recorded("a", "2"), creating("op", "a"), moved("a", "b")], "b=2 | b=1 | op:b");
    check(&[recorded("a", "1"), moved("a", "a")], "a=1 |  | ");
}

#[test]
fn the_older_goes_where_a_name_is_the_id_of_both() {
    let elsewhere = Location { region: Some("us-east-1".to_owned()), role: None };
    for (type_name, location) in [("iam.role", Location::default()), ("ec2.vpc", elsewhere)] {
        let (type_name, location) = (type_name.to_owned(), location.clone());
        let pending = Pending { type_name: type_name.clone(), location: location.clone(), ..pending("a") };
        let creating = Entry::Creating { operation: "op".to_owned(), pending };
        let state = folded(&[recorded("a", "web"), creating, created("op", "web"), deleted("a", "web")]);
        let left = state.resources.get(&"a".into()).map(|it| (it.type_name.clone(), it.location.clone()));
        assert_eq!((left, state.deposed.len()), (Some((type_name, location)), 0));
    }
}

#[test]
fn a_delete_counts_as_open_until_something_tells_of_it() {
    let check = |entries: &[Entry], expected: Option<bool>| {
        let state = folded(&[&[recorded("a", "1")], entries].concat());
        assert_eq!(state.resources.get(&"a".into()).map(|it| it.deleting.is_some()), expected, "{entries:#?}");
    };
    let deposed = Entry::Deposed { address: "a".into() };
    check(&[deleting("a", "1")], Some(true));
    check(&[deleting("a", "1"), recorded("a", "1")], Some(false));
    check(&[deleting("a", "1"), deleted("a", "1")], None);
    check(&[deleting("a", "1"), deposed.clone(), recorded("a", "2")], Some(false));
    // What is deposed is another one.
    check(&[deposed.clone(), recorded("a", "2"), deleting("a", "1")], Some(false));
    check(&[deposed, creating("op", "a"), Entry::NotCreated { operation: "op".to_owned() }, deleting("a", "1")], None);
}

#[test]
fn what_is_reached_in_another_way_is_the_same() {
    let elsewhere = Location { region: Some("us-east-1".to_owned()), role: None };
    let record = Record { location: elsewhere, ..record("web") };
    let state = folded(&[recorded("a", "web"), Entry::Recorded { address: "a".into(), record: record.clone() }]);
    assert_eq!((state.resources.get(&"a".into()), state.deposed.len()), (Some(&record), 0));
}

#[test]
fn a_half_made_resource_has_what_its_create_was_sent() {
    let mut pending = pending("a");
    pending.options.protect = true;
    pending.location.region = Some("us-east-1".to_owned());
    pending.dependencies = depending("", "b", true).dependencies;
    let state = folded(&[Entry::Creating { operation: "op".to_owned(), pending: pending.clone() }, created("op", "1")]);
    let record = &state.resources[&"a".into()];
    assert_eq!((&record.applied, &record.options, &record.location), (&pending.applied, &pending.options, &pending.location));
    assert_eq!((&record.dependencies, record.created, record.complete), (&pending.dependencies, time(), false));
    assert_eq!(record.outputs, json!({}));
}

#[test]
fn a_move_changes_who_depends_on_it() {
    let depends = |address: &str, on: &str, late| Entry::Recorded { address: address.into(), record: depending(address, on, late) };
    let mut waiting = pending("d");
    waiting.dependencies = depending("", "a", false).dependencies;
    let state = folded(&[
        recorded("a", "1"),
        depends("b", "a", false),
        depends("c", "a", true),
        depends("e", "a", false),
        Entry::Deposed { address: "e".into() },
        Entry::Creating { operation: "op".to_owned(), pending: waiting },
        moved("a", "x"),
    ]);
    let on_x = |late| depending("", "x", late).dependencies;
    assert_eq!(state.resources[&"b".into()].dependencies, on_x(false));
    assert_eq!(state.resources[&"c".into()].dependencies, on_x(true));
    assert_eq!(state.deposed[0].record.dependencies, on_x(false));
    assert_eq!(state.pending["op"].dependencies, on_x(false));
}

#[test]
fn a_move_to_where_something_was_makes_nothing_depend_on_itself() {
    let waiting = Entry::Recorded { address: "a".into(), record: depending("1", "gone", false) };
    let state = folded(&[waiting.clone(), moved("a", "gone")]);
    assert_eq!(state.resources[&"gone".into()].dependencies, [].into());
    let state = folded(&[waiting, Entry::Deposed { address: "a".into() }, moved("a", "gone")]);
    assert_eq!(state.deposed[0].record.dependencies, [].into());
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let check = |entry: Entry, expected: &str| {
        let before = folded(&[recorded("a", "1"), recorded("b", "2"), creating("op", "c")]);
        let mut state = before.clone();
        assert_eq!(state.fold(&entry).expect_err("it does not fit").to_string(), expected);
        assert_eq!(state, before);
    };
    check(created("x", "1"), "no create with the operation id `x` is pending");
    check(Entry::NotCreated { operation: "x".to_owned() }, "no create with the operation id `x` is pending");
    check(creating("op", "d"), "the create `op` of `c` is pending already");
    check(Entry::Updating { address: "x".into() }, "nothing is recorded at `x`");
    check(Entry::Deposed { address: "x".into() }, "nothing is recorded at `x`");
    check(Entry::Forgotten { address: "x".into() }, "nothing is recorded at `x`");
    check(deleted("a", "2"), "nothing with the id `2` is recorded at `a`");
    check(moved("x", "y"), "nothing is recorded at `x`");
    check(moved("x", "x"), "nothing is recorded at `x`");
    check(moved("a", "b"), "cannot move `a` to `b`, where something is recorded already");
}

#[test]
fn replay_stops_at_what_does_not_fit() {
    let mut state = state();
    let entries = [recorded("a", "1"), moved("x", "y"), recorded("b", "2")];
    let error = state.replay(0, &entries).expect_err("it does not fit");
    assert_eq!((error.index, shown(&state).as_str()), (1, "a=1 |  | "));
}

#[test]
fn a_journal_of_long_ago_changes_nothing() {
    let mut state = folded(&[recorded("a", "1"), deleted("a", "1"), recorded("b", "2")]);
    let before = state.clone();
    assert_eq!(state.replay(0, &[recorded("a", "1")]), Ok(0));
    assert_eq!(state, before);
}

#[test]
fn verify_finds_what_cannot_be() {
    let check = |change: &dyn Fn(&mut State), expected: &[&str]| {
        let mut state = folded(&[recorded("a", "1"), recorded("b", "2"), creating("op", "c")]);
        change(&mut state);
        assert_eq!(state.verify(), expected);
    };
    check(&|_| {}, &[]);
    check(&|it| drop(it.resources.insert("c".into(), record("1"))), &["the ec2.vpc `1` is recorded twice: at `a` and at `c`"]);
    check(
        &|it| it.deposed.push(Deposed { address: "b".into(), record: record("1") }),
        &["the ec2.vpc `1` is recorded twice: at `a` and at `b`, deposed"],
    );
    check(&|it| it.resources.get_mut(&"a".into()).expect("it is there").id = id(""), &["`a` has no type or no id"]);
    check(&|it| drop(it.pending.insert("op2".to_owned(), pending("c"))), &["two creates are pending for `c`: `op` and `op2`"]);
    check(&|it| drop(it.resources.insert("a".into(), depending("1", "a", false))), &["`a` depends on itself before it can be created"]);
    check(&|it| drop(it.resources.insert("a".into(), depending("1", "a", true))), &[]);
    check(&|it| drop(it.resources.insert("a".into(), depending("1", "gone", false))), &[]);
    check(&|it| it.uuid.clear(), &["it has no uuid or no key for hashes"]);
    // One name in two regions, or of two types, is two things.
    let elsewhere = Location { region: Some("us-east-1".to_owned()), role: None };
    check(&|it| drop(it.resources.insert("c".into(), Record { location: elsewhere.clone(), ..record("1") })), &[]);
    check(&|it| drop(it.resources.insert("c".into(), Record { type_name: "x.y".to_owned(), ..record("1") })), &[]);
}

#[test]
fn unsettled_finds_what_is_left_to_do() {
    let check = |entries: &[Entry], expected: &[&str]| assert_eq!(folded(entries).unsettled(), expected);
    check(&[recorded("a", "1")], &[]);
    check(&[creating("op", "a")], &["the outcome of creating `a` is not known"]);
    check(&[recorded("a", "1"), Entry::Updating { address: "a".into() }], &["`a` is not finished"]);
    check(&[recorded("a", "1"), recorded("a", "2")], &["`a` (1) is deposed and not deleted"]);
    let dangling = Entry::Recorded { address: "a".into(), record: depending("1", "b", false) };
    check(std::slice::from_ref(&dangling), &["`a` depends on `b`, which is not recorded"]);
    check(&[dangling, recorded("b", "2")], &[]);
}

fn choices() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..60)
}

proptest! {
    /// Whatever was done, the state makes sense at every moment.
    #[test]
    fn the_state_makes_sense_after_every_entry(choices in choices()) {
        let mut state = state();
        for entry in valid_entries(&state, &choices) {
            state.fold(&entry).expect("it fits");
            prop_assert_eq!(state.verify(), Vec::<String>::new());
        }
    }

    /// A state that was written after any part of the journal, and the whole journal again, come to the same.
    #[test]
    fn a_prefix_folded_twice_is_folded_once(choices in choices(), cut: prop::sample::Index, begun in 0_u64..5) {
        let start = State { serial: begun, ..state() };
        let entries = valid_entries(&start, &choices);
        let mut all = start.clone();
        prop_assert_eq!(all.replay(begun, &entries), Ok(entries.len()));
        let cut = cut.index(entries.len() + 1);
        let mut part = start;
        part.replay(begun, &entries[..cut]).expect("it fits");
        prop_assert_eq!(part.replay(begun, &entries), Ok(entries.len() - cut));
        prop_assert_eq!(&part, &all);
        prop_assert_eq!(part.replay(begun, &entries), Ok(0));
        prop_assert_eq!(part, all);
    }

    /// Nothing that the cloud was asked for is lost: each id is recorded until it is deleted or given up.
    #[test]
    fn no_id_is_lost(choices in choices()) {
        let mut state = state();
        for entry in valid_entries(&state, &choices) {
            let ids = |state: &State| -> std::collections::BTreeSet<Id> {
                state.resources.values().chain(state.deposed.iter().map(|it| &it.record)).map(|it| it.id.clone()).collect()
            };
            let before = ids(&state);
            state.fold(&entry).expect("it fits");
            let lost: Vec<_> = before.difference(&ids(&state)).cloned().collect();
            match &entry {
                Entry::Deleted { id, .. } => prop_assert_eq!(&lost, std::slice::from_ref(id)),
                Entry::Forgotten { .. } => prop_assert_eq!(lost.len(), 1),
                _ => prop_assert_eq!(lost, vec![]),
            }
        }
    }
}
