mod bad_input;
mod calls;
mod lifecycle;
mod local;
mod records;
mod usage;
