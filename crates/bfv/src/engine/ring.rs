//! The ring of one channel's engine: kernel, moduli, transforms and reused memory.

use super::buffer_pool::BufferPool;
use super::kernels::modular::Modulus;
use crate::kernel::Kernel;
use crate::transform::Transform;

/// The tables that operations on ciphertexts need. Polynomials are residues modulo the first primes of `moduli`, prime after
/// prime, `degree` of each, in the order of `fhe`'s transform.
#[derive(Clone, Copy)]
pub struct Ring<'a> {
    pub kernel: Kernel,
    /// The primes of an upload.
    pub moduli: &'a [Modulus],
    /// Transforms modulo the primes of an upload.
    pub transforms: &'a [Transform],
    pub pool: &'a BufferPool,
    pub degree: usize,
}
