//! What tests write reports to.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// Keeps what is written, for all its clones together.
#[derive(Clone, Default)]
pub(super) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("only text is written")
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
