//! No input makes it panic, and size costs no more than it has to.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const SEEDS: &[&str] = &[
    r#"stack: shop
vars: { a: 1, b: "${vars.a + 1}", c: { d: [x, y] } }
environments: { default: { vars: { a: 2 } } }
tags: { Name: "${env.name}" }
lookup:
  zone:
    when: ${!env.local}
    test.zone: { name: "${vars.a}" }
resources:
  vpc:
    test.network:
      cidr_block: ${cidr_subnet("10.0.0.0/8", 8, vars.a)}
      policy: { Statement: [{ Resource: "arn:$${aws:username}/${vars.c.d[0]}" }] }
  subnet:
    for_each: { 1a: 10.0.0.0/25, 1c: 10.0.0.128/25 }
    when: ${each.key != "1c" || size(vars.c.d) > 1}
    lifecycle: { ignore_changes: [zone] }
    test.subnet:
      network_id: ${vpc.id}
      zone: a-${each.key}
      block: ${each.value}
  database:
    depends_on: [subnet/1a, vpc]
    timeouts: { create: 10m }
    test.database:
      subnet_ids: ${subnet.filter(s, s.zone != null).map(s, s.id)}
      user: "${vpc.count > 1 ? 'x' : lookup.zone.id}"
outputs:
  host: ${database.endpoint.host}
moved: { old: vpc }
"#,
    "stack: a\nresources:\n  n:\n    test.network:\n      cidr_block: >-\n        ${'10.0.0.0/8'}\n      anything: |\n        a\n        ${json({'a': [1, 2.5, true]})}\n",
];

const BITS: &[&str] = &[
    "${",
    "}",
    "$${",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    ": ",
    " #",
    "\t",
    "\n",
    "\n  ",
    "- ",
    "&a ",
    "*a",
    "? ",
    "|\n",
    ">\n",
    "é",
    "\u{feff}",
    "\u{0}",
    "!!str ",
    "<<: ",
    "%",
    "---\n",
    "${subnet",
    ".id}",
    "for_each: ",
    "when: ${",
    "vars",
    "each.key",
    "lookup.",
    ".map(x, x)",
    "[0]",
    " + ",
    " ? a : b",
    "null",
    "~",
    "-9223372036854775808",
    "((((((((",
    "'''",
    "\"\"\"",
    "\\u12",
    "r\"",
    "b'",
    "//",
    "in ",
    "cidr_host(",
    "1e999",
    "`a`",
    "/",
    "@",
];

/// One change to a text: where, how much of it goes, and what comes in its place.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((any::<usize>(), prop_oneof![4 => 0..3_usize, 1 => 0..60_usize], 0..BITS.len() + 8), 1..6)
}

fn edited(seed: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for (at, length, bit) in edits {
        let at = at % (text.len() + 1);
        let end = (at + length).min(text.len());
        let taken: Vec<char> = text.splice(at..end, BITS.get(*bit).unwrap_or(&"").chars()).collect();
        // What goes sometimes comes back elsewhere.
        if bit % 3 == 0 {
            let to = (at * 7) % (text.len() + 1);
            text.splice(to..to, taken);
        }
    }
    text.into_iter().collect()
}

fn run(text: &str) {
    let catalog = catalog();
    let (file, diagnostics) = parse(source(text), catalog);
    let mut all = diagnostics;
    if let Some(file) = file {
        for settings in [settings("default"), Settings { environment: "local".into(), ..Settings::default() }] {
            all.extend(lookups(&file, &settings, catalog, &BTreeMap::new()).1);
            let (stack, diagnostics) = resolve(&file, &settings, catalog, &BTreeMap::new());
            all.extend(diagnostics);
            let secret = Known::default().with("vpc.id", Value::Secret(crate::resource::Secret::new("s3cret")));
            for instance in stack.iter().flat_map(|it| it.resources.values()) {
                all.extend(instance.evaluate(&secret).1);
            }
        }
    }
    // Places are within the text and on its characters.
    for it in &all {
        assert!(!it.summary.is_empty());
        for crate::diagnostic::Place { source, span } in it.labels.iter().map(|it| &it.place).chain(it.patch.as_ref().map(|it| &it.place)) {
            assert!(source.text.get(span.clone()).is_some(), "{span:?} of {:?}", source.text);
        }
    }
    let shown = show(&all);
    assert!(!shown.contains("s3cret"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(seed in 0..SEEDS.len(), edits in edits()) {
        run(&edited(SEEDS[seed], &edits));
    }

    #[test]
    fn no_expression_makes_it_panic(parts in prop::collection::vec(0..BITS.len(), 0..12)) {
        let expression: String = parts.iter().map(|it| BITS[*it]).collect();
        run(&format!("stack: a\nresources:\n  n:\n    test.network:\n      cidr_block: |\n        ${{{}}}\n", expression.replace('\n', " ")));
    }
}

#[test]
fn deep_nesting_and_alias_bombs_are_refused() {
    let deep = format!("stack: a\nvars: {{ x: {}1{} }}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(complaints(&deep).starts_with("nested too deeply"), "{}", complaints(&deep));
    let mut block = String::from("stack: a\nvars:\n");
    for n in 0..300 {
        writeln!(block, "{}x:", " ".repeat(n + 1)).expect("a string takes all");
    }
    assert!(complaints(&block).starts_with("nested too deeply"), "{}", complaints(&block));
    let mut bomb = String::from("stack: a\nvars:\n  l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        writeln!(bomb, "  l{n}: &l{n} [{}]", vec![format!("*l{}", n - 1); 10].join(", ")).expect("a string takes all");
    }
    assert!(complaints(&bomb).starts_with("aliases make the file too large"), "{}", complaints(&bomb));
    for expression in
        ["(".repeat(2000), "a ? b : ".repeat(2000), "!".repeat(2000), "a.".repeat(2000), "[".repeat(2000), "1 + ".repeat(2000)]
    {
        let text = format!(
            "stack: a\nvars:\n  x: \"${{{expression}1{}}}\"\n",
            if expression.starts_with('(') { ")".repeat(2000) } else { String::new() }
        );
        assert!(complaints(&text).contains("expression"), "{}", complaints(&text));
    }
}

/// As deep and as long as is allowed, on a thread with the small stack that workers have.
#[test]
fn what_is_just_allowed_fits_the_stack() {
    let nested = format!("stack: a\nvars: {{ x: {}1{} }}\noutputs: {{ x: \"${{vars.x}}\" }}\n", "[".repeat(95), "]".repeat(95));
    assert_eq!(complaints(&nested), "");
    let both = format!("stack: a\noutputs: {{ x: {}\"${{{}1}}\"{} }}\n", "[".repeat(95), "1 + ".repeat(55), "]".repeat(95));
    assert_eq!(complaints(&both), "");
    let both = format!(
        "stack: a\noutputs: {{ x: {}\"${{{}1{}}}\"{} }}\n",
        "[".repeat(95),
        "[1].map(x, ".repeat(25),
        ")".repeat(25),
        "]".repeat(95)
    );
    assert_eq!(complaints(&both), "");
    for (expression, tail) in [
        ("(1 + ".repeat(29), ")".repeat(29)),
        ("[".repeat(29), "]".repeat(29)),
        ("true ? 1 : ".repeat(29), String::new()),
        ("1 + ".repeat(295), String::new()),
        ("true && ".repeat(295), String::new()),
        ("!".repeat(500), String::new()),
        ("lower(".repeat(29), ")".repeat(29)),
        ("[1].map(x, ".repeat(29), ")".repeat(29)),
        ("{'a': ".repeat(29), "}".repeat(29)),
        (String::new(), "[0]".repeat(190)),
        (String::new(), ".a".repeat(290)),
        (String::new(), ".lower()".repeat(120)),
    ] {
        run(&format!("stack: a\nvars: {{ deep: {{ a: 1 }} }}\noutputs:\n  x: \"${{{expression}vars.deep{tail}}}\"\n"));
        run(&format!("stack: a\nvars: {{ deep: true }}\noutputs:\n  x: \"${{{expression}vars.deep{tail}}}\"\n"));
    }
}

/// Eight times as much takes about eight times as long, at least in one of some tries: others work on the same machine.
fn grows_linearly(count: usize, seconds: impl Fn(usize) -> f64) {
    let mut tries = vec![];
    for _ in 0..5 {
        let (few, many) = (seconds(count), seconds(8 * count));
        if many < few * 8.0 * 4.0 {
            return;
        }
        tries.push((few, many));
    }
    panic!("{count} and {} took so many seconds: {tries:?}", 8 * count);
}

/// Instances that pick from each other and from large variables by their keys.
#[test]
fn picking_by_key_is_linear() {
    let seconds = |count: usize| {
        let mut text = String::from("stack: a\nvars:\n  all:\n");
        for n in 0..count {
            writeln!(text, "    k{n}: {{ zone: z{n} }}").expect("a string takes all");
        }
        text += "resources:\n  one: { for_each: \"${vars.all}\", test.subnet: { network_id: \"${vars.all[each.key].zone}\" } }\n";
        text += "  two: { for_each: \"${vars.all}\", test.subnet: { network_id: \"${one[each.key].id}\" } }\n";
        let begun = std::time::Instant::now();
        assert_eq!(stack(&text).resources.len(), 2 * count);
        begun.elapsed().as_secs_f64()
    };
    grows_linearly(400, seconds);
}

fn large(count: usize) -> String {
    let mut text = String::from("stack: large\nvars: { size: 1 }\nresources:\n  vpc:\n    test.network: { cidr_block: 10.0.0.0/8 }\n");
    for n in 0..count {
        let before = n.checked_sub(1).map_or_else(|| "vpc.id".to_owned(), |it| format!("s{it}.id"));
        writeln!(
            text,
            "  s{n}:\n    test.subnet:\n      network_id: ${{vpc.id}}\n      zone: a-${{env.name}}-{n}\n      block: 10.0.0.0/24\n      public: true\n      peers: [\"${{{before}}}\"]"
        )
        .expect("a string takes all");
    }
    text
}

#[test]
fn growth_is_linear() {
    let seconds = |count: usize| {
        let text = large(count);
        let begun = std::time::Instant::now();
        let all = stack(&text);
        assert_eq!(all.resources.len(), count + 1);
        begun.elapsed().as_secs_f64()
    };
    grows_linearly(500, seconds);
}
