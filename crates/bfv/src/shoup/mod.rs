//! Loops over residues with Shoup's products: the factors are constants with precomputed quotients.
//!
//! | module | holds |
//! | --- | --- |
//! | `factor` | constants with their quotients |
//! | `vector` | vectors of 64-bit numbers for AVX512-IFMA and for any processor, and the lemma behind a product |
//! | `loops` | the loops, for vectors of any instruction set |
//! | `dispatch` | the loops compiled for the processor's instruction set |
//!
//! Encryption and decryption multiply with constants and keep residues reduced. The engine multiplies residues that are not
//! known beforehand and reduces as late as possible, so it has Montgomery products instead (`engine::kernels`).

pub(crate) mod dispatch;
pub(crate) mod factor;
mod loops;
#[cfg(test)]
mod tests;
mod vector;
