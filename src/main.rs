#[expect(dead_code, reason = "the commands that use it are not there yet")]
mod aws;

fn main() {}
