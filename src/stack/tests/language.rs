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
