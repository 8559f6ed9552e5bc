//! Primes, transforms and permutations that all channels of packed evaluation share.

use crate::engine::buffer_pool::BufferPool;
use crate::engine::kernels::dispatch;
use crate::engine::kernels::modular::{Modulus, MontgomeryConstant};
use crate::engine::ring::Ring;
use crate::kernel::Kernel;
use crate::modular::inverse;
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::slots::position_of_root;

/// The tables of packed evaluation. The special prime is the last of the primes.
///
/// A polynomial at k primes is its residues modulo the first k primes; an *extended* polynomial has those modulo the special prime
/// behind them. All residues are values at the evaluation points, in the order of `fhe`'s transform.
pub struct PackedRing {
    kernel: Kernel,
    channel: Channel,
    moduli: Vec<Modulus>,
    /// By prime: 1 / N.
    inverse_degrees: Vec<MontgomeryConstant>,
    /// By ciphertext prime: 1 / P.
    inverse_special: Vec<MontgomeryConstant>,
    pool: BufferPool,
}

impl PackedRing {
    /// The tables for the primes of a channel of packed parameters, which all channels have.
    pub fn new(channel: &Channel, kernel: Kernel, pool: BufferPool) -> Self {
        let moduli: Vec<Modulus> = channel.key_primes().iter().map(|&prime| Modulus::new(prime)).collect();
        let constant = |value, modulus| dispatch::montgomery_constant(kernel, value, modulus);
        let transforms = channel.transforms(Level::KEY).iter().zip(&moduli);
        let inverse_degrees =
            transforms.map(|(transform, &modulus)| constant(transform.inverse_degree(), modulus)).collect();
        let special = channel.special_prime().unwrap_or(1);
        let of_special =
            |&modulus: &Modulus| constant(inverse(special % modulus.value, modulus.value), modulus);
        let inverse_special = moduli.iter().take(moduli.len() - 1).map(of_special).collect();
        Self { kernel, channel: channel.clone(), moduli, inverse_degrees, inverse_special, pool }
    }

    /// The tables for operations on polynomials at ciphertext primes.
    pub fn ring(&self) -> Ring<'_> {
        Ring {
            kernel: self.kernel,
            moduli: &self.moduli,
            transforms: self.channel.transforms(Level::KEY),
            pool: &self.pool,
            degree: self.channel.degree(),
        }
    }

    /// The number of the special prime.
    pub fn special(&self) -> usize {
        self.moduli.len() - 1
    }

    /// All primes, the special prime last.
    pub fn primes(&self) -> &[u64] {
        self.channel.key_primes()
    }

    /// 1 / N modulo the prime with that number.
    pub fn inverse_degree(&self, prime: usize) -> MontgomeryConstant {
        #[expect(clippy::indexing_slicing, reason = "callers count the primes")]
        self.inverse_degrees[prime]
    }

    /// 1 / P modulo the ciphertext prime with that number.
    pub fn inverse_special(&self, prime: usize) -> MontgomeryConstant {
        #[expect(clippy::indexing_slicing, reason = "callers count the ciphertext primes")]
        self.inverse_special[prime]
    }

    /// The permutation of the evaluation points of the automorphism `X -> X^exponent`: the value at point j of the image is the value at
    /// point `permutation[j]` of the polynomial.
    pub fn permutation(&self, exponent: usize) -> Vec<u32> {
        let degree = self.channel.degree();
        let order = 2 * degree;
        let mut permutation = vec![0; degree];
        for root in (1..order).step_by(2) {
            if let Some(place) = permutation.get_mut(position_of_root(root, degree) as usize) {
                *place = position_of_root(root * exponent % order, degree);
            }
        }
        permutation
    }
}
