//! Polynomials at the bit width of their primes: the form in which a batch is kept and sent.
//!
//! | module | holds |
//! | --- | --- |
//! | `layout` | the limbs of a packed polynomial, and packed ciphertexts |
//! | `packing` | packing and unpacking the residues of one limb, for the processor's instruction set |
//! | `loops` | the loops in portable Rust |

pub(crate) mod layout;
mod loops;
pub(crate) mod packing;
#[cfg(test)]
mod tests;

pub use layout::{LimbLayout, PackedCiphertext};
pub use packing::{MAX_BITS, Packing, packed_bytes, residue_bits};
