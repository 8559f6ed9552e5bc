//! Polynomials at the bit width of their primes: the form in which a batch is kept and sent.
//!
//! | module | holds |
//! | --- | --- |
//! | `layout` | the limbs of a compact polynomial, and compact ciphertexts |
//! | `bit_packing` | packing and unpacking the residues of one limb, for the processor's instruction set |
//! | `loops` | the loops in portable Rust |

pub(crate) mod bit_packing;
pub(crate) mod layout;
mod loops;
#[cfg(test)]
mod tests;

pub use bit_packing::{MAX_BITS, Packing, compact_bytes, residue_bits};
pub use layout::{CompactCiphertext, LimbLayout};
