//! The client and the provider as separate programs (paper, Algorithm 1): their roles, and the messages between them.
//!
//! The provider announces parameters and models. A [`Client`](client::Client) makes keys for those parameters, registers its
//! public and evaluation keys, sends encrypted batches and decrypts the answers. A [`Provider`](provider::Provider)
//! evaluates the batches. The roles share no memory and no value: they exchange only messages, which `docs/protocol.md`
//! describes byte by byte.
//!
//! ```text
//! provider                                   client
//!     parameters, models           ->            checks that they are 128-bit secure, makes keys
//!     checks and keeps the keys    <-        registration: evaluation key, public key
//!     checks, evaluates            <-        batch
//!     answer                       ->            checks that it belongs to the batch, decrypts
//! ```
//!
//! A reader trusts nothing. Both sides know the parameters and the model, which determine every length. Every residue is
//! compared with its prime. Memory is allocated for the next field only, so it grows with the bytes that have arrived and
//! never with an announced number.
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`] | the role that owns images and secret keys |
//! | [`provider`] | the role that owns models; it imports nothing from `client` |
//! | `message` | the messages |
//! | `fingerprint` | SHA-256 fingerprints of parameters, models, keys and messages |
//! | [`size`] | sizes of messages |
//! | `evaluator` | the choice between engine and reference |
//! | `error` | errors of messages |
//!
//! This crate needs no network, no asynchronous runtime and no certificates, and builds for WebAssembly. The crate
//! `sottovoce-service` carries the messages over HTTP.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod client;
mod error;
mod evaluator;
mod fingerprint;
mod message;
pub mod provider;
pub mod size;

pub use error::ProtocolError;
pub use evaluator::Evaluator;
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use message::header::MessageKind;
pub use message::model::ModelDescription;
