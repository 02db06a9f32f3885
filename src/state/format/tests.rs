//! States to texts and back.

use super::super::testing::*;
use super::*;

fn example() -> State {
    let mut state = state();
    let entries = valid_entries(&state, &[0, 3, 8, 16, 32, 3, 7, 15, 48]);
    state.replay(0, &entries).expect("it fits");
    state
}

#[test]
fn a_text_gives_the_state_it_was_written_from() {
    for state in [state(), example(), State::new("a", "b")] {
        let decoded = decode(encode(&state).as_bytes()).expect("just written");
        assert_eq!((decoded.state, decoded.version), (state, FORMAT_VERSION));
    }
}

#[test]
fn the_text_is_sorted_and_made_to_be_read() {
    let mut state = state();
    state.outputs.insert("url".to_owned(), json!({ "z": 1, "a": [0.1, null] }));
    let text = encode(&state);
    assert!(text.starts_with("{\n  \"format_version\": 1,\n  \"checksum\": \"sha256:"), "{text}");
    let body = text.lines().skip(3).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(body, @r#"
      "state": {
        "account": null,
        "commit": null,
        "deposed": [],
        "endpoint": null,
        "environment": "dev",
        "hash_key": "0000000000000000000000000000000000000000000000000000000000000000",
        "outputs": {
          "url": {
            "a": [
              0.1,
              null
            ],
            "z": 1
          }
        },
        "pending": {},
        "resources": {},
        "serial": 0,
        "stack": "chat",
        "uuid": "5e1f"
      }
    }
    "#);
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let with = |json: &str| {
        let mut state = state();
        state.outputs.insert("it".to_owned(), serde_json::from_str(json).expect("JSON"));
        encode(&state)
    };
    assert_eq!(with(r#"{"a":{"x":1,"y":2},"b":3}"#), with(r#"{"b":3,"a":{"y":2,"x":1}}"#));
}

#[test]
fn numbers_that_do_not_read_as_written_are_no_damage() {
    let mut state = state();
    let awkward: Vec<f64> = (1..2000).map(|n| (f64::from(n) * 0.1).exp2().recip() * 1e-7).collect();
    state.outputs.insert("it".to_owned(), json!(awkward));
    decode(encode(&state).as_bytes()).expect("just written");
}

#[test]
fn no_change_goes_unnoticed() {
    let text = encode(&example()).into_bytes();
    for n in 0..text.len() {
        assert!(decode(&text[..n]).is_err(), "cut at {n}");
        let mut changed = text.clone();
        changed[n] ^= 1;
        assert!(decode(&changed).is_err(), "changed at {n}: {:?}", char::from(text[n]));
    }
}

#[test]
fn damage_is_described() {
    let text = encode(&example());
    let check = |text: &str, expected: &str| assert_eq!(decode(text.as_bytes()).expect_err("damaged").to_string(), expected);
    check("", "it is not JSON from line 1, column 0 on; the 0 lines before are good");
    check(&text.replacen("\"deposed\"", "deposed", 1), "it is not JSON from line 7, column 5 on; the 6 lines before are good");
    let resources = example().resources.len();
    let expected =
        format!("its checksum is wrong: it is readable, with {resources} resources, and something other than infra has changed it");
    check(&text.replacen("\"chat\"", "\"chap\"", 1), &expected);
    check("{}", "it is JSON, and not a state: it has no format version");
    check("[]", "it is JSON, and not a state: it has no format version");
    check(&text.replacen("\"format_version\": 1", "\"format_version\": 0", 1), "it is JSON, and not a state: it has no format version");
    check(r#"{"format_version": 1}"#, "it is JSON, and not a state: it has no part called `state`");
}

#[test]
fn a_newer_version_is_read_as_far_as_it_is_understood() {
    let newer = encode(&example()).replacen("\"format_version\": 1", "\"format_version\": 7", 1);
    let newer = newer.replacen("\"account\"", "\"invented_later\": {},\n    \"account\"", 1);
    let decoded = decode(newer.as_bytes()).expect("all that is needed is there");
    assert_eq!((decoded.state, decoded.version), (example(), 7));
    let error = decode(newer.replacen("\"serial\"", "\"number\"", 1).as_bytes()).expect_err("something is missing");
    assert!(matches!(error, FormatError::Content { version: 7, .. }), "{error}");
}

#[test]
fn an_older_version_goes_through_all_later_steps() {
    fn note(body: &mut Json, text: &str) {
        body.as_array_mut().expect("a list").push(json!(text));
    }
    let steps: [fn(&mut Json); 3] = [|it| note(it, "1 to 2"), |it| note(it, "2 to 3"), |it| note(it, "3 to 4")];
    for (version, expected) in [(1, json!(["1 to 2", "2 to 3", "3 to 4"])), (3, json!(["3 to 4"])), (4, json!([])), (9, json!([]))] {
        let mut body = json!([]);
        upgrade(&mut body, version, &steps);
        assert_eq!(body, expected, "from {version}");
    }
    assert_eq!(UPGRADES.len() as u64, FORMAT_VERSION - 1, "one step for each version before this one");
}

#[test]
fn new_states_differ() {
    let (one, other) = (State::new("a", "b"), State::new("a", "b"));
    assert_ne!(one.uuid, other.uuid);
    assert_ne!(one.hash_key, other.hash_key);
    assert_eq!((one.hash_key.len(), one.serial), (64, 0));
    assert_eq!(one.verify(), Vec::<String>::new());
}
