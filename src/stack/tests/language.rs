//! What the language means.

use super::*;

const SHOP: &str = r#"
stack: shop
region: eu-west-1
vars:
  image: v1
  days: 7
environments:
  dev: {}
  prod:
    account: "123456789012"
    protect: true
    region: eu-central-1
    vars: { days: 30 }
tags: { Application: shop, Environment: "${env.name}" }
resources:
  vpc:
    test.network:
      cidr_block: 10.0.0.0/24
      dns: true
      tags: { Name: "${env.name}-net", Days: "${vars.days}" }
  subnet:
    for_each: { 1a: 10.0.0.0/25, 1c: 10.0.0.128/25 }
    test.subnet:
      network_id: ${vpc.id}
      zone: eu-west-${each.key}
      block: ${each.value}
  database:
    depends_on: [subnet, vpc]
    test.database:
      subnet_ids: ${subnet.map(s, s.id)}
      user: ${subnet["1a"].id}-x
      account: 012345678901
      engine_version: 17.10
outputs:
  host: ${database.endpoint.host}
moved: { old: vpc, "net/1a": subnet/1a }
"#;

#[test]
fn a_stack_is_read_for_an_environment() {
    let dev = stack_with(SHOP, &settings("dev"), &BTreeMap::new());
    assert_eq!(
        (dev.name.as_str(), dev.environment.as_str(), dev.region.as_deref(), dev.protect),
        ("shop", "dev", Some("eu-west-1"), false)
    );
    assert_eq!(dev.resources.keys().map(Address::as_str).collect::<Vec<_>>(), ["vpc", "subnet/1a", "subnet/1c", "database"]);
    assert_eq!(dev.tags["Environment"], "dev");
    assert_eq!(dev.moved.iter().map(|it| format!("{} {}", it.from, it.to)).collect::<Vec<_>>(), ["old vpc", "net/1a subnet/1a"]);
    let prod = stack_with(SHOP, &settings("prod"), &BTreeMap::new());
    assert_eq!((prod.region.as_deref(), prod.account.as_deref(), prod.protect), (Some("eu-central-1"), Some("123456789012"), true));
    let nothing = Known::default();
    assert_eq!(properties(&prod, "vpc", &nothing), r#"{cidr_block: "10.0.0.0/24", dns: true, tags: {Days: "30", Name: "prod-net"}}"#);
    assert_eq!(properties(&dev, "subnet/1c", &nothing), r#"{block: "10.0.0.128/25", network_id: ?${vpc.id}, zone: "eu-west-1c"}"#);
    let known = Known::default().with("subnet/1a.id", "s-a").with("subnet/1c.id", "s-c");
    assert_eq!(
        properties(&dev, "database", &known),
        r#"{account: "012345678901", engine_version: "17.10", subnet_ids: ["s-a", "s-c"], user: "s-a-x"}"#
    );
    assert_eq!(
        properties(&dev, "database", &nothing),
        r#"{account: "012345678901", engine_version: "17.10", subnet_ids: [?${subnet.map(s, s.id)}, ?${subnet.map(s, s.id)}], user: ?${subnet["1a"].id}-x}"#
    );
}

#[test]
fn references_are_those_of_each_instance() {
    let dev = stack_with(SHOP, &settings("dev"), &BTreeMap::new());
    let shown = |references: &[Reference]| {
        let show = |it: &Reference| {
            let text = &it.place.source.text[it.place.span.clone()];
            format!("{}: {} {} ({text})", it.at, it.target, it.field.as_deref().unwrap_or("*"))
        };
        references.iter().map(show).collect::<Vec<_>>()
    };
    assert_eq!(shown(&dev.resources[&Address::from("subnet/1c")].references), ["network_id: vpc id (vpc.id)"]);
    assert_eq!(
        shown(&dev.resources[&Address::from("database")].references),
        ["subnet_ids: subnet/1a id (s.id)", "subnet_ids: subnet/1c id (s.id)", r#"user: subnet/1a id (subnet["1a"].id)"#]
    );
    let depends_on = &dev.resources[&Address::from("database")].depends_on;
    assert_eq!(depends_on.iter().map(Address::as_str).collect::<Vec<_>>(), ["subnet/1a", "subnet/1c", "vpc"]);
    assert_eq!(shown(&dev.outputs["host"].references), [": database endpoint (database.endpoint)"]);
}

/// One resource under the given head, as properties.
fn one(head: &str, body: &str, settings: &Settings) -> String {
    let text = format!(
        "stack: a\n{head}\nresources:\n  db:\n    test.database:\n{body}\n  vpc:\n    test.network: {{ cidr_block: 10.0.0.0/8 }}\n"
    );
    properties(&stack_with(&text, settings, &BTreeMap::new()), "db", &Known::default())
}

#[test]
fn a_scalar_is_what_its_property_says() {
    for (body, expected) in [
        ("      account: 012345678901", r#"{account: "012345678901"}"#),
        ("      user: null", "{}"),
        ("      user: ~", "{}"),
        ("      user:", "{}"),
        ("      user: 'null'", r#"{user: "null"}"#),
        ("      user: true", r#"{user: "true"}"#),
        ("      subnet_ids: [a, null, 1]", r#"{subnet_ids: ["a", "1"]}"#),
        ("      subnet_ids: [a, '${vars.no}', '${vars.n}']", r#"{subnet_ids: ["a", "2"]}"#),
        ("      settings: { a: 1, b: null, c: '${vars.no}' }", r#"{settings: {a: "1"}}"#),
        ("      user: ${vars.no}", "{}"),
        ("      user: ${vars.n}", r#"{user: "2"}"#),
        ("      user: |\n        two\n        lines ${vars.n}", r#"{user: "two\nlines 2\n"}"#),
        ("      user: $${x} $5", r#"{user: "${x} $5"}"#),
        ("      master: clear", "{master: secret:clear}"),
        ("      master: a${vars.n}", "{master: secret:a2}"),
    ] {
        assert_eq!(one("vars: { no: null, n: 2 }", body, &settings("default")), expected, "{body}");
    }
}

#[test]
fn free_data_is_typed_only_where_nothing_else_can_be_meant() {
    let text = r#"
stack: a
vars: { t: true, n: -5, zero: 0, lead: 007, version: 17.10, text: 'true', list: [1, a], big: 99999999999999999999, minus: -0 }
resources:
  net:
    test.network:
      cidr_block: 10.0.0.0/8
      anything: ${vars}
      policy:
        Version: 2012-10-17
        Statement:
          Effect: Allow
          Action: ["*"]
          Resource: "arn:aws:s3:::${vars.text}/$${aws:username}"
          Condition: { Bool: { n: 1, b: false, e: "${vars.n}" } }
      weight: "5"
      capacity: 2
  text:
    test.network:
      cidr_block: 10.0.0.0/8
      policy: '{"Statement": []}'
"#;
    let stack = stack(text);
    assert_eq!(
        properties(&stack, "net", &Known::default()),
        r#"{anything: {big: "99999999999999999999", lead: "007", list: [1, "a"], minus: "-0", n: -5, t: true, text: "true", version: "17.10", zero: 0}, capacity: 2.0, cidr_block: "10.0.0.0/8", policy: {Statement: {Action: ["*"], Condition: {Bool: {b: false, e: -5, n: 1}}, Effect: "Allow", Resource: "arn:aws:s3:::true/${aws:username}"}, Version: "2012-10-17"}, weight: 5}"#
    );
    assert_eq!(properties(&stack, "text", &Known::default()), r#"{cidr_block: "10.0.0.0/8", policy: {Statement: []}}"#);
}

#[test]
fn variables_come_from_the_stack_the_environment_and_the_command_line() {
    let head =
        "vars: { a: 1, list: [x], b: \"${vars.a}-${env.name}\", c: \"${vars.b}!\" }\nenvironments: { dev: { vars: { a: 2 } }, prod: {} }";
    let body = "      user: ${vars.c}\n      subnet_ids: ${vars.list}";
    assert_eq!(one(head, body, &settings("prod")), r#"{subnet_ids: ["x"], user: "1-prod!"}"#);
    assert_eq!(one(head, body, &settings("dev")), r#"{subnet_ids: ["x"], user: "2-dev!"}"#);
    let mut given = settings("dev");
    given.vars = BTreeMap::from([("a".to_owned(), "3".to_owned()), ("list".to_owned(), "[y, z]".to_owned())]);
    assert_eq!(one(head, body, &given), r#"{subnet_ids: ["y", "z"], user: "3-dev!"}"#);
    assert_eq!(one(head, body, &settings("local")), r#"{subnet_ids: ["x"], user: "1-local!"}"#);
}

#[test]
fn an_environment_that_is_not_declared_is_refused() {
    let catalog = catalog();
    let complain = |head: &str, name: &str| {
        let (file, _) = parse(source(&format!("stack: a\n{head}")), catalog);
        let file = file.expect("there is a file");
        (show(&resolve(&file, &settings(name), catalog, &BTreeMap::new()).1), file.environments().join(","))
    };
    assert_eq!(complain("", "default"), (String::new(), String::new()));
    assert_eq!(complain("", "local").0, "");
    assert_eq!(
        complain("", "dev").0,
        "there is no environment `dev` in stack `a`\n  help: this stack declares none: leave `--env` out, or use `local`\n"
    );
    let (said, declared) = complain("environments: { dev: , prod: {} }", "pord");
    assert_eq!(
        said,
        "there is no environment `pord` in stack `a`\n  help: did you mean `prod`?\n  help: its environments: dev, prod, local\n"
    );
    assert_eq!(declared, "dev,prod");
    assert_ne!(complain("environments: { dev: {} }", "default").0, "");
}

#[test]
fn a_variable_from_the_command_line_has_to_be_declared() {
    let catalog = catalog();
    let (file, _) = parse(source("stack: a\nvars: { size: 1 }"), catalog);
    let mut settings = settings("default");
    settings.vars.insert("szie".into(), "1".into());
    let said = show(&resolve(&file.expect("there is a file"), &settings, catalog, &BTreeMap::new()).1);
    assert_eq!(said, "there is no variable `szie` in stack `a`\n  help: did you mean `--var size=…`?\n");
}

#[test]
fn lookups_are_made_in_rounds() {
    let text = r#"
stack: a
vars: { domain: example.org }
lookup:
  inner: { test.zone: { name: "${lookup.zone.id}.x" }, region: us-east-1, role: "arn:aws:iam::${aws.account_id}:role/r" }
  zone: { test.zone: { name: "${vars.domain}" } }
  never: { when: "${env.local}", test.zone: { name: x } }
  maybe: { when: "${lookup.inner.servers.size() > 0}", test.zone: { name: y } }
resources:
  sub: { for_each: "${lookup.inner.servers}", test.subnet: { network_id: "${lookup.zone.id}", zone: "${each.key}" } }
  off: { when: "${lookup.never != null}", test.subnet: { network_id: x } }
"#;
    let catalog = catalog();
    let (file, diagnostics) = parse(source(text), catalog);
    assert_eq!(show(&diagnostics), "");
    let file = file.expect("nothing is wrong");
    let mut found = BTreeMap::new();
    let mut rounds = vec![];
    loop {
        let (requests, diagnostics) = lookups(&file, &settings("default"), catalog, &found);
        assert_eq!(show(&diagnostics), "");
        if requests.is_empty() {
            break;
        }
        rounds.push(
            requests.iter().map(|it| format!("{} {} {} {:?}", it.name, it.type_name, it.arguments, it.location.region)).collect::<Vec<_>>(),
        );
        for it in requests {
            found.insert(it.name.clone(), Value::from(serde_json::json!({ "id": format!("id-{}", it.name), "servers": ["s1", "s2"] })));
        }
    }
    assert_eq!(
        rounds,
        [
            vec![r#"zone test.zone {"name":"example.org"} None"#],
            vec![r#"inner test.zone {"name":"id-zone.x"} Some("us-east-1")"#],
            vec![r#"maybe test.zone {"name":"y"} None"#],
        ]
    );
    let stack = stack_with(text, &settings("default"), &found);
    assert_eq!(stack.resources.keys().map(Address::as_str).collect::<Vec<_>>(), ["sub/s1", "sub/s2"]);
    assert_eq!(properties(&stack, "sub/s2", &Known::default()), r#"{network_id: "id-zone", zone: "s2"}"#);
    // While validating nothing is looked up: what depends on it is checked for any instance.
    let validating = Settings { environment: "default".into(), ..Settings::default() };
    let stack = stack_with(text, &validating, &BTreeMap::new());
    assert_eq!(stack.resources.keys().map(Address::as_str).collect::<Vec<_>>(), ["sub/*"]);
    assert_eq!(properties(&stack, "sub/*", &Known::default()), "{network_id: ?${lookup.zone.id}, zone: ?${each.key}}");
    let unfounded = resolve(&file, &settings("default"), catalog, &BTreeMap::new()).1;
    assert!(show(&unfounded).starts_with("`for_each` depends on what is not known"), "{}", show(&unfounded));
}

#[test]
fn what_is_switched_off_is_null() {
    let text = r#"
stack: a
resources:
  zone: { when: "${env.local}", test.network: { cidr_block: 10.0.0.0/8 } }
  sub:
    for_each: { a: true, b: false }
    when: ${each.value}
    depends_on: [zone]
    test.subnet: { network_id: x, zone: "${zone.id}" }
  all: { depends_on: [sub, sub/b], test.database: { subnet_ids: ["${sub['a'].id}", "${sub['b'].id}"] } }
"#;
    let off = stack(text);
    assert_eq!(off.resources.keys().map(Address::as_str).collect::<Vec<_>>(), ["sub/a", "all"]);
    assert_eq!(properties(&off, "sub/a", &Known::default()), r#"{network_id: "x"}"#);
    assert!(off.resources[&Address::from("sub/a")].references.is_empty() && off.resources[&Address::from("sub/a")].depends_on.is_empty());
    assert_eq!(properties(&off, "all", &Known::default()), "{subnet_ids: [?${sub['a'].id}]}");
    let all = &off.resources[&Address::from("all")];
    assert_eq!(all.references.iter().map(|it| it.at.to_string()).collect::<Vec<_>>(), ["subnet_ids[0]"]);
    assert_eq!(all.depends_on.iter().map(Address::as_str).collect::<Vec<_>>(), ["sub/a"]);
    let local = stack_with(text, &settings("local"), &BTreeMap::new());
    assert_eq!(local.resources[&Address::from("sub/a")].depends_on, [Address::from("zone")]);
}

#[test]
fn a_branch_that_is_not_taken_refers_to_nothing() {
    let text = r#"
stack: a
resources:
  one: { test.network: { cidr_block: 10.0.0.0/8 } }
  two: { test.network: { cidr_block: 10.0.0.0/8 } }
  sub: { test.subnet: { network_id: "${env.local ? one.id : two.id}", zone: "${one.count > 1 ? one.id : two.id}" } }
"#;
    let shown = |environment: &str| {
        let stack = stack_with(text, &settings(environment), &BTreeMap::new());
        let references = &stack.resources[&Address::from("sub")].references;
        references.iter().map(|it| format!("{} {}.{}", it.at, it.target, it.field.as_deref().unwrap_or("*"))).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(shown("default"), "network_id two.id, zone one.count, zone one.id, zone two.id");
    assert_eq!(shown("local"), "network_id one.id, zone one.count, zone one.id, zone two.id");
}

#[test]
fn options_are_read() {
    let text = r#"
stack: a
resources:
  sub:
    for_each: [x]
    region: us-east-1
    role: arn:aws:iam::${aws.account_id}:role/r
    lifecycle: { protect: "${env.name == 'default'}", retain: true, create_before_destroy: false, ignore_changes: [zone, "peers[0]"] }
    timeouts: { create: 1h30m, delete: 90s }
    adopt: subnet-${each.key}
    suppress: [{ check: public-subnet, reason: wanted }]
    test.subnet: { network_id: x }
"#;
    let stack = stack(text);
    let options = &stack.resources[&Address::from("sub/x")].options;
    assert_eq!(options.location.region.as_deref(), Some("us-east-1"));
    assert_eq!(options.location.role.as_deref(), Some("arn:aws:iam::123456789012:role/r"));
    assert_eq!((options.protect, options.retain, options.create_before_destroy), (Some(true), true, Some(false)));
    assert_eq!(options.ignore_changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["zone", "peers[0]"]);
    assert_eq!(
        (options.timeouts.create, options.timeouts.update, options.timeouts.delete),
        (Some(Duration::from_secs(5400)), None, Some(Duration::from_secs(90)))
    );
    assert_eq!(options.adopt.as_ref().map(crate::resource::Id::as_str), Some("subnet-x"));
    assert_eq!((options.suppress[0].check.as_str(), options.suppress[0].reason.as_str()), ("public-subnet", "wanted"));
}

#[test]
fn places_lead_into_the_file() {
    let text = "stack: a\nresources:\n  net:\n    test.network:\n      cidr_block: 10.0.0.0/8\n      rules:\n        - { port: 1 }\n        - port: ${vars.p}\nvars: { p: 2 }\n";
    let stack = stack(text);
    let instance = &stack.resources[&Address::from("net")];
    let at = |path: Path| {
        let place = instance.place_of(&path);
        place.source.text[place.span.clone()].to_owned()
    };
    assert_eq!(at(Path::of("cidr_block")), "10.0.0.0/8");
    assert_eq!(at(Path::of("rules")), "rules");
    assert_eq!(at(Path::of("rules").item(1).key("port")), "${vars.p}");
    assert_eq!(at(Path::of("rules").item(0).key("source")), "port");
    assert_eq!(at(Path::of("dns")), "test.network");
    assert_eq!(at(Path::default()), "test.network");
}

#[test]
fn an_alias_shares_a_value() {
    let text =
        "stack: a\nvars: { tags: &tags { Owner: me } }\nresources:\n  net:\n    test.network: { cidr_block: 10.0.0.0/8, tags: *tags }\n";
    assert_eq!(properties(&stack(text), "net", &Known::default()), r#"{cidr_block: "10.0.0.0/8", tags: {Owner: "me"}}"#);
}
