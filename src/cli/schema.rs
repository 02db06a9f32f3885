//! `infra schema`: the JSON Schema of stack files, for editors.

use clap::Args;
use infra::{exit::Exit, resource::Catalog};
use serde_json::{Map, Value as Json, json};

use super::{
    Context,
    failure::{Failure, Result},
};
use crate::aws;

#[derive(Args, Debug)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit> {
        context.shell.json(&schema(&aws::types().catalog)).map(|()| Exit::Done).map_err(Failure::failed)
    }
}

/// An expression stands for a value of any type.
fn expression() -> Json {
    json!({ "type": "string", "pattern": "\\$\\{" })
}

fn schema(catalog: &Catalog) -> Json {
    let mut definitions = Map::new();
    let mut resources = vec![];
    for name in catalog.names() {
        let Some(describe) = catalog.resource(name) else { continue };
        let mut spec = describe.spec_schema().to_value();
        relax(&mut spec, &format!("#/$defs/{name}"));
        definitions.insert(name.to_owned(), spec);
        resources.push(one(name));
    }
    let options = json!({
        "for_each": { "description": "One for each entry of a list or map; inside it `each.key` and `each.value`." },
        "when": { "description": "Whether there is one at all." },
        "depends_on": { "type": "array", "items": { "type": "string" }, "description": "What must be there first, beyond what is referred to." },
        "region": { "type": "string", "description": "Where it is, if not where the stack is." },
        "role": { "type": "string", "description": "The ARN of a role to take on for it." },
        "lifecycle": {
            "type": "object",
            "properties": {
                "protect": { "type": "boolean", "description": "Neither replaced nor deleted unless named on the command line." },
                "retain": { "type": "boolean", "description": "Stays in the cloud when it leaves the stack." },
                "create_before_destroy": { "type": "boolean" },
                "ignore_changes": { "type": "array", "items": { "type": "string" } },
            },
            "additionalProperties": false,
        },
        "timeouts": {
            "type": "object",
            "properties": { "create": { "type": "string" }, "update": { "type": "string" }, "delete": { "type": "string" } },
            "additionalProperties": false,
        },
        "adopt": { "type": "string", "description": "The id of an existing one to take over." },
        "suppress": { "description": "Checks that do not apply here, each with a reason." },
    });
    let mut properties = options.as_object().cloned().unwrap_or_default();
    for name in catalog.names() {
        properties.insert(name.to_owned(), json!({ "$ref": format!("#/$defs/{name}") }));
    }
    let named =
        |schema: Json| json!({ "type": "object", "propertyNames": { "pattern": "^[a-z][a-z0-9_]*$" }, "additionalProperties": schema });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of infra",
        "type": "object",
        "required": ["stack"],
        "additionalProperties": false,
        "properties": {
            "stack": { "type": "string", "description": "Its name." },
            "description": { "type": "string" },
            "region": { "type": "string", "description": "The AWS region of all that names no other." },
            "vars": named(json!(true)),
            "environments": {
                "type": "object",
                "additionalProperties": {
                    "type": ["object", "null"],
                    "properties": {
                        "account": { "type": ["string", "integer"], "description": "The only account that it may be applied to." },
                        "protect": { "type": "boolean", "description": "Stateful resources are neither replaced nor deleted." },
                        "region": { "type": "string" },
                        "vars": named(json!(true)),
                    },
                    "additionalProperties": false,
                },
            },
            "tags": { "type": "object", "additionalProperties": { "type": ["string", "integer", "boolean"] } },
            "lookup": named(json!({ "type": "object" })),
            "resources": named(json!({ "type": "object", "properties": properties, "additionalProperties": false, "oneOf": resources })),
            "outputs": named(json!(true)),
            "moved": { "type": "object", "additionalProperties": { "type": "string" } },
        },
        "$defs": definitions,
    })
}

/// Exactly one type stands in a resource.
fn one(name: &str) -> Json {
    json!({ "required": [name] })
}

/// Lets an expression stand wherever a value does, and numbers wherever a text does, as the engine does.
/// References within a type's schema are moved to where the type stands in the whole.
fn relax(schema: &mut Json, at: &str) {
    let Json::Object(object) = schema else { return };
    object.remove("$schema");
    if let Some(Json::String(reference)) = object.get_mut("$ref")
        && let Some(rest) = reference.strip_prefix('#')
    {
        *reference = format!("{at}{rest}");
    }
    for key in ["properties", "$defs"] {
        if let Some(Json::Object(children)) = object.get_mut(key) {
            children.values_mut().for_each(|it| property(it, at));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = object.get_mut(key).filter(|it| it.is_object()) {
            property(child, at);
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(Json::Array(children)) = object.get_mut(key) {
            children.iter_mut().for_each(|it| relax(it, at));
        }
    }
}

fn property(schema: &mut Json, at: &str) {
    relax(schema, at);
    let description = schema.get("description").cloned();
    let mut either = json!({ "anyOf": [schema.take(), expression()] });
    if let (Some(text), Some(object)) = (description, either.as_object_mut()) {
        // Where editors look for it.
        object.insert("description".to_owned(), text);
    }
    *schema = either;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let schema = schema(&aws::types().catalog);
        let mut references = vec![];
        collect(&schema, &mut references);
        assert!(references.len() >= aws::TYPES.len());
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("only references within the document");
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect(schema: &Json, references: &mut Vec<String>) {
        match schema {
            Json::Object(object) => {
                references.extend(object.get("$ref").and_then(Json::as_str).map(str::to_owned));
                object.values().for_each(|it| collect(it, references));
            }
            Json::Array(list) => list.iter().for_each(|it| collect(it, references)),
            _ => {}
        }
    }

    #[test]
    fn an_expression_may_stand_for_any_property() {
        let schema = schema(&aws::types().catalog);
        let hostnames = &schema["$defs"]["ec2.vpc"]["properties"]["enable_dns_hostnames"];
        assert_eq!(hostnames["anyOf"][0]["type"], "boolean");
        assert_eq!(hostnames["anyOf"][1], expression());
        assert_eq!(schema["$defs"]["ec2.vpc"]["required"], json!(["cidr_block"]));
    }
}
