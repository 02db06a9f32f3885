mod bad_input;
mod calls;
mod edits;
mod lifecycle;
mod local;
mod probe;
mod records;
mod usage;
