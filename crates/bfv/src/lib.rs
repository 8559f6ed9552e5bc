//! BFV for ensembles of square-activation CNNs: parameters, keys, encrypted batches, evaluation.
//!
//! *Batched*, a ciphertext holds one pixel of up to N images, one image in each of its N slots. *Packed*, one ciphertext holds all pixels of one
//! image. Parameters are for one or the other. Everything is computed once for each plaintext modulus, in a *channel* of its own. The Chinese
//! remainder theorem joins the channels' logits.
//!
//! The client ([`ClientKey`]) encrypts a batch and decrypts the logits. The provider ([`Engine`]) holds an [`EvaluationKey`]
//! and the integer ensemble, and sees only ciphertexts. Keys and decryption are those of the `fhe` crate. Ciphertexts equal
//! those that `fhe` would compute, with errors that `fhe` draws.
//!
//! | module | holds |
//! | --- | --- |
//! | [`parameters`] | ring degree, plaintext and ciphertext moduli, levels, 128-bit security |
//! | [`planner`] | parameters for an ensemble, and their predicted costs |
//! | [`noise`] | predictions of the noise that an evaluation leaves |
//! | [`client`] | the client's side: secret keys, encryption, decryption, measured noise |
//! | `evaluation_key`, `ciphertexts` | the keys and ciphertexts that a provider holds |
//! | [`engine`] | evaluation at the evaluation points: the fast evaluator |
//! | [`mod@reference`] | evaluation with only `fhe`'s public operations |
//! | `evaluation`, `progress` | evaluators, layers and their times; reports of work and cancellation |
//! | [`packed`] | packed evaluation: one image in the slots of one ciphertext |
//! | [`compact`] | polynomials at the bit width of their primes |
//! | `residues`, `seed` | polynomials of `fhe` as residues; uniform polynomials from seeds |
//! | `slots` | values in slots as message polynomials, and back |
//! | `transform` | number-theoretic transforms that are checked before they are used |
//! | `modular`, `shoup` | arithmetic modulo a prime |
//! | `kernel` | the instruction set of inner loops |
//!
//! Secret keys exist only in [`client`]. No other module imports from there.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

pub mod client;
pub mod compact;
pub mod engine;
pub mod noise;
pub mod packed;
pub mod parameters;
pub mod planner;
pub mod reference;

mod ciphertexts;
mod error;
mod evaluation;
mod evaluation_key;
mod kernel;
mod modular;
mod progress;
mod residues;
mod seed;
mod shoup;
mod slots;
#[cfg(test)]
mod testing;
mod transform;

pub use ciphertexts::{CiphertextResidues, EncryptedAnswer, EncryptedBatch, EncryptedLogits};
pub use client::{ClientKey, DecryptedLogits};
pub use engine::{Engine, EngineError, FloodingNoise, STATISTICAL_DISTANCE_LOG2};
pub use error::{BfvError, EncryptionError};
pub use evaluation::{EvaluatorKind, Layer, LayerTime};
pub use evaluation_key::{EvaluationKey, KeyResidues, PackedKeyResidues, SwitchingKeyResidues};
pub use kernel::{Kernel, UnknownKernel};
pub use parameters::{Encryption, Parameters, ParametersError};
pub use progress::ProgressObserver;
pub use reference::ReferenceEvaluator;
pub use residues::ResiduesError;
pub use seed::Seed;
pub use transform::TransformError;
