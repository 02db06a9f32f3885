//! Files that are damaged or missing, and what they are made good from.

use super::*;
use crate::diagnostic::Diagnostic;

#[test]
fn a_damaged_state_is_made_good_from_what_led_to_it() {
    let folder = folder();
    let store = store(&folder);
    let first = applied(&store, &state(), &entries()[..2]);
    let second = applied(&store, &first, &entries()[2..]);
    let more = [created("op2", "vpc-2")];
    interrupted(&store, &second, &more);
    let expected = folded(&second, &more);
    damage(&store.state_path());

    let loaded = store.load().expect("something good is there");
    assert_eq!(loaded.state.as_ref(), Some(&expected));
    let [Warning::FellBack { serial, replayed, .. }] = loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert_eq!((serial, replayed), (4, 2));
    let diagnostic = Diagnostic::from(&loaded.warnings[0]);
    assert!(diagnostic.summary.contains("chat.json` is damaged: it is not JSON from line"), "{}", diagnostic.summary);
    assert!(diagnostic.help[0].contains("chat.json.previous` is used instead, with 2 entries"), "{:?}", diagnostic.help);

    lock(&store).save(&expected).expect("saved");
    assert_eq!(load(&store), expected);
    let kept: Vec<_> = files(&store).into_iter().filter(|it| it.starts_with("chat.json.corrupt-")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    // And once more, right after: both copies are good now.
    damage(&store.state_path());
    assert_eq!(store.load().expect("something good is there").state, Some(expected));
}

#[test]
fn a_missing_state_is_made_good_too() {
    let folder = folder();
    let store = store(&folder);
    let state = applied(&store, &state(), &entries());
    std::fs::remove_file(store.state_path()).expect("removed");
    let loaded = store.load().expect("something good is there");
    assert_eq!(loaded.state, Some(state));
    assert!(matches!(&loaded.warnings[..], [Warning::FellBack { problem, .. }] if problem == "it is missing"));
}

#[test]
fn without_anything_good_it_says_so() {
    let folder = folder();
    let store = store(&folder);
    applied(&store, &state(), &entries());
    damage(&store.state_path());
    for previous_is_there in [true, false] {
        if previous_is_there {
            damage(&store.previous_path());
        } else {
            std::fs::remove_file(store.previous_path()).expect("removed");
        }
        let error = store.load().expect_err("nothing good");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().ends_with("is damaged too or not there"), "{error}");
        assert!(error.help().contains("put a good copy of"), "{}", error.help());
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_damaged_journal_is_used_up_to_there_and_kept() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &entries());
    let text = std::fs::read_to_string(store.journal_path()).expect("a file");
    let damaged = text.replacen("\"vpc-1\"", "\"vpc-2\"", 1);
    std::fs::write(store.journal_path(), &damaged).expect("written");
    let good = folded(&start, &entries()[..1]);

    let loaded = store.load().expect("some of it is good");
    assert_eq!(loaded.state.as_ref(), Some(&good));
    assert!(matches!(&loaded.warnings[..], [Warning::JournalCorrupt { line: 3, good: 1, .. }]));
    assert_eq!(std::fs::read_to_string(store.journal_path()).expect("a file"), damaged, "who only reads changes nothing");

    let lock = lock(&store);
    let StoreError::JournalCorrupt { kept, line, good: n, problem } = lock.load().expect_err("it must be looked at") else {
        panic!("another error")
    };
    assert_eq!((line, n, problem.as_str()), (3, 1, "its checksum is wrong"));
    assert_eq!(std::fs::read_to_string(kept).expect("kept"), damaged);
    let loaded = lock.load().expect("what is good");
    assert_eq!((loaded.state, loaded.warnings, loaded.folded), (Some(good), vec![], 0));
}

#[test]
fn an_entry_that_does_not_fit_is_damage() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &[creating("op", "a"), deleted("x", "y"), creating("op2", "b")]);
    let error = lock(&store).load().expect_err("it must be looked at").to_string();
    assert!(error.contains("damaged at line 3: it does not fit the state: nothing with the id `y` is recorded at `x`"), "{error}");
    assert_eq!(load(&store), folded(&start, &[creating("op", "a")]));
}

#[test]
fn a_torn_line_is_no_damage() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &entries());
    let text = std::fs::read(store.journal_path()).expect("a file");
    let last = text[..text.len() - 1].iter().rposition(|it| *it == b'\n').expect("several lines") + 1;
    for cut in last..text.len() {
        std::fs::write(store.journal_path(), &text[..cut]).expect("written");
        assert_eq!(load(&store), folded(&start, &entries()[..3]), "cut at {cut}");
    }
    // What comes after goes into a journal of its own.
    let state = load(&store);
    interrupted(&store, &state, &entries()[3..]);
    assert_eq!(load(&store), folded(&start, &entries()));
}
