//! Right checksums for damaged ZIP archives.
//!
//! Readers of archives stop at an entry whose CRC-32 is wrong. Nearly every mutation of an entry makes it wrong, so nothing behind
//! that check would be tried.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

/// The signature of a header in the archive's directory.
const DIRECTORY_HEADER: &[u8] = b"PK\x01\x02";

/// Sizes of the fixed parts of a header in the directory and of one before an entry, in bytes.
const DIRECTORY_SIZE: usize = 46;
const LOCAL_SIZE: usize = 30;

/// Bytes of an entry that are unpacked at most. An entry that is larger keeps its checksum.
const MAX_ENTRY: u64 = 8 << 20;

/// Replaces the CRC-32 in every header of the archive's directory by that of the entry's content, where there is one.
///
/// Source: APPNOTE 6.3.10, sections 4.3.7 and 4.3.12.
pub fn correct_checksums(archive: &mut [u8]) {
    let headers: Vec<usize> = archive
        .windows(DIRECTORY_HEADER.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == DIRECTORY_HEADER)
        .map(|(place, _)| place)
        .collect();
    for place in headers {
        let Some(checksum) = checksum(archive, place) else { continue };
        archive[place + 16..place + 20].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The CRC-32 of the entry whose directory header is at `place`; `None` where the entry is cut off or damaged.
fn checksum(archive: &[u8], place: usize) -> Option<u32> {
    let header = archive.get(place..place + DIRECTORY_SIZE)?;
    let method = u16::from_le_bytes(header[10..12].try_into().ok()?);
    let number = |at: usize| Some(u32::from_le_bytes(header[at..at + 4].try_into().ok()?) as usize);
    let (packed, local) = (number(20)?, number(42)?);
    let before = archive.get(local..local.checked_add(LOCAL_SIZE)?)?;
    let length = |at: usize| usize::from(u16::from_le_bytes([before[at], before[at + 1]]));
    let start = local + LOCAL_SIZE + length(26) + length(28);
    let content = archive.get(start..start.checked_add(packed)?)?;
    match method {
        0 => Some(crc32fast::hash(content)),
        8 => {
            let mut unpacked = Vec::new();
            DeflateDecoder::new(content).take(MAX_ENTRY + 1).read_to_end(&mut unpacked).ok()?;
            (unpacked.len() as u64 <= MAX_ENTRY).then(|| crc32fast::hash(&unpacked))
        }
        _ => None,
    }
}
