//! The lists of types and lookups are those of the folders, and what they say is within what the engine understands.

use std::{collections::BTreeSet, fs, path::Path};

use infra::resource::{
    DescribeLookup,
    schema::{Fields, Kind, Schema, TypeSchema},
};

use super::example;
use crate::aws::{LOOKUPS, TYPES, types};

/// Folders of `src/aws` that hold no types.
const OTHERS: &[&str] = &["conformance", "error", "lint", "lookup"];

/// Modules that two types are made of and that are none themselves.
const SHARED: &[&str] = &["rds.database", "rds.parameter_group"];

#[test]
fn every_file_is_in_the_list_and_the_list_is_sorted() {
    let mut files = BTreeSet::new();
    for service in fs::read_dir(source()).expect("the folder is there") {
        let service = service.expect("an entry").path();
        let name = stem(&service);
        if service.is_dir() && !OTHERS.contains(&name.as_str()) {
            let names = modules(&service).into_iter().map(|it| format!("{name}.{it}"));
            files.extend(names.filter(|it| !SHARED.contains(&it.as_str())));
        }
    }
    let names: Vec<_> = TYPES.iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, files.into_iter().collect::<Vec<_>>());

    let files = modules(&source().join("lookup")).into_iter().map(|it| it.replacen('_', ".", 1));
    let names: Vec<_> = LOOKUPS.iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, files.collect::<Vec<_>>());
}

#[test]
fn every_type_has_an_example_and_is_held_to_the_contract() {
    for resource in TYPES {
        let example = example::path(resource.name());
        assert!(example.is_file(), "{} is missing", example.display());
        let file = source().join(resource.name().replace('.', "/")).with_extension("rs");
        // Tests that are long have a file of their own, or several.
        let folder = file.with_extension("");
        let several = fs::read_dir(folder.join("tests")).into_iter().flatten().map(|it| it.expect("an entry").path());
        let held = [file.clone(), folder.join("tests.rs")].into_iter().chain(several);
        let held = held.map(fs::read_to_string).any(|it| it.is_ok_and(|text| text.contains("Conformance {")));
        assert!(held, "{} has no test of its conformance", file.display());
    }
}

#[test]
fn every_schema_can_be_read_and_says_what_everything_is() {
    let types = types();
    for resource in TYPES {
        let schema = types.catalog.schema(resource.name()).expect("it is in the catalog");
        described(resource.name(), schema);
        let id = schema.outputs.get("id").unwrap_or_else(|| panic!("{} has no output `id`", resource.name()));
        assert!(id.required, "{}.id is always there", resource.name());
        let clash = schema.outputs.keys().find(|name| schema.properties.contains_key(*name));
        assert_eq!(clash, None, "{} has a property and an output of the same name", resource.name());
    }
    for lookup in LOOKUPS {
        let lookup: &dyn DescribeLookup = *lookup;
        described(lookup.name(), types.catalog.lookup_schema(lookup.name()).expect("it is in the catalog"));
    }
}

#[test]
fn every_type_names_the_actions_it_needs() {
    for resource in TYPES {
        let actions = &resource.facts().actions;
        for (what, list) in [("create", actions.create), ("read", actions.read), ("delete", actions.delete)] {
            assert!(!list.is_empty(), "{} names no action for {what}", resource.name());
        }
        for action in [actions.create, actions.read, actions.update, actions.delete].concat() {
            assert!(action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty()), "{action}");
        }
    }
}

fn described(name: &str, schema: &TypeSchema) {
    fields(name, &schema.properties);
    fields(name, &schema.outputs);
}

fn fields(path: &str, fields: &Fields) {
    for (name, field) in fields {
        let path = format!("{path}.{name}");
        assert!(field.schema.description.as_deref().is_some_and(|it| it.ends_with('.')), "{path} has no description");
        inner(&path, &field.schema);
    }
}

fn inner(path: &str, schema: &Schema) {
    match &schema.kind {
        Kind::Object(it) => fields(path, it),
        Kind::List { item, .. } | Kind::Map(item) => inner(path, item),
        Kind::Text(text) => {
            for choice in &text.choices {
                assert!(choice.description.is_some(), "{path}: `{}` has no description", choice.value);
            }
        }
        _ => {}
    }
}

fn source() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws")
}

/// The names of the modules of a folder, sorted.
fn modules(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("the folder is there").map(|it| stem(&it.expect("an entry").path()));
    let names: BTreeSet<_> = files.filter(|it| it != "mod").collect();
    names.into_iter().collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned()
}
