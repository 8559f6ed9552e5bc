//! BFV for ensembles of square-activation CNNs: parameters, keys, encrypted batches, evaluation.
//!
//! One ciphertext holds one pixel of up to N images, one image in each of its N slots. Everything happens once for each
//! plaintext modulus, in a *channel* of its own; the Chinese remainder theorem puts the channels' logits together. The
//! client's side
//! ([`ClientKey`]) encrypts a batch and decrypts the logits; the provider's side ([`ReferenceEvaluator`])
//! holds an [`EvaluationKey`] and the integer ensemble, and sees ciphertexts alone. Keys and decryption are
//! the `fhe` crate's; `encryption` computes the ciphertexts that `fhe` would, of errors that `fhe` draws.
//!
//! | module | holds |
//! | --- | --- |
//! | [`parameters`] | ring degree, plaintext and ciphertext moduli, 128-bit security |
//! | [`planner`] | parameters for an ensemble, and what they will cost |
//! | [`noise`] | how much noise an evaluation is expected to leave |
//! | [`keys`] | the client's keys, and what the provider gets of them |
//! | [`batch`] | images and logits under encryption |
//! | `encryption` | the client's encryption and decryption, with arithmetic of its own |
//! | `transform` | number-theoretic transforms, tried before they are used |
//! | [`packed`] | polynomials at the bit width of their primes |
//! | [`parts`] | keys and ciphertexts as residues, for a wire format |
//! | [`layers`] | the paper's layers and the time spent in them |
//! | [`engine`] | evaluation at the evaluation points: the fast way |
//! | [`mod@reference`] | evaluation with `fhe`'s public operations alone |

pub mod batch;
mod encryption;
pub mod engine;
mod error;
mod kernel;
pub mod keys;
pub mod layers;
pub mod noise;
pub mod packed;
pub mod parameters;
pub mod parts;
pub mod planner;
mod progress;
pub mod reference;
mod transform;

pub use batch::{DecryptedLogits, EncryptedBatch, EncryptedLogits};
pub use encryption::EncryptionError;
pub use engine::{Engine, Flood, HIDING_LOG2, PlanError};
pub use error::BfvError;
pub use kernel::{Kernel, UnknownKernel};
pub use keys::{ClientKey, EvaluationKey};
pub use layers::{Layer, LayerTime};
pub use parameters::{Encryption, Parameters, ParametersError};
pub use progress::ProgressObserver;
pub use reference::{EncryptedAnswer, ReferenceEvaluator};
pub use transform::TransformError;
