//! The bytes of a file, whether it is stored plain or compressed, and their checksum.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// How every gzip file begins. An IDX file begins with two zeros.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The largest content accepted, in bytes: 20 times MNIST's, and what a hostile `.gz` may cost at most.
pub(crate) const MOST_CONTENT: u64 = 1 << 30;

/// The decompressed bytes of a file. Its content, not its name, tells whether it is compressed.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
        Ok(Box::new(MultiGzDecoder::new(file)))
    } else {
        Ok(Box::new(file))
    }
}

/// SHA-256 of a file's decompressed bytes (of the first [`MOST_CONTENT`], where there are more).
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut open(path)?.take(MOST_CONTENT), &mut digest)?;
    Ok(hex(digest))
}

/// SHA-256 of all `parts`, one after the other, in lower-case hexadecimal.
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    parts.into_iter().for_each(|part| digest.update(part));
    hex(digest)
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idx_writer::gzip;

    #[test]
    fn the_checksum_is_sha_256() {
        let parts: [&[u8]; 2] = [b"a", b"bc"];
        assert_eq!(sha256(parts), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
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
