//! Functions: what is refused before, what is read, how they change, and their whole life.

mod change;
mod check;
mod life;
mod read;

use serde_json::Value as Json;

use crate::aws::conformance::wire::Answer;

/// A zip archive whose handler answers with `one`, and another with `two`.
const ONE: &str = "UEsDBBQAAAAAAAAAIQAHkoV5KgAAACoAAAAJAAAAaW5kZXgubWpzZXhwb3J0IGNvbnN0IGhhbmRsZXIgPSBhc3luYyAoKSA9PiAnb25lJzsKUEsBAhQDFAAAAAAAAAAhAAeShXkqAAAAKgAAAAkAAAAAAAAAAAAAAKQBAAAAAGluZGV4Lm1qc1BLBQYAAAAAAQABADcAAABRAAAAAAA=";
const TWO: &str = "UEsDBBQAAAAAAAAAIQDIddkSKgAAACoAAAAJAAAAaW5kZXgubWpzZXhwb3J0IGNvbnN0IGhhbmRsZXIgPSBhc3luYyAoKSA9PiAndHdvJzsKUEsBAhQDFAAAAAAAAAAhAMh12RIqAAAAKgAAAAkAAAAAAAAAAAAAAKQBAAAAAGluZGV4Lm1qc1BLBQYAAAAAAQABADcAAABRAAAAAAA=";

fn leak(json: Json) -> Answer {
    Answer::Say(200, Box::leak(json.to_string().into_boxed_str()))
}
