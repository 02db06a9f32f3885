//! What is said of files that are wrong. Each snapshot has the files and, below each, the whole report.

use super::*;

/// All mistakes of some files, for a snapshot.
fn reports(files: &[&str]) -> String {
    let report = |text: &&str| format!("{}\n---\n{}", text.trim_end().replace('\t', "→"), complaints(text));
    files.iter().map(report).collect::<Vec<_>>().join("\n=====\n")
}

#[test]
fn yaml() {
    let said = reports(&[
        "stack: a\nresources:\n  vpc:\n    test.network:\n      cidr_block: ${vars.a ? \"x\" : \"y\"}\n",
        "stack: a\nresources:\n  vpc: { test.network: { cidr_block: ${vars.a} } }\n",
        "stack: a\nresources:\n  db:\n    test.database:\n      subnet_ids: [${vpc.id}, \"a\"]\n",
        "stack: a\nresources:\n  db:\n    test.database:\n      subnet_ids: [x-${vpc.id}]\n      user: y\n",
        "stack: a\nvars:\n  x: ${vars.a + \" # b\"}\n",
        "stack: a\nvars:\n  x: ${vars.a # b}\n",
        "stack: a\nresources:\n\tvpc:\n\t\ttest.network: {}\n",
        "stack: a\nresources:\n  vpc:\n    test.network:\n      cidr_block: 10.0.0.0/16\n\ttags: {}\n",
        "stack: a\nvars:\n  x: \"unclosed\n",
        "stack: a\nvars: [1, 2\n",
        "stack: a\n  vars: {}\n",
        "stack: a\nvars:\n  x: *nothing\n",
        "stack: a\nvars:\n  x: @at\n",
        "stack: a\n---\nstack: b\n",
        "",
        "# only a comment\n",
        "- a\n- b\n",
        "just text\n",
        "\u{feff}stack: a\r\nvars:\r\n  x: 1\r\n  x: 2\r\n",
        "stack: a\nvars: { x: 1, x: 2 }\ntags: { [a]: b }\n",
        "stack: a\nvars: { base: &b { x: 1 }, more: { <<: *b }, tag: !Ref x, self: &s [*s] }\n",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn what_looks_like_a_secret_is_not_shown_of_what_is_no_good_yaml() {
    let check = |text: &str, expected: &str| {
        let source = source(text);
        let (_, diagnostics) = parse(source.clone(), catalog());
        assert!(!diagnostics.is_empty(), "{text}");
        assert_eq!(source.shown(0..text.len()), expected);
    };
    check("a: [x, \"DB_PASSWORD\": hunter2, b: ü }\nc: x\n", "a: [x, \"DB_PASSWORD\":*****************\nc: x\n");
    check("db-ü_token: hunter2: hunter3\r\npasswords: 7\n", "db-ü_token:*****************\r\npasswords: 7\n");
    check("x:\n- token: |\n    hunter2\n\n    hunter3\n  b: [\n", "x:\n- token:**\n    *******\n\n    *******\n  b: [\n");
    check("api_key: hunter2\napi_key: hunter3", "api_key:********\napi_key:********");
    check("db-password:\n  hunter2\nb: [", "db-password:\n  *******\nb: [");
    check("app_secret:\n  name: x\n  secret_string: \"{\\\"a\\\": 1}\nb: [", "app_secret:\n  name: x\n  secret_string:************\nb: [");
    check("app: \"{\\\"password\\\": \\\"x\\\"", "app: \"{\\\"password\\\":******");
    check("app: {\"password\":\"x\"", "app: {\"password\":***");
    check("name: hunter2\nname: hunter3", "name: hunter2\nname: hunter3");
}

#[test]
fn structure() {
    let said = reports(&[
        "region: eu-west-1\n",
        "stack: Not A Name\nregion: [a]\ndescription: {}\nresorces: {}\nvars: 1\noutputs: [a]\n",
        "stack: a\ntags: { \"aws:owner\": a, \"Infra:x\": b }\nresources:\n  net: { test.network: { cidr_block: 10.0.0.0/8, tags: { \"infra:state\": x } } }\n",
        "stack: a\nregion: ${vars.x}\nvars: { x: 1, X: 2, in: 3, env: 4 }\noutputs: { Bad: 1 }\n",
        "stack: a\nvars: { size: 1 }\nenvironments:\n  dev: { vars: { szie: 1 }, acount: 1, account: 123, protect: yes }\n  \"a b\": {}\n  prod: x\n",
        "stack: a\nresources:\n  Vpc: { test.network: { cidr_block: 10.0.0.0/8 } }\n  lookup: { test.network: { cidr_block: 10.0.0.0/8 } }\n  json: { test.network: { cidr_block: 10.0.0.0/8 } }\n  import: { test.network: { cidr_block: 10.0.0.0/8 } }\n",
        "stack: a\nresources:\n  a: {}\n  b:\n  c: text\n  d: { test.netwrk: {} }\n  e: { other.thing: {} }\n  f: { type: test.network }\n  g: { component: x, inputs: {} }\n  h: { wen: true, test.subnet: { network_id: x } }\n  i: { public: true, test.subnet: { network_id: x } }\n  j: { test.subnet: { network_id: x }, test.network: { cidr_block: 10.0.0.0/8 } }\n  k: { test.subnet: text }\n",
        "stack: a\nresources:\n  a: { depends_on: [b, c/x, a, \"${d}\", {}], test.subnet: { network_id: x } }\n  c: { test.subnet: { network_id: x } }\n",
        "stack: a\nresources:\n  one: { test.subnet: { network_id: x } }\n  two: { test.subnet: { network_id: x } }\nmoved: { one: two, old: tow, \"Old!\": one, two: two, x: [a] }\n",
        "stack: a\nlookup:\n  a: { test.zone: { name: \"${lookup.b.id}\" } }\n  b: { test.zone: { name: \"${lookup.a.id}\" } }\n  c: { test.zon: {} }\n  d: { test.zone: {}, for_each: [a] }\n",
        "stack: a\nvars: { a: \"${vars.b}\", b: \"${vars.a}\", c: \"${lookup.x}\" }\n",
        "stack: a\nvars: { a: \"${vars.b}\", b: \"${vars.a}\" }\n",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn values() {
    let network = |properties: &str| format!("stack: a\nresources:\n  net:\n    test.network:\n      cidr_block: 10.0.0.0/8\n{properties}");
    let text = network(
        "      dsn: true\n      dns: yes\n      level: hgih\n      alias: ab\n      code: 'abc'\n      weight: 1000\n      capacity: 0.1\n      groups: [a, b, c, d]\n      rules: { port: 1 }\n      main: { prot: 1 }\n      tags: [a]\n      policy: '{'\n",
    );
    let more = network(
        "      dns: 1\n      level: Low\n      alias: much too long\n      weight: 010\n      capacity: x\n      groups: a\n      rules: [{ port: x }, 5, { port: 70, source: [] }]\n      main: text\n      password: []\n",
    );
    let said = reports(&[
        &text,
        &more,
        "stack: a\nresources:\n  a: { test.network: { cidr_block: 10.0.0.1/24 } }\n  b: { test.network: { cidr_block: \"10.0.0.1\" } }\n  c: { test.network: { cidr_block: 10.0.0.0/33 } }\n  d: { test.network: { cidr_block: null } }\n  e: { test.network: }\n",
        "stack: a\nvars: { no: null, list: [1], level: hihg, n: 0 }\nresources:\n  a:\n    test.network:\n      cidr_block: ${vars.no}\n      level: ${vars.level}\n      alias: ${vars.list}\n      weight: ${vars.n}\n      groups: ${vars.n}\n      main: ${vars.list}\n      code: \"x-${vars.no}\"\n      rules: \"${[{'port': 'x'}, {'prot': 1}]}\"\n",
        "stack: a\nresources:\n  a: { test.network: { cidr_block: 10.0.0.0/8, alias: wrong, rules: [{ port: 22 }, { port: 23 }] } }\n",
        "stack: a\nresources:\n  a:\n    region: [x]\n    lifecycle: { protct: true, retain: maybe, ignore_changes: [ziel, \"[0]\"] }\n    timeouts: { create: 10 }\n    suppress: [{ check: x }]\n    adopt: ''\n    test.subnet: { network_id: x }\n  b:\n    lifecycle: { ignore_changes: [zoen, \"a..b\"] }\n    timeouts: { create: 999h }\n    test.subnet: { network_id: x }\n",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn policies() {
    let policy = |text: &str| format!("stack: a\nresources:\n  net:\n    test.network:\n      cidr_block: 10.0.0.0/8\n      policy:{text}");
    let said = reports(&[
        &policy("\n        Version: 2012-10-18\n        Statment: []\n"),
        &policy(
            "\n        Statement:\n          - { Efect: Allow, Acton: 's3:*', resource: '*' }\n          - { Effect: allow, Action: [GetObject, '*'], NotAction: 's3:*', Resource: '*', Nonsense: 1 }\n          - text\n          - { Action: 's3:*' }\n          - { Effect: Deny }\n",
        ),
        &policy(
            "\n        Statement:\n          Effect: Allow\n          Principal: lambda.amazonaws.com\n          NotPrincipal: { Service: a, Aws: b, Robot: c }\n          Action: s3:GetObject\n          Condition: { StringEqual: { a: b }, 'ForAnyValue:StringLikeIfExists': { a: b }, Bool: true, Tuesday: { a: b } }\n",
        ),
        &policy(" '{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Ressource\": \"*\"}}'\n"),
        &policy(" '[1]'\n"),
        &policy(" []\n"),
    ].each_ref().map(|it| it.as_str()));
    insta::assert_snapshot!(said);
}

#[test]
fn expressions() {
    let said = reports(&[
        "stack: a\nvars: { size: 1 }\nresources:\n  vpc:\n    test.network:\n      cidr_block: 10.0.0.0/8\n      alias: ${vcp.id}\n      code: ${vpc.idd}\n      groups: ${vpc.id}\n      password: ${vpc.cidrs}\n      weight: ${vpc.id}\n      main: ${vpc}\n      level: ${size}\n      dns: ${vpc.count}\n      tags: { a: \"x ${vpc.cidrs}\", b: \"${each.key}\", c: \"${vars.foo}\", d: \"${lookup.zone.id}\", e: \"${env.nam}\" }\n      anything:\n        Statement: [{ Resource: \"arn:${aws:username}/*\", x: \"${lowr('A')}\", y: \"${1 +}\", z: \"${cidr_subnet('10.0.0.0/8', 1)}\", \"${k}\": 1 }]\n",
        "stack: a\nresources:\n  sub: { for_each: [a, b], test.subnet: { network_id: x } }\n  one: { test.subnet: { network_id: \"${sub.id}\", zone: \"${sub['c'].id}\", peers: \"${sub.map(s, s.public)}\", block: \"${one['x'].id}\" } }\n",
        "stack: a\nresources:\n  one: { when: \"${two.id != null}\", test.subnet: { network_id: x } }\n  two: { for_each: \"${one.id}\", test.subnet: { network_id: x } }\n  three: { for_each: 5, test.subnet: { network_id: x } }\n  four: { for_each: { 'a b': 1, c: 2 }, test.subnet: { network_id: x } }\n",
        "stack: a\nresources:\n  three: { for_each: 5, test.subnet: { network_id: x } }\n  four: { for_each: { 'a b': 1, c: 2 }, when: \"${each.value}\", test.subnet: { network_id: x } }\n  five: { for_each: [a, a, {}], test.subnet: { network_id: x }, depends_on: [four/z] }\n",
        "stack: a\nresources:\n  off: { when: false, test.network: { cidr_block: 10.0.0.0/8 } }\n  sub: { test.subnet: { network_id: \"${off.id}\" } }\n",
        "stack: a\nvars: { a: \"${unclosed\", b: \"${}\", c: \"${'a' 'b'}\", d: \"${a{b: 1}}\", e: \"${b'x'}\", f: \"${é}\", g: \"${1 + }\" }\n",
        "stack: a\nvars:\n  a: >-\n    some ${vras.b}\n    folded ${vars.c}\n  b: \"esc\\taped ${vars.d}\"\n",
        "stack: a\ntags: { Name: \"${vars.x}\", List: [a], Each: \"${each.key}\" }\noutputs: { x: \"${nothing.id}\" }\n",
    ]);
    insta::assert_snapshot!(said);
}
