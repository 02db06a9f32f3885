mod bad_input;
mod calls;
mod lifecycle;
mod local;
mod probe;
mod records;
mod usage;
