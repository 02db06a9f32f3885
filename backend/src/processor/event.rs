//! What a bucket tells when something in it has changed.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::store::documents::Place;

/// A notification of S3. Only what is used here is read of it.
#[derive(Clone, Debug, Deserialize)]
pub struct S3Event {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Clone, Debug, Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Clone, Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Object {
    key: String,
}

/// One object that was written or removed.
///
/// Not which of these: events come late, twice, and in any order, so that one says only where to look. What is there then counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub place: Place,
    pub filename: String,
}

impl Change {
    /// A file of which nothing more is known than its place.
    pub fn at(place: Place) -> Self {
        let filename = place.key.rsplit('/').next().unwrap_or_default().to_owned();
        Self { place, filename }
    }
}

impl S3Event {
    /// The changes that concern documents, in the event's order. A bucket's test event has none.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        self.records.iter().filter_map(change)
    }
}

fn change(record: &Record) -> Option<Change> {
    let name = record.event_name.trim_start_matches("s3:");
    if !name.starts_with("ObjectRemoved:") && !name.starts_with("ObjectCreated:") {
        return None;
    }
    // Keys come as in a form: percent-encoded, with a plus sign for a space.
    let key = percent_decode_str(&record.s3.object.key.replace('+', " ")).decode_utf8().ok()?.into_owned();
    // The console makes an empty object for each folder.
    if key.ends_with('/') {
        return None;
    }
    Some(Change::at(Place { bucket: record.s3.bucket.name.clone(), key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str) -> Vec<Change> {
        serde_json::from_str::<S3Event>(text).unwrap().changes().collect()
    }

    #[test]
    fn an_event_as_s3_sends_it() {
        let found = changes(
            r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"ap-northeast-1","eventTime":"2026-01-01T00:00:00.000Z",
                "eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","configurationId":"c","bucket":{"name":"docs","arn":"arn:aws:s3:::docs"},
                "object":{"key":"uploads/1/%E5%93%A1%E5%B7%A5+%E6%89%8B%E5%86%8A.txt","size":12,"eTag":"\"abc\"","sequencer":"55aed6dcd90281e5"}}},
               {"eventName":"ObjectRemoved:DeleteMarkerCreated","s3":{"bucket":{"name":"docs"},"object":{"key":"uploads/a.txt","versionId":"v9"}}},
               {"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"docs"},"object":{"key":"uploads/folder/","size":0}}},
               {"eventName":"ObjectRestore:Post","s3":{"bucket":{"name":"docs"},"object":{"key":"uploads/b.txt"}}}]}"#,
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].place.key.as_str(), found[0].filename.as_str()), ("uploads/1/員工 手冊.txt", "員工 手冊.txt"));
        assert_eq!((found[1].place.bucket.as_str(), found[1].place.key.as_str()), ("docs", "uploads/a.txt"));
    }

    #[test]
    fn a_test_event_changes_nothing() {
        assert!(changes(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"docs"}"#).is_empty());
    }
}
