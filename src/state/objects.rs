//! What a store that is no local folder has to offer, so that states can lie there.
//!
//! Three kinds of objects would stand for the files of a local folder, under the same names:
//! - `<env>/<stack>.json`: the state, in the same format. Written only over the version that was read, which is what the local
//!   lock and atomic replace come to. The bucket's versioning keeps the previous ones.
//! - `<env>/<stack>.journal/<serial>`: some lines of the journal, as many as waited when it was written. Never over another:
//!   two writers of one serial are two writers of one state, and the second one stops. Sorted and put together they are the
//!   local file; its reader does not change. Deleted when the state holds them.
//! - `<env>/<stack>.lock`: the holder, with a time that it renews; written only where there was none, or over a version whose
//!   time is long past.

use std::io;

use futures::future::BoxFuture;

/// The content of an object, and what tells this content from any other under the same name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    pub content: Vec<u8>,
    pub version: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PutError {
    #[error("somebody else has written it")]
    Changed,
    #[error("it cannot be written")]
    Io(#[from] io::Error),
}

/// Named contents that are replaced as a whole.
pub trait ObjectStore: Send + Sync {
    /// Nothing where there is no such object.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, io::Result<Option<Object>>>;
    /// Writes only where the object still has the given version, or where there is none if none is given; tells the new version.
    fn put_if_match<'a>(&'a self, key: &'a str, content: &'a [u8], version: Option<&'a str>) -> BoxFuture<'a, Result<String, PutError>>;
    /// No error where there is no such object.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, io::Result<()>>;
    /// The keys that begin with this, in order.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, io::Result<Vec<String>>>;
}
