//! Hostile messages, made from a valid one.

use std::ops::Range;

use rand::Rng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use sottovoce_protocol::Fingerprint;

const CHECKSUM: usize = 32;

/// Required outcome of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The parser must refuse the message.
    Refused,
    /// The message can be valid. The parser may refuse or accept it.
    Either,
}

/// A valid message and its structure.
pub struct Target {
    pub message: Vec<u8>,
    /// Ends of the fields in order. The last one is the end of the bytes that the checksum covers.
    pub boundaries: Vec<usize>,
    /// Fields with only one valid value, which both sides know.
    pub fixed: Vec<Range<usize>>,
    /// Rows of compact residues, each with its prime.
    pub rows: Vec<(Range<usize>, u64)>,
    /// Writes the fingerprint of the content into a message, if the message has one.
    pub fingerprinted: Option<fn(&mut [u8])>,
    /// Valid messages of other kinds, and of the same kind by other parties.
    pub others: Vec<Vec<u8>>,
}

/// A case. The name says how it was made.
pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub verdict: Verdict,
}

/// Returns a message with a correct checksum.
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - CHECKSUM;
    let sum = Sha256::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum);
    bytes
}

/// Returns the fingerprint of a message, which is its checksum.
pub fn fingerprint(message: &[u8]) -> Fingerprint {
    Fingerprint::from_bytes(message.last_chunk().copied().unwrap_or_default())
}

impl Target {
    /// Returns a random case.
    pub fn case(&self, rng: &mut StdRng) -> Case {
        let good = &self.message;
        let mut bytes = good.clone();
        let end = good.len() - CHECKSUM;
        let mut verdict = Verdict::Refused;
        let boundary = |rng: &mut StdRng| self.boundaries[rng.random_range(0..self.boundaries.len())];
        let name = match rng.random_range(0..24) {
            0..=2 => {
                bytes
                    .truncate((boundary(rng) + rng.random_range(0..3)).saturating_sub(1).min(good.len() - 1));
                "cut near a boundary"
            }
            3 => {
                bytes.truncate(rng.random_range(0..good.len()));
                "cut anywhere"
            }
            4 => {
                let at = boundary(rng).max(CHECKSUM);
                bytes.truncate(at);
                bytes = sealed(bytes);
                // The last bytes have become the checksum, or the message ends where it must.
                "cut at a boundary, sealed"
            }
            5 => {
                bytes.extend((0..rng.random_range(1..100)).map(|_| rng.random::<u8>()));
                "bytes behind the end"
            }
            6 => {
                let more: Vec<u8> = (0..rng.random_range(1..100)).map(|_| rng.random()).collect();
                bytes.splice(end..end, more);
                bytes = sealed(bytes);
                "bytes before the checksum, sealed"
            }
            7..=9 => {
                let at = rng.random_range(0..good.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
                "one bit flipped"
            }
            10 => {
                let at = rng.random_range(0..good.len());
                let length = rng.random_range(1..=good.len() - at).min(300);
                bytes[at..at + length].iter_mut().for_each(|byte| *byte ^= rng.random_range(1..=255));
                "bytes overwritten"
            }
            11..=13 => {
                let field = self.fixed[rng.random_range(0..self.fixed.len())].clone();
                let at = rng.random_range(field);
                bytes[at] ^= 1 << rng.random_range(0..8);
                bytes = sealed(bytes);
                "one bit of the header flipped, sealed"
            }
            14 => {
                let field = self.fixed[rng.random_range(0..self.fixed.len())].clone();
                bytes[field].fill(*[0, 0xff, 0x7f, 0x80].get(rng.random_range(0..4)).unwrap());
                bytes = sealed(bytes);
                if bytes == *good {
                    return self.case(rng);
                }
                "a field of the header at an extreme, sealed"
            }
            15 | 16 if !self.rows.is_empty() => {
                let (row, prime) = self.rows[rng.random_range(0..self.rows.len())].clone();
                let bits = 64 - (prime - 1).leading_zeros() as usize;
                let residues = row.len() * 8 / bits;
                let too_large = if rng.random() { prime } else { rng.random_range(prime..1 << bits) };
                set_residue(&mut bytes[row], rng.random_range(0..residues), bits, too_large);
                bytes = sealed(bytes);
                "a residue that is its prime or more, sealed"
            }
            17 if self.boundaries.len() > 3 => {
                let [first, second] = self.two_sections(rng);
                let section = bytes[first.clone()].to_vec();
                let at = if rng.random() { second.start } else { first.end };
                bytes.splice(at..at, section);
                bytes = if rng.random() { sealed(bytes) } else { bytes };
                "a section repeated"
            }
            18 if self.boundaries.len() > 3 => {
                let [first, _] = self.two_sections(rng);
                bytes.drain(first);
                bytes = if rng.random() { sealed(bytes) } else { bytes };
                "a section left out"
            }
            19 if self.boundaries.len() > 3 => {
                let [first, second] = self.two_sections(rng);
                let swapped =
                    [&good[second.clone()], &good[first.end..second.start], &good[first.clone()]].concat();
                bytes[first.start..second.end].copy_from_slice(&swapped);
                if bytes == *good {
                    return self.case(rng);
                }
                if rng.random() {
                    bytes = sealed(bytes);
                    verdict = Verdict::Either;
                }
                "sections in another order"
            }
            20 => {
                let at = rng.random_range(0..end);
                bytes[at] ^= 1 << rng.random_range(0..8);
                bytes = sealed(bytes);
                verdict = Verdict::Either;
                "one bit flipped anywhere, sealed"
            }
            21 => {
                bytes = self.others[rng.random_range(0..self.others.len())].clone();
                "somebody else's message"
            }
            22 => {
                bytes = (0..rng.random_range(0..400)).map(|_| rng.random()).collect();
                "random bytes"
            }
            _ => {
                let known = boundary(rng).min(200);
                bytes.truncate(known);
                bytes.extend((0..rng.random_range(0..4000)).map(|_| rng.random::<u8>()));
                "a good beginning, and random bytes"
            }
        };
        if let (Some(fingerprinted), true) =
            (self.fingerprinted, name.ends_with("sealed") && rng.random_bool(0.2))
        {
            fingerprinted(&mut bytes);
            bytes = sealed(bytes);
            verdict = Verdict::Either;
        }
        Case { name, bytes, verdict }
    }

    /// Returns two sections between boundaries, one before the other.
    fn two_sections(&self, rng: &mut StdRng) -> [Range<usize>; 2] {
        let last = self.boundaries.len() - 1;
        let first = rng.random_range(0..last - 1);
        let second = rng.random_range(first + 1..last);
        [first, second].map(|section| self.boundaries[section]..self.boundaries[section + 1])
    }
}

/// Writes a residue into a compact row, bit by bit.
pub fn set_residue(compact: &mut [u8], index: usize, bits: usize, residue: u64) {
    for bit in 0..bits {
        let place = index * bits + bit;
        let one = (residue >> bit & 1) as u8;
        compact[place / 8] = compact[place / 8] & !(1 << (place % 8)) | one << (place % 8);
    }
}
