//! An upload that is counted as it comes, and ends when nobody wants it any longer.

use std::io::{self, Read};

use prometheus::IntCounter;

use super::place::Place;

/// Bytes on their way into a [`Place`].
pub struct Counting<'a, R> {
    input: R,
    bytes: &'a IntCounter,
    place: &'a Place,
}

impl<'a, R: Read> Counting<'a, R> {
    pub fn new(input: R, bytes: &'a IntCounter, place: &'a Place) -> Self {
        Self { input, bytes, place }
    }
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.place.cancelled() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the batch was cancelled"));
        }
        let length = self.input.read(buffer)?;
        self.bytes.inc_by(length as u64);
        Ok(length)
    }
}
