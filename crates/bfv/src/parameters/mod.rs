//! Ring degree, plaintext moduli and ciphertext primes, and the rules that they keep to.
//!
//! | module | holds |
//! | --- | --- |
//! | `limits` | the bounds of every choice: security, sizes and numbers of primes |
//! | `parameter_set` | [`Parameters`]: one channel for each plaintext modulus |
//! | `channel` | [`Channel`]: one plaintext modulus with the ciphertext primes over it |
//! | [`level`] | what a level is, who decides it, and where the modulus is switched down |
//! | `prime_sizes`, `encryption` | sizes of ciphertext primes; the key for images |
//! | `packed_chain` | primes and rotations of packed evaluation |
//! | `crt` | integers by their residues modulo several plaintext moduli |
//! | `error` | reasons for which parameters are refused |

pub(crate) mod channel;
pub(crate) mod crt;
pub(crate) mod encryption;
pub(crate) mod error;
pub mod level;
pub(crate) mod limits;
pub(crate) mod packed_chain;
pub(crate) mod parameter_set;
pub(crate) mod prime_sizes;

pub use channel::Channel;
pub use encryption::Encryption;
pub use error::ParametersError;
pub use level::Level;
pub use limits::{PAPER_DEGREE, SECURITY_LIMITS, SECURITY_SOURCE};
pub use packed_chain::{PackedChain, PackedLevels, Rotation};
pub use parameter_set::{Parameters, security_limit};
pub use prime_sizes::PrimeSizes;
