//! Hostile clients for a provider on this machine.
//!
//! An [`Attacker`] is a client with a certificate that does not keep to the rules. It runs one [`AttackKind`] within
//! [`Bounds`] of time and attempts, and reports what it tried and how that ended. A [`Target`] is always a loopback address:
//! these clients are a test of one's own service.
//!
//! | module | holds |
//! | --- | --- |
//! | `target` | a provider's address and the certificates that a client shows |
//! | `bounds`, `report` | the limits of an attack, and its outcomes |
//! | `attacker` | keys, messages and paths that an attack uses |
//! | `http2` | HTTP/2 that keeps to the rules, and single frames that need not |
//! | [`attacks`] | all attacks |
//! | `served_model` | models as a provider describes them |
//! | `revocation` | connections that wait until the provider closes them |

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attacker;
pub mod attacks;
mod bounds;
mod http2;
mod report;
mod revocation;
mod served_model;
mod target;

pub use attacker::{Attacker, OwnBatch};
pub use attacks::AttackKind;
pub use bounds::Bounds;
pub use http2::session::{Failure, Response, Session, receive_within};
pub use report::AttackReport;
pub use revocation::{ClosedConnection, hold_connections};
pub use served_model::{ReadModelError, read_model};
pub use target::{NotLoopback, Target};
