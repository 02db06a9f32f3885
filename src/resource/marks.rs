//! What a type says of its properties and outputs beyond their JSON Schema: `#[schemars(transform = immutable)]`.
//!
//! Each mark is a function, so that a misspelt one does not compile; [`super::schema`] reads them and refuses any other.

use schemars::Schema;

fn mark(schema: &mut Schema, name: &str) {
    schema.insert(format!("x-{name}"), true.into());
}

/// A change replaces the resource.
pub fn immutable(schema: &mut Schema) {
    mark(schema, "immutable");
}

/// The cloud does not tell it: compared with what was last applied, through a hash where it is a secret.
pub fn write_only(schema: &mut Schema) {
    mark(schema, "write-only");
}

/// Written by the update that follows the create, so that two resources, or one and itself, may refer to each other.
pub fn late(schema: &mut Schema) {
    mark(schema, "late");
}

/// Stays as it is when it is removed from the file; the plan says so.
pub fn kept(schema: &mut Schema) {
    mark(schema, "kept");
}

/// On a property: what it refers to must be usable, not only exist.
/// On an output: present only once the resource is usable.
pub fn ready(schema: &mut Schema) {
    mark(schema, "ready");
}

/// On an output: an update of the resource may change it, so that its consumers are looked at again. The update has to show in
/// a property that can be read or in the status as well: a read that still shows neither is not taken for the result.
pub fn volatile(schema: &mut Schema) {
    mark(schema, "volatile");
}

/// A list whose order and repetitions mean nothing.
pub fn set(schema: &mut Schema) {
    schema.insert("uniqueItems".into(), true.into());
}

/// A map or set of which only the entries written now or applied before belong to the stack.
pub fn shared(schema: &mut Schema) {
    mark(schema, "shared");
}

/// On the one property that names the resource among all of its kind, so that no second can exist beside it.
pub fn unique(schema: &mut Schema) {
    mark(schema, "unique");
}
