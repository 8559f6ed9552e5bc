//! Expansion of seeds to uniform polynomials.

use sha2::{Digest, Sha256};

use super::chacha::{GROUP_WORDS, KeyStream};
use crate::kernel::Kernel;
use crate::shoup::dispatch;

/// The number of words of the key stream that are computed together.
const BUFFERED_WORDS: usize = 8 * GROUP_WORDS;

/// The seed of a uniform polynomial.
pub type Seed = [u8; 32];

/// Expands a seed to the residues of a uniform polynomial: prime after prime, as many of each as `output` has room for. They
/// equal those of `fhe_math`'s `Poly::random_from_seed`.
///
/// The words come from ChaCha8 with the seed's hash as its key. A word w gives the residue `floor(w p / 2^64)`, unless
/// `w p mod 2^64` is below `2^64 mod p` (Lemire 2019, "Fast random integer generation in an interval"). Seeds are
/// public, so the time may depend on them.
#[expect(clippy::indexing_slicing, reason = "the loop reads and writes at most as many words as it gets")]
pub fn expand(kernel: Kernel, seed: &Seed, primes: &[u64], output: &mut [u64]) {
    let mut stream = KeyStream::new(kernel, Sha256::digest(seed).into());
    let mut words = [0; BUFFERED_WORDS];
    let mut next = BUFFERED_WORDS;
    let degree = output.len() / primes.len();
    for (&prime, residues) in primes.iter().zip(output.chunks_exact_mut(degree)) {
        let mut missing = &mut residues[..];
        while !missing.is_empty() {
            if next == BUFFERED_WORDS {
                stream.fill(&mut words);
                next = 0;
            }
            let (read, written) = dispatch::uniform(kernel, &words[next..], prime, missing);
            next += read;
            missing = &mut missing[written..];
        }
    }
}

/// The uniform polynomial of a seed, with `degree` residues modulo each prime.
pub fn expanded(kernel: Kernel, seed: &Seed, primes: &[u64], degree: usize) -> Vec<u64> {
    let mut residues = vec![0; degree * primes.len()];
    expand(kernel, seed, primes, &mut residues);
    residues
}

#[cfg(test)]
mod tests {
    use fhe_math::rq::{Context, Poly, Representation};
    use fhe_math::zq::primes::generate_prime;

    use super::*;

    #[test]
    fn seeds_expand_as_in_fhe() {
        for (degree, sizes) in [(16, &[50, 24][..]), (64, &[24, 50, 31]), (8192, &[50, 48, 49, 24, 33])] {
            let prime = |&bits: &usize| generate_prime(bits, 2 * degree as u64, 1 << bits).unwrap();
            let mut primes: Vec<u64> = sizes.iter().map(prime).collect();
            // A prime that rejects nearly as many words as one of 50 bits can.
            if degree == 8192 {
                primes.push(generate_prime(50, 2 * degree as u64, (1 << 50) / 7 * 5).unwrap());
            }
            let context = Context::new_arc(&primes, degree).unwrap();
            for byte in 0..40 {
                let seed = [byte; 32];
                let theirs = Poly::random_from_seed(&context, Representation::Ntt, seed);
                for kernel in Kernel::available() {
                    let ours = expanded(kernel, &seed, &primes, degree);
                    assert!(ours.iter().eq(theirs.coefficients().iter()));
                }
            }
        }
    }
}
