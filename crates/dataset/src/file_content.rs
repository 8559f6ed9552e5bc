//! Decompressed bytes of plain and gzip files, and their SHA-256.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

/// First bytes of every gzip file. An IDX file begins with two zeros.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Largest accepted content in bytes: 20 times the content of MNIST. It bounds the cost of a hostile `.gz` file.
pub(crate) const MAX_CONTENT_BYTES: u64 = 1 << 30;

/// Opens the decompressed bytes of a file. The first bytes tell whether the file is compressed, not its name.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
        Ok(Box::new(GzipMembers(Some(GzDecoder::new(file)))))
    } else {
        Ok(Box::new(file))
    }
}

/// Content of all members of a gzip file, one after the other. `None` after the last member.
///
/// Zero bytes after a member are padding, as `gzip -t` treats them. Other bytes that are no member are an error.
struct GzipMembers<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.0.take() {
            let count = member.read(buffer)?;
            if count > 0 {
                self.0 = Some(member);
                return Ok(count);
            }
            let mut file = member.into_inner();
            if skip_zeros(&mut file)? {
                self.0 = Some(GzDecoder::new(file));
            }
        }
        Ok(0)
    }
}

/// Skips zero bytes and returns whether other bytes follow.
fn skip_zeros(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = file.fill_buf()?;
        let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
        let (end, other) = (buffer.is_empty(), zeros < buffer.len());
        file.consume(zeros);
        if end || other {
            return Ok(other);
        }
    }
}

/// A reader that computes the SHA-256 of the bytes that it has read.
pub(crate) struct HashingReader<R> {
    reader: R,
    digest: Sha256,
}

impl<R: Read> HashingReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, digest: Sha256::new() }
    }

    /// SHA-256 of all bytes read, in lower-case hexadecimal.
    pub(crate) fn sha256(self) -> String {
        hex::encode(self.digest.finalize())
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// SHA-256 of the first [`MAX_CONTENT_BYTES`] of a file's decompressed bytes, in lower-case hexadecimal.
#[cfg(feature = "data-sets")]
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut open(path)?.take(MAX_CONTENT_BYTES), &mut digest)?;
    Ok(hex::encode(digest.finalize()))
}

/// SHA-256 of `parts` one after the other, in lower-case hexadecimal.
#[cfg(feature = "data-sets")]
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    parts.into_iter().for_each(|part| digest.update(part));
    hex::encode(digest.finalize())
}

/// Reads the big-endian number of four bytes at index `at`; `None` if there are too few bytes.
pub(crate) fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&word| u32::from_be_bytes(word))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::test_files::gzip;

    #[test]
    fn the_checksum_is_sha_256() {
        let parts: [&[u8]; 2] = [b"a", b"bc"];
        assert_eq!(sha256(parts), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    /// The decompressed content of a file of these bytes.
    fn content_of(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.gz");
        std::fs::write(&path, bytes).unwrap();
        let mut content = Vec::new();
        open(&path)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn zero_bytes_behind_a_gzip_stream_are_padding() {
        for zeros in [1, 7, 512, 100_000] {
            assert_eq!(content_of(&[gzip(b"abc"), vec![0; zeros]].concat()).unwrap(), b"abc");
        }
    }

    #[test]
    fn other_bytes_behind_a_gzip_stream_are_an_error() {
        for tail in [&b"x"[..], b"\0x", b"\x1f", b"\x1f\x8b\x08"] {
            assert!(content_of(&[gzip(b"abc").as_slice(), tail].concat()).is_err(), "{tail:?}");
        }
    }

    #[test]
    fn no_damaged_gzip_file_makes_the_reader_panic_or_gives_other_content() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let content: Vec<u8> = (0..200).collect();
        let sound = [gzip(&content[..100]), gzip(&content[100..]), vec![0; 20]].concat();
        for _ in 0..20_000 {
            let mut bytes = sound.clone();
            for _ in 0..rng.random_range(0..3) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            if rng.random_range(0..4) == 0 {
                bytes.truncate(rng.random_range(0..=bytes.len()));
            }
            let mut found = Vec::new();
            if GzipMembers(Some(GzDecoder::new(&bytes[..]))).read_to_end(&mut found).is_ok() {
                // A cut between two members cannot be told from a file of one.
                assert!(found == content || found == content[..100], "{found:?}");
            }
        }
    }

    #[test]
    fn the_members_of_a_gzip_file_are_read_one_after_the_other() {
        assert_eq!(content_of(&[gzip(b"ab"), gzip(b""), gzip(b"c")].concat()).unwrap(), b"abc");
    }

    #[test]
    fn a_plain_and_a_compressed_file_have_the_same_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, compressed) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&plain, b"abc").unwrap();
        std::fs::write(&compressed, gzip(b"abc")).unwrap();
        assert_eq!(sha256_of_file(&plain).unwrap(), sha256([b"abc".as_slice()]));
        assert_eq!(sha256_of_file(&compressed).unwrap(), sha256([b"abc".as_slice()]));
    }
}
