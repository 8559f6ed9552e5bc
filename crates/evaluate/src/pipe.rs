//! A message on its way from one thread to another.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes that travel together.
const CHUNK_BYTES: usize = 1 << 18;

/// Chunks that wait for the reader: the writer is never far ahead, so that no message is there as a whole.
const CHUNKS: usize = 2;

/// What is written into one end comes out of the other. A writer that is dropped ends the message; what it has not
/// flushed is lost then.
pub fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = sync_channel(CHUNKS);
    let writer = PipeWriter { chunk: Vec::new(), sender };
    (writer, PipeReader { chunk: Vec::new(), place: 0, passed: 0, receiver })
}

/// The end that is written to. It waits for the reader, and fails once there is none.
pub struct PipeWriter {
    chunk: Vec<u8>,
    sender: SyncSender<Vec<u8>>,
}

/// The end that is read from. It waits for the writer.
pub struct PipeReader {
    chunk: Vec<u8>,
    /// Bytes of the chunk that were read.
    place: usize,
    /// Bytes that were read in all.
    passed: usize,
    receiver: Receiver<Vec<u8>>,
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.reserve_exact(CHUNK_BYTES - self.chunk.len());
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        self.sender.send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl PipeReader {
    /// Bytes that were read in all.
    pub fn passed(&self) -> usize {
        self.passed
    }
}

impl Read for PipeReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.place == self.chunk.len() {
            let Ok(chunk) = self.receiver.recv() else { return Ok(0) };
            (self.chunk, self.place) = (chunk, 0);
        }
        let there = &self.chunk[self.place..];
        let taken = bytes.len().min(there.len());
        bytes[..taken].copy_from_slice(&there[..taken]);
        self.place += taken;
        self.passed += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_out_and_ends_with_the_writer() {
        let message: Vec<u8> = (0..3 * CHUNK_BYTES + 7).map(|index| (index % 251) as u8).collect();
        for piece in [1000, CHUNK_BYTES, message.len()] {
            let (mut writer, mut reader) = pipe();
            let mut found = Vec::new();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    message.chunks(piece).for_each(|piece| writer.write_all(piece).unwrap());
                    writer.flush().unwrap();
                    drop(writer);
                });
                reader.read_to_end(&mut found).unwrap();
            });
            assert!(found == message);
            assert_eq!(reader.passed(), message.len());
        }
    }

    #[test]
    fn a_writer_fails_once_nobody_reads() {
        let (mut writer, reader) = pipe();
        drop(reader);
        let error = writer.write_all(&vec![0; CHUNK_BYTES]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
