//! The program as it is deployed: its binary, against a real PostgreSQL with pgvector, S3 and Secrets Manager on moto, and
//! a stand-in for Bedrock that speaks its HTTP interface. Whatever is missing on the machine is installed beneath the target
//! directory; only Python 3 must be there.
#![expect(unreachable_pub, clippy::unwrap_used, clippy::print_stderr, reason = "tests say what they do and stop at the first surprise")]

mod support;

mod chat;
mod database;
mod documents;
mod image;
mod lambda;
mod limits;
mod models;
mod openapi;
mod page;
mod processor;
mod rotation;
mod s3;
mod tls;
