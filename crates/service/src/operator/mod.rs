//! Requests of an operator to a service on the same machine: which clients have registered keys, and which of them the service
//! forgets.
//!
//! | module | holds |
//! | --- | --- |
//! | `request` | requests and replies |
//! | `client_entry` | what a service knows of a client |
//! | `socket` | the connection to a running service (on Unix) |

pub(crate) mod client_entry;
pub(crate) mod request;
#[cfg(unix)]
pub(crate) mod socket;

pub use client_entry::{CertificateState, ClientEntry};
pub use request::{ClientSelection, OperatorReply, OperatorRequest};
#[cfg(unix)]
pub use socket::{OperatorError, ask_running_service};
