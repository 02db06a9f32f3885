//! What the tests stand on.

pub mod bedrock;
pub mod files;
pub mod lambda;
pub mod moto;
pub mod postgres;
pub mod process;
pub mod role;
pub mod server;
pub mod tls;

/// The key that the servers of the tests sign and check with.
pub const KEY: &str = "a key for tests, long enough to be one";
/// Vectors of the tests are short, so that they are fast.
pub const DIMENSIONS: usize = 64;

/// Whether the page knows what to say in Chinese of a document that could not be processed for this reason.
pub fn is_translated(reason: &str) -> bool {
    let (_, list) = include_str!("../../page/script.js").split_once("const reasons = [\n").unwrap();
    let (list, _) = list.split_once("\n];").unwrap();
    list.lines().any(|line| reason.contains(line.split('"').nth(1).unwrap()))
}
