//! What expressions yield.

use super::*;
use crate::resource::Secret;

/// The value of an expression, or what is wrong with it.
fn value_with(expression: &str, scope: &dyn Scope) -> String {
    let text = format!(
        r#"stack: a
vars: {{ n: 2, zero: 007, no: null, yes: true, words: [x, y], map: {{ a: 1, b: {{ c: deep }} }}, unused: "${{env.name}}!" }}
lookup: {{ zone: {{ test.zone: {{ name: z }} }} }}
resources:
  vpc: {{ test.network: {{ cidr_block: 10.0.0.0/8 }} }}
  off: {{ when: false, test.network: {{ cidr_block: 10.0.0.0/8 }} }}
  sub: {{ for_each: [a, b], when: "${{each.key == 'a'}}", test.subnet: {{ network_id: x }} }}
  db: {{ test.database: {{}} }}
outputs:
  it: |-
    ${{{expression}}}
"#
    );
    let catalog = catalog();
    let found = BTreeMap::from([("zone".to_owned(), Value::from(serde_json::json!({ "id": "Z1", "servers": ["s1", "s2"] })))]);
    let (file, mut diagnostics) = parse(source(&text), catalog);
    let stack = file.filter(|_| diagnostics.is_empty()).and_then(|file| {
        let settings = Settings {
            files: Files::new(|path| match path {
                "a.txt" => Ok(b"content".to_vec()),
                "a.zip" => Ok(vec![0, 255]),
                _ => Err("not found".into()),
            }),
            ..settings("default")
        };
        let (stack, problems) = resolve(&file, &settings, catalog, &found);
        diagnostics.extend(problems);
        stack
    });
    match stack.filter(|_| diagnostics.is_empty()) {
        Some(stack) => {
            let (value, problems) = stack.outputs["it"].value.evaluate(scope);
            if problems.is_empty() { shown(&value) } else { summary(&problems) }
        }
        None => summary(&diagnostics),
    }
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let it = &diagnostics[0];
    let place = &it.labels[0].place;
    format!("!{} ({:?}: {})", it.summary, &place.source.text[place.span.clone()], it.labels[0].text)
}

fn value(expression: &str) -> String {
    value_with(expression, &Known::default())
}

#[test]
fn expressions_have_values() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("vars.n + 1", "3"),
        ("vars.zero", r#""007""#),
        ("7 / 2", "3"),
        ("-7 % 3", "-1"),
        ("1.5 + 1", "2.5"),
        ("'a' + \"b\"", r#""ab""#),
        ("[1] + [2, 3]", "[1, 2, 3]"),
        ("vars.no == null ? 'none' : 'some'", r#""none""#),
        ("!vars.yes || vars.n >= 2", "true"),
        ("1 == 1.0 && 1 != 2 && 'a' < 'b'", "true"),
        ("[1, 2] == [1, 2] && {'a': 1} == {'a': 1.0}", "true"),
        ("2 in [1, 2] && 'a' in vars.map && !('z' in vars.map)", "true"),
        ("vars.words[1]", r#""y""#),
        ("vars.map.b.c", r#""deep""#),
        ("vars.map['a']", "1"),
        ("vars['words']", r#"["x", "y"]"#),
        ("has(vars.map.a) && !has(vars.map.z)", "true"),
        ("vars.words.map(w, w + '!')", r#"["x!", "y!"]"#),
        ("vars.words.filter(w, w != 'x')", r#"["y"]"#),
        ("[1, 2, 3].map(n, n > 1, n * 2)", "[4, 6]"),
        ("[1, 2].all(n, n > 0) && [1, 2].exists(n, n > 1) && [1, 2].exists_one(n, n > 1)", "true"),
        ("vars.map.map(k, k)", r#"["a", "b"]"#),
        ("[1, 2].map(a, [10, 20].map(b, a + b))", "[[11, 21], [12, 22]]"),
        ("{'b': 1, 'a': [true, null]}", "{a: [true, null], b: 1}"),
        ("env.name + '/' + aws.account_id + '/' + aws.partition", r#""default/123456789012/aws""#),
        ("vars.unused", r#""default!""#),
        ("lookup.zone.servers[0]", r#""s1""#),
        ("size(sub)", "1"),
        ("keys(sub)", r#"["a"]"#),
        ("'a' in sub && !('b' in sub)", "true"),
        ("off == null && vpc != null && sub['b'] == null", "true"),
        ("off.id", "null"),
        ("sub['b'].id", "null"),
        ("coalesce(off.id, vars.no, 'x')", r#""x""#),
        (r"'a\n\u00e9' + r'\n'", r#""a\né\\n""#),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn functions_have_values() {
    for (expression, expected) in [
        ("cidr_subnet('10.0.0.0/16', 8, 3)", r#""10.0.3.0/24""#),
        ("'2001:db8::/56'.cidr_subnet(8, 255)", r#""2001:db8:0:ff::/64""#),
        ("cidr_subnet('0.0.0.0/0', 0, 0)", r#""0.0.0.0/0""#),
        ("cidr_host('10.0.0.0/24', 5) + ' ' + cidr_host('10.0.0.0/24', -1)", r#""10.0.0.5 10.0.0.255""#),
        ("cidr_host('::/0', 1)", r#""::1""#),
        ("cidr_contains('10.0.0.0/8', '10.1.0.0/16') && !cidr_contains('10.0.0.0/8', '11.0.0.1')", "true"),
        ("json({'b': [1, 'x'], 'a': null})", r#""{\"a\":null,\"b\":[1,\"x\"]}""#),
        ("parse_json('{\"a\": [1, 2.5]}').a[1]", "2.5"),
        ("base64('hé') + base64_decode('aMOp')", r#""aMOphé""#),
        ("sha256('abc').startsWith('ba7816bf')", "true"),
        ("file('a.txt')", r#""content""#),
        ("file_base64('a.zip')", r#""AP8=""#),
        ("file_base64('a.txt')", r#""Y29udGVudA==""#),
        ("lower('AbC') + upper('x') + trim('  y ')", r#""abcXy""#),
        ("'a,b'.split(',').join('-')", r#""a-b""#),
        ("'banana'.replace('an', 'o') + string(size('é'))", r#""booa1""#),
        ("'abc'.contains('b') && 'abc'.endsWith('c') && 'abc'.matches('^a.c$')", "true"),
        ("merge({'a': 1, 'b': 2}, vars.no, {'b': 3})", "{a: 1, b: 3}"),
        ("keys({'b': 1, 'a': 2}) + values({'b': 1, 'a': 2}).map(v, string(v))", r#"["a", "b", "2", "1"]"#),
        ("int('12') + int(3.9)", "15"),
        ("double('1.5')", "1.5"),
        ("bool('true')", "true"),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn what_goes_wrong_is_said_where_it_is() {
    for (expression, expected) in [
        ("1 / 0", r#"!a division by zero ("0": is zero)"#),
        ("9223372036854775807 + 1", r#"!a number that is too large ("9223372036854775807 + 1": does not fit into 64 bits)"#),
        ("'a' + vars.n", r#"!cannot be calculated ("'a' + vars.n": text and a whole number)"#),
        ("1 + (vars.n - 'x')", r#"!cannot be calculated ("vars.n - 'x'": a whole number and text)"#),
        ("vars.map.z", r#"!there is no `z` in it ("z": unknown)"#),
        ("vars.n.z", r#"!no `z` in it ("vars.n": is a whole number and has no fields)"#),
        ("vars.words[5]", r#"!there is no such item ("5": the list has 2 items, counted from 0)"#),
        ("vars.n ? 1 : 2", r#"!neither true nor false ("vars.n": is a whole number)"#),
        ("sub['z'].id", r#"!there is no such instance ("'z'": not among the keys of its `for_each`)"#),
        ("sub.id", r#"!`sub` is several resources ("sub.id": has a `for_each`)"#),
        ("vpc['a'].id", r#"!`vpc` is one resource ("vpc['a']": has no `for_each`, so no keys)"#),
        ("[1].map(x, y)", r#"!there is no `y` ("y": refers to nothing)"#),
        ("vpc.map(x, x.id)", r#"!a loop over a single resource ("vpc": `vpc` has no `for_each`)"#),
        ("sub.map(s, s)", r#"!`sub` is a resource and not a value ("s": a whole resource)"#),
        ("sub.map(s, s.idd)", r#"!`test.subnet` has no `idd` ("idd": unknown)"#),
        ("cidr_subnet('10.0.0.0/24', 9, 0)", r#"!`cidr_subnet` cannot take this ("9": makes the prefix longer than an address)"#),
        ("cidr_subnet('10.0.0.0/24', 1, 2)", r#"!`cidr_subnet` cannot take this ("2": is more than there are subnets)"#),
        ("cidr_host('10.0.0.0/24', 256)", r#"!`cidr_host` cannot take this ("256": is outside of the block)"#),
        ("file('b.txt')", r#"!`file` cannot take this ("'b.txt'": cannot be read: not found)"#),
        ("lower(1)", r#"!`lower` cannot take this ("1": is a whole number, not text)"#),
        ("db.endpoint.hst", r#"!`db.endpoint` has no `hst` ("hst": unknown)"#),
        ("vpc.id.x", r#"!no `x` in it ("vpc.id": is text and has no fields)"#),
        ("stacks['a'].b", r#"!references to other stacks are not supported yet ("stacks": another stack)"#),
        ("each.key", r#"!`each` without `for_each` ("each": nothing to iterate over in an output)"#),
        ("n", r#"!there is no `n` ("n": refers to nothing)"#),
        ("'a", r#"!not a valid expression ("'a": unterminated string literal)"#),
        ("1 +", r#"!not a valid expression ("": found the end instead of a value)"#),
        ("a b", r#"!not a valid expression ("b": found `b` instead of the end)"#),
        ("", r#"!an empty expression ("": nothing between the braces)"#),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn what_is_unknown_spoils_only_what_needs_it() {
    let known = Known::default().with("vpc.count", Value::Int(2));
    for (expression, expected) in [
        ("vpc.id", "?${vpc.id}"),
        ("vpc.id + 'x'", "?${vpc.id + 'x'}"),
        ("[vpc.id, 'x']", "[?${[vpc.id, 'x']}, \"x\"]"),
        ("vpc.count > 1 ? 'many' : vpc.id", r#""many""#),
        ("vpc.id == 'x' || true", "true"),
        ("false && vpc.id == 'x'", "false"),
        ("json([vpc.id])", "?${json([vpc.id])}"),
        ("size([vpc.id])", "?${size([vpc.id])}"),
        ("merge({'a': vpc.id}, {'b': 1}).b", "1"),
        ("[1, 2].filter(n, vpc.id == string(n))", "?${[1, 2].filter(n, vpc.id == string(n))}"),
    ] {
        assert_eq!(value_with(expression, &known), expected, "{expression}");
    }
}

#[test]
fn what_touches_a_secret_is_secret() {
    let secret = Known::default().with("db.password", Value::Secret(Secret::new("hunter2"))).with("vpc.id", "v");
    for (expression, expected) in [
        ("db.password", "secret:hunter2"),
        ("'x' + db.password", "secret:xhunter2"),
        ("upper(db.password)", "secret:HUNTER2"),
        ("json({'p': db.password, 'v': vpc.id})", r#"secret:{"p":"hunter2","v":"v"}"#),
        ("{'p': db.password, 'v': vpc.id}", r#"{p: secret:hunter2, v: "v"}"#),
        ("{'p': db.password, 'v': vpc.id}.v", r#""v""#),
        ("size(db.password) > 3", "secret:true"),
        ("db.password == 'hunter2' ? 'a' : 'b'", "secret:a"),
        ("parse_json('[\"' + db.password + '\"]')", "[secret:hunter2]"),
        ("db.password.split('n')", "[secret:hu, secret:ter2]"),
        ("[db.password].map(p, p + '!')", "[secret:hunter2!]"),
        ("[db.password, 'x'].filter(p, p == 'hunter2')", "[secret:hunter2]"),
        ("coalesce(db.password, 'x')", "secret:hunter2"),
    ] {
        assert_eq!(value_with(expression, &secret), expected, "{expression}");
    }
    for expression in [
        "db.password + 1",
        "int(db.password)",
        "parse_json(db.password)",
        "cidr_host(db.password, 0)",
        "vars.map[db.password]",
        "base64_decode(db.password)",
        "db.password.x",
        "{db.password: 1}",
        "file(db.password)",
        "'a'.matches('(' + db.password)",
    ] {
        let said = value_with(expression, &secret);
        assert!(said.starts_with('!') && !said.contains("hunter2"), "{expression}: {said}");
    }
}

/// The parser's own interpreter, as the judge of what CEL means.
#[test]
fn closed_expressions_mean_what_cel_says() {
    for expression in [
        "1 + 2 * 3 - 4 / 2 % 3",
        "-(-3)",
        "!true || false && true",
        "1 < 2 ? 'a' : 'b'",
        "true ? (false ? 1 : 2) : 3",
        "[1, 2, 3].filter(x, x > 1).map(x, x * x)",
        "[1, 2, 3].map(x, x != 2, x + 10)",
        "[[1], [2]].map(x, x.map(y, y + 1))",
        "[1, 2, 3].all(x, x > 0)",
        "[].all(x, false)",
        "[1, 2].exists(x, x == 2)",
        "[].exists(x, true)",
        "[1, 2, 2].exists_one(x, x == 2)",
        "2 in [1, 2]",
        "'a' in {'a': 1}",
        "{'a': {'b': 2}}.a.b",
        "{'a': 1}['a']",
        "has({'a': 1}.a)",
        "has({'a': 1}.b)",
        "[1, 2][1]",
        "'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b')",
        "size('héllo') + size([1, 2]) + size({'a': 1})",
        "'a' < 'b' && 'b' >= 'a'",
        "1 == 1 && 1 != 2 && 'a' == 'a' && [1] == [1] && null == null",
        "[1, 2] + [3]",
        "'a' + 'b'",
        "1.5 * 2.0",
        "7 / -2",
        "-7 % 3",
        "string(1) + string(true)",
        "int('12') + 1",
        "double(1) / 2.0",
        r"'\x41\u00e9\n\t\\'",
        "r'\\n'",
        "'''it's'''",
    ] {
        let program = cel::Program::compile(expression).expect("valid");
        let theirs = program.execute(&cel::Context::default()).expect("has a value");
        assert_eq!(value(expression), shown(&from_cel(&theirs)), "{expression}");
    }
}

fn from_cel(value: &cel::Value) -> Value {
    match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(it) => Value::Bool(*it),
        cel::Value::Int(it) => Value::Int(*it),
        cel::Value::UInt(it) => Value::Int(i64::try_from(*it).expect("small")),
        cel::Value::Float(it) => Value::Float(*it),
        cel::Value::String(it) => Value::from(it.as_str()),
        cel::Value::List(it) => Value::List(it.iter().map(from_cel).collect()),
        other => panic!("{other:?}"),
    }
}
