mod bad_input;
mod local;
mod records;
mod usage;
