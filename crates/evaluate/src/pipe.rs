//! A pipe between two threads in memory, for messages that are too large to keep complete.

use std::io::{self, Cursor, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Size of the chunks that are passed from writer to reader, in bytes.
const CHUNK_BYTES: usize = 1 << 18;

/// Number of chunks that may wait for the reader. The writer then waits, so that memory holds only a small part of a message.
const MAX_WAITING_CHUNKS: usize = 2;

/// Makes a pipe: the reader reads the bytes that the writer writes. Dropping the writer ends the message; bytes that were not flushed
/// are lost.
pub fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = sync_channel(MAX_WAITING_CHUNKS);
    let writer = PipeWriter { chunk: Vec::new(), sender };
    (writer, PipeReader { chunk: Cursor::default(), bytes_read: 0, receiver })
}

/// The writing end of a pipe. Writing waits for the reader, and fails after the reader was dropped.
pub struct PipeWriter {
    chunk: Vec<u8>,
    sender: SyncSender<Vec<u8>>,
}

/// The reading end of a pipe. Reading waits for the writer.
pub struct PipeReader {
    chunk: Cursor<Vec<u8>>,
    bytes_read: usize,
    receiver: Receiver<Vec<u8>>,
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_BYTES - self.chunk.len();
        self.chunk.reserve_exact(room);
        let (written, _) = bytes.split_at(bytes.len().min(room));
        self.chunk.extend_from_slice(written);
        if self.chunk.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        self.sender.send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl PipeReader {
    /// Returns the number of bytes that were read so far.
    pub fn bytes_read(&self) -> usize {
        self.bytes_read
    }
}

impl Read for PipeReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.chunk.position() == self.chunk.get_ref().len() as u64 {
            let Ok(chunk) = self.receiver.recv() else { return Ok(0) };
            self.chunk = Cursor::new(chunk);
        }
        let read = self.chunk.read(bytes)?;
        self.bytes_read += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_reads_all_written_bytes_and_ends_with_the_writer() {
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
            assert_eq!(reader.bytes_read(), message.len());
        }
    }

    #[test]
    fn a_writer_fails_after_the_reader_was_dropped() {
        let (mut writer, reader) = pipe();
        drop(reader);
        let error = writer.write_all(&vec![0; CHUNK_BYTES]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
