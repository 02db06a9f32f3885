//! Mistakes of every shape, as they are shown.

use std::sync::Arc;

use super::*;

const STACK: &str = "\
stack: hr-chatbot
vars:
  名前: 日本語
resources:
  vpc:
    ec2.vpc:
      cidr_blok: 10.0.0.0/24
  subnet:
    ec2.subnet:
      vpc_id: ${vcp.id}
      cidr_block: 10.0.0.0/33
";

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source::new(path, text))
}

fn place(source: &Arc<Source>, part: &str) -> Place {
    let start = source.text.find(part).expect("the part is in the text");
    Place { source: Arc::clone(source), span: start..start + part.len() }
}

fn plain(diagnostics: &[Diagnostic]) -> String {
    anstream::adapter::strip_str(&text(diagnostics, "nothing was done", 80)).to_string()
}

/// The mistakes of one file, and one that has to do with two.
pub(in crate::report) fn mistakes() -> Vec<Diagnostic> {
    let stack = source("stacks/hr-chatbot.yaml", STACK);
    let component = source("components/net.yaml", "inputs:\n  vpc: text\n");
    vec![
        Diagnostic::error("`10.0.0.0/33` is no block of addresses")
            .at(&place(&stack, "10.0.0.0/33"), "a prefix of IPv4 has at most 32 bits")
            .check("cidr"),
        Diagnostic::error("ec2.vpc has no property `cidr_blok`")
            .at(&place(&stack, "cidr_blok"), "")
            .help("a property with a similar name")
            .patch(&place(&stack, "cidr_blok"), "cidr_block"),
        Diagnostic::error("there is no resource `vcp`")
            .at(&place(&stack, "vcp"), "not a resource, a variable or a lookup")
            .at(&place(&stack, "vpc:"), "this one has a similar name")
            .at(&place(&component, "vpc"), "wanted by this input")
            .help("the resources are vpc and subnet"),
        Diagnostic::warning("`名前` is never used").at(&place(&stack, "日本語"), "its value"),
    ]
}

#[test]
fn mistakes_stand_where_they_are_made() {
    insta::assert_snapshot!(plain(&mistakes()), @r"
    warning: `名前` is never used
     --> stacks/hr-chatbot.yaml:3:7
      |
    3 |   名前: 日本語
      |         ^^^^^^ its value

    error: ec2.vpc has no property `cidr_blok`
     --> stacks/hr-chatbot.yaml:7:7
      |
    7 |       cidr_blok: 10.0.0.0/24
      |       ^^^^^^^^^
      |
    help: a property with a similar name
      |
    7 |       cidr_block: 10.0.0.0/24
      |               +

    error: there is no resource `vcp`
      --> stacks/hr-chatbot.yaml:10:17
       |
     5 |   vpc:
       |   ---- this one has a similar name
    ...
    10 |       vpc_id: ${vcp.id}
       |                 ^^^ not a resource, a variable or a lookup
       |
      ::: components/net.yaml:2:3
       |
     2 |   vpc: text
       |   --- wanted by this input
       |
       = help: the resources are vpc and subnet

    error[cidr]: `10.0.0.0/33` is no block of addresses
      --> stacks/hr-chatbot.yaml:11:19
       |
    11 |       cidr_block: 10.0.0.0/33
       |                   ^^^^^^^^^^^ a prefix of IPv4 has at most 32 bits

    error: 3 mistakes in stacks/hr-chatbot.yaml, 1 warning, nothing was done
    ");
}

#[test]
fn spans_may_be_empty_at_the_end_or_beyond_it() {
    let text = "resources:\n  vpc:\n    ec2.vpc:\n";
    let shown = |span: Range<usize>| {
        let place = Place { source: source("a.yaml", text), span };
        plain(&[Diagnostic::error("x").at(&place, "here")])
    };
    insta::assert_snapshot!(shown(text.len()..text.len()), @r"
    error: x
     --> a.yaml:3:14
      |
    3 |     ec2.vpc:
      |             ^ here

    error: 1 mistake in a.yaml, nothing was done
    ");
    assert_eq!(shown(400..500), shown(text.len()..text.len()));
    insta::assert_snapshot!(shown(11..11), @r"
    error: x
     --> a.yaml:2:1
      |
    2 |   vpc:
      | ^ here

    error: 1 mistake in a.yaml, nothing was done
    ");
    insta::assert_snapshot!(shown(13..30), @r"
    error: x
     --> a.yaml:2:3
      |
    2 | /   vpc:
    3 | |     ec2.vpc:
      | |____________^ here

    error: 1 mistake in a.yaml, nothing was done
    ");
    let empty = Place { source: source("empty.yaml", ""), span: 0..0 };
    insta::assert_snapshot!(plain(&[Diagnostic::error("the file is empty").at(&empty, "")]), @r"
    error: the file is empty
     --> empty.yaml:1:1
      |
    1 |
      | ^

    error: 1 mistake in empty.yaml, nothing was done
    ");
}

#[test]
fn spans_that_split_letters_are_mended() {
    let place = Place { source: source("a.yaml", "名前: x"), span: 1..4 };
    assert!(plain(&[Diagnostic::error("x").at(&place, "")]).contains("a.yaml:1:1"));
}

#[test]
fn without_a_place_there_is_help_only() {
    let mistake = Diagnostic::error("there is no environment `prd`").help("the environments are dev and prod").help("or leave `--env` out");
    insta::assert_snapshot!(plain(&[mistake]), @r"
    error: there is no environment `prd`
     |
     = help: the environments are dev and prod
     = help: or leave `--env` out

    error: 1 mistake, nothing was done
    ");
}

#[test]
fn long_lines_are_trimmed_to_the_window() {
    let long = source("stacks/long.yaml", &format!("a: [{}WRONG, {}]\n", "1, ".repeat(300), "2, ".repeat(300)));
    let mistake = Diagnostic::error("no number").at(&place(&long, "WRONG"), "").help("write a number").patch(&place(&long, "WRONG"), "3");
    insta::assert_snapshot!(plain(&[mistake]), @r"
    error: no number
     --> stacks/long.yaml:1:905
      |
    1 | ..., 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, WRONG, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2...
      |                                    ^^^^^
      |
      = help: write a number
      = help: write `3` there

    error: 1 mistake in stacks/long.yaml, nothing was done
    ");
    let huge = source("huge.yaml", &format!("{}\n{}WRONG{}\n", "x".repeat(2_000_000), "y".repeat(2_000_000), "z".repeat(2_000_000)));
    let mistake = Diagnostic::error("no number").at(&place(&huge, "WRONG"), "");
    insta::assert_snapshot!(plain(&[mistake]), @r"
    error: no number
     --> huge.yaml:2:2000001
      |
     ::: 
    2 | ...yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyWRONGzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz...
      |                                    ^^^^^

    error: 1 mistake in huge.yaml, nothing was done
    ");
}

#[test]
fn what_the_file_hides_is_shown() {
    let tabs = source("tabs.yaml", "a:\r\n\tb: \u{202e}c\u{1b}[31m\r\n");
    let mistake = Diagnostic::error("a \u{1b}[31mtab\n")
        .at(&place(&tabs, "\t"), "YAML is indented with spaces")
        .help("use\nspaces")
        .patch(&place(&tabs, "\t"), "  ");
    let shown = plain(&[mistake]);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\t', '\r']), "{shown:?}");
    insta::assert_snapshot!(shown, @r"
    error: a \u{1b}[31mtab\n
     --> tabs.yaml:2:1
      |
    2 |     b: �c␛[31m
      | ^^^^ YAML is indented with spaces
      |
    help: use spaces
      |
    2 |   b: �c␛[31m
      | ++

    error: 1 mistake in tabs.yaml, nothing was done
    ");
}

#[test]
fn repetitions_are_told_once() {
    let stack = source("a.yaml", STACK);
    let same = || Diagnostic::error("there is no resource `vcp`").at(&place(&stack, "vcp"), "here");
    let other = same().help("another help");
    let shown = plain(&[same(), other, same(), same()]);
    assert_eq!(shown.matches("error: there is").count(), 2, "{shown}");
    assert!(shown.ends_with("error: 2 mistakes in a.yaml, nothing was done\n"), "{shown}");
}

#[test]
fn of_thousands_the_first_are_shown_and_errors_before_warnings() {
    let stack = source("a.yaml", &"x: y\n".repeat(5_000));
    let at = |n: usize| Place { source: Arc::clone(&stack), span: n * 5..n * 5 + 1 };
    let mut all: Vec<_> = (0..2_000).map(|n| Diagnostic::warning("a doubt").at(&at(n), "")).collect();
    all.extend((2_000..4_281).map(|n| Diagnostic::error("a mistake").at(&at(n), "")));
    let shown = plain(&all);
    assert_eq!(shown.matches("error: a mistake").count(), SHOWN);
    assert!(shown.contains("--> a.yaml:2001:1"), "{shown}");
    assert!(shown.ends_with("and 4,231 more\n\nerror: 2,281 mistakes in a.yaml, 2,000 warnings, nothing was done\n"), "{shown}");
}

#[test]
fn the_closing_line_says_what_is_the_case() {
    let (a, b) = (source("a.yaml", "x"), source("b.yaml", "x"));
    let error = |source: &Arc<Source>| Diagnostic::error("e").at(&place(source, "x"), "");
    let warning = Diagnostic::warning("w").at(&place(&a, "x"), "");
    let last = |all: &[Diagnostic]| plain(all).lines().last().unwrap_or_default().to_owned();
    for (all, expected) in [
        (vec![], ""),
        (vec![error(&a)], "error: 1 mistake in a.yaml, nothing was done"),
        (vec![error(&a), error(&b), warning.clone()], "error: 2 mistakes in 2 files, 1 warning, nothing was done"),
        (vec![warning], "warning: 1 warning in a.yaml"),
        (vec![Diagnostic::error("e")], "error: 1 mistake, nothing was done"),
    ] {
        assert_eq!(last(&all), expected);
    }
}
