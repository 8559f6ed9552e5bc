//! The client and the provider as separate programs (paper, Algorithm 1): their roles, and the bytes between them.
//!
//! The provider announces parameters and models. A [`Client`] makes keys for those parameters, registers its evaluation
//! key, sends batches and decrypts the answers. A [`Provider`] evaluates. They share no memory and no value: everything
//! that goes between them is messages, which `docs/protocol.md` describes byte by byte.
//!
//! ```text
//! provider                                   client
//!     parameters, models           ->            checks that they are 128-bit secure, makes keys
//!     checks and keeps them        <-        registration: evaluation key, public key
//!     checks, evaluates            <-        batch
//!     answer                       ->            checks that it is the batch's, decrypts
//! ```
//!
//! Reading trusts nothing. Every length follows from the parameters and the model, which both sides know before; every
//! residue is compared with its prime; nothing is read ahead of its place, so that memory grows with the bytes that
//! have come and never with a number that was announced.
//!
//! | module | holds |
//! | --- | --- |
//! | `client`, `provider` | the roles |
//! | `message` | the messages |
//! | `reading`, `writing` | fields, header and checksum |
//! | `fingerprint` | SHA-256 of parameters and models |
//! | [`size`] | bytes of messages |
//! | [`authority`] | certificates that vouch for clients' keys |
//! | [`service`] | the provider over HTTP |
//! | [`remote`] | the same as a client sees it |
//! | [`tls`] | identities, and connections that are made with them |

pub mod authority;
mod client;
mod error;
mod evaluator;
mod fingerprint;
mod hexadecimal;
mod kind;
mod lock;
mod message;
mod provider;
mod reading;
pub mod remote;
pub mod service;
pub mod size;
pub mod tls;
mod writing;

pub use client::{Client, EncryptedRequest, PendingAnswer, StoreError};
pub use error::ProtocolError;
pub use evaluator::Evaluator;
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use kind::Kind;
pub use message::model::ModelDescription;
pub use provider::{Evaluated, Provider, ReceivedBatch};
