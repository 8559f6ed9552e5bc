//! The provider over a network: HTTP/2 over TLS, with an authority that certifies the clients' keys (paper, Section 4).
//!
//! | module | holds |
//! | --- | --- |
//! | [`server`] | the provider over HTTP |
//! | [`remote`] | a client's connection to a provider |
//! | [`tls`] | certificates, identities, and TLS configurations made with them |
//! | [`authority`] | the authority, which issues and revokes certificates |
//! | [`operator`] | what the operator of a service asks it on its own machine |
//!
//! The messages are those of `sottovoce-protocol`. Server and clients share the paths and JSON bodies in `resource`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod authority;
mod error_text;
mod observed_stream;
pub mod operator;
pub mod remote;
mod resource;
pub mod server;
pub mod tls;

pub use resource::{BatchCost, BatchState, ModelCosts, ModelEntry, NamedModel};
