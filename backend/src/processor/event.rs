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
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    size: Option<i64>,
    e_tag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

/// One object that was written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub place: Place,
    pub filename: String,
    pub size: Option<i64>,
    /// Version id, else entity tag: what tells one content of a key from another.
    pub version: Option<String>,
    /// Whether `version` is a version id, which can be asked for.
    pub versioned: bool,
    /// Orders the changes of one key, as text.
    pub sequencer: Option<String>,
    pub removed: bool,
}

impl Change {
    /// A file of which nothing more is known than that it is there.
    pub fn created(place: Place) -> Self {
        let filename = place.key.rsplit('/').next().unwrap_or_default().to_owned();
        Self { place, filename, size: None, version: None, versioned: false, sequencer: None, removed: false }
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
    let removed = name.starts_with("ObjectRemoved:");
    if !removed && !name.starts_with("ObjectCreated:") {
        return None;
    }
    let object = &record.s3.object;
    // Keys come as in a form: percent-encoded, with a plus sign for a space.
    let key = percent_decode_str(&object.key.replace('+', " ")).decode_utf8().ok()?.into_owned();
    // The console makes an empty object for each folder.
    if key.ends_with('/') {
        return None;
    }
    let place = Place { bucket: record.s3.bucket.name.clone(), key };
    let version_id = object.version_id.clone().filter(|id| !id.is_empty() && id != "null");
    Some(Change {
        size: object.size,
        versioned: version_id.is_some(),
        version: version_id.or_else(|| object.e_tag.as_ref().map(|tag| tag.trim_matches('"').to_owned())),
        // Hexadecimal numbers of different lengths: padded on the left, texts compare as the numbers do.
        sequencer: object.sequencer.as_ref().map(|text| format!("{:0>32}", text.to_ascii_uppercase())),
        removed,
        ..Change::created(place)
    })
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
        assert_eq!((found[0].version.as_deref(), found[0].versioned), (Some("abc"), false));
        assert_eq!(found[0].sequencer.as_deref(), Some("000000000000000055AED6DCD90281E5"));
        assert!(found[1].removed && found[1].versioned);
    }

    #[test]
    fn a_test_event_changes_nothing() {
        assert!(changes(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"docs"}"#).is_empty());
    }
}
