//! ChaCha8 key streams for the expansion of public seeds, sixteen blocks at a time where the processor has AVX-512.
//!
//! The words equal those of `rand_chacha`'s generator, which computes four blocks at a time. No secret is drawn from these
//! streams.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::kernel::Kernel;

/// 64-bit words of sixteen blocks of 64 bytes.
pub const GROUP_WORDS: usize = 128;

/// Pairs of rounds, one of columns and one of diagonals: ChaCha8 has eight rounds.
#[cfg(target_arch = "x86_64")]
const DOUBLE_ROUNDS: usize = 4;

/// The words of a ChaCha8 key stream in order. The key is a public seed's hash: nothing here is secret.
pub struct KeyStream(Source);

enum Source {
    Portable(Box<ChaCha8Rng>),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Blocks),
}

impl KeyStream {
    /// The stream of a key, from its first block.
    pub fn new(kernel: Kernel, key: [u8; 32]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if kernel.is_avx512() {
            return Self(Source::Avx512(avx512::Blocks::new(&key)));
        }
        Self(Source::Portable(Box::new(ChaCha8Rng::from_seed(key))))
    }

    /// Writes the next words. Their number is a multiple of [`GROUP_WORDS`].
    pub fn fill(&mut self, words: &mut [u64]) {
        match &mut self.0 {
            Source::Portable(generator) => words.iter_mut().for_each(|word| *word = generator.next_u64()),
            #[cfg(target_arch = "x86_64")]
            Source::Avx512(blocks) => blocks.fill(words),
        }
    }
}

/// Bernstein 2008, "ChaCha, a variant of Salsa20", with a 64-bit counter and a nonce of zero.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{DOUBLE_ROUNDS, GROUP_WORDS};

    /// "expand 32-byte k".
    const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

    /// Key and position of a stream. It must be created only on processors with AVX-512.
    pub struct Blocks {
        key: [u32; 8],
        /// The next block.
        counter: u64,
    }

    impl Blocks {
        /// The stream's start.
        pub fn new(key: &[u8; 32]) -> Self {
            let mut words = [0; 8];
            for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
                *word = u32::from_le_bytes(*bytes);
            }
            Self { key: words, counter: 0 }
        }

        pub fn fill(&mut self, words: &mut [u64]) {
            let (groups, rest) = words.as_chunks_mut::<GROUP_WORDS>();
            assert!(rest.is_empty(), "whole groups of blocks");
            for group in groups {
                // SAFETY: `KeyStream` makes these only for kernels with the instructions.
                unsafe { self.group(group) };
                self.counter = self.counter.wrapping_add(16);
            }
        }

        /// Sixteen blocks: one word of all of them in each vector.
        #[target_feature(enable = "avx512f")]
        fn group(&self, output: &mut [u64; GROUP_WORDS]) {
            let mut counters = [[0; 16]; 2];
            let [low, high] = &mut counters;
            for (lane, (low, high)) in low.iter_mut().zip(high).enumerate() {
                let counter = self.counter.wrapping_add(lane as u64);
                (*low, *high) = (counter as u32, (counter >> 32) as u32);
            }
            let mut start = [_mm512_setzero_si512(); 16];
            for (vector, &word) in start.iter_mut().zip(CONSTANTS.iter().chain(&self.key)) {
                *vector = _mm512_set1_epi32(word as i32);
            }
            for (vector, lanes) in start[12..14].iter_mut().zip(&counters) {
                // SAFETY: sixteen 32-bit words are read.
                *vector = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
            }
            let mut state = start;
            for _ in 0..DOUBLE_ROUNDS {
                for column in 0..4 {
                    quarter_round(&mut state, [column, 4 + column, 8 + column, 12 + column]);
                }
                for at in 0..4 {
                    quarter_round(&mut state, [at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4]);
                }
            }
            for (vector, start) in state.iter_mut().zip(&start) {
                *vector = _mm512_add_epi32(*vector, *start);
            }
            let blocks = transposed(&state);
            for (words, block) in output.as_chunks_mut::<8>().0.iter_mut().zip(&blocks) {
                // SAFETY: eight 64-bit words are written.
                unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), *block) };
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(clippy::indexing_slicing, reason = "all indices are below 16")]
    fn quarter_round(state: &mut [__m512i; 16], [a, b, c, d]: [usize; 4]) {
        state[a] = _mm512_add_epi32(state[a], state[b]);
        state[d] = _mm512_rol_epi32::<16>(_mm512_xor_si512(state[d], state[a]));
        state[c] = _mm512_add_epi32(state[c], state[d]);
        state[b] = _mm512_rol_epi32::<12>(_mm512_xor_si512(state[b], state[c]));
        state[a] = _mm512_add_epi32(state[a], state[b]);
        state[d] = _mm512_rol_epi32::<8>(_mm512_xor_si512(state[d], state[a]));
        state[c] = _mm512_add_epi32(state[c], state[d]);
        state[b] = _mm512_rol_epi32::<7>(_mm512_xor_si512(state[b], state[c]));
    }

    /// The sixteen words of each block in one vector.
    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(clippy::indexing_slicing, reason = "j is below 4, so all indices are below 16")]
    fn transposed(rows: &[__m512i; 16]) -> [__m512i; 16] {
        // Within 128-bit lanes: lane l of `quads[4 i + j]` holds words 4 i .. 4 i + 4 of block 4 l + j.
        let mut quads = *rows;
        for quad in quads.as_chunks_mut::<4>().0 {
            let [a, b, c, d] = *quad;
            let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
            *quad = [
                _mm512_unpacklo_epi64(ab, cd),
                _mm512_unpackhi_epi64(ab, cd),
                _mm512_unpacklo_epi64(ab_high, cd_high),
                _mm512_unpackhi_epi64(ab_high, cd_high),
            ];
        }
        // Among the lanes.
        let mut blocks = *rows;
        for j in 0..4 {
            let [a, b, c, d] = [quads[j], quads[4 + j], quads[8 + j], quads[12 + j]];
            let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
            let (ab_high, cd_high) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
            blocks[j] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            blocks[4 + j] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
            blocks[8 + j] = _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high);
            blocks[12 + j] = _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high);
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_streams_equal_those_of_rand_chacha() {
        for key in [[0; 32], [0xff; 32], std::array::from_fn(|at| at as u8)] {
            let mut theirs = ChaCha8Rng::from_seed(key);
            let expected: Vec<u64> = (0..20 * GROUP_WORDS).map(|_| theirs.next_u64()).collect();
            for kernel in Kernel::available() {
                let mut stream = KeyStream::new(kernel, key);
                let mut words = vec![0; 20 * GROUP_WORDS];
                let (first, second) = words.split_at_mut(7 * GROUP_WORDS);
                stream.fill(first);
                stream.fill(second);
                assert!(words == expected);
            }
        }
    }
}
