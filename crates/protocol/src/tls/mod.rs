//! Connections that tell who is at their other end: TLS 1.3 with certificates of one authority (paper, Section 4).
//!
//! A provider shows a certificate for its host names. A client may show one too, which names it and binds the
//! fingerprint of its keys' registration; without it, a client can read what is public and no more. The authority's root
//! certificate is all that either side trusts: no list of the operating system is read.
//!
//! Nothing of a connection is kept for the next one. A session that was resumed would carry a certificate past its
//! revocation, and with HTTP/2 a client needs one connection.
//!
//! | file | holds |
//! | --- | --- |
//! | `root` | the certificate that is trusted |
//! | `subject`, `identity`, `serial` | what a client's certificate says |
//! | `revocation` | which certificates are good no more |
//! | `server`, `client` | the configurations of both sides |
//! | `pem_file`, `private_key`, `key_pair` | files |

mod client;
mod error;
mod identity;
mod key_pair;
mod pem_file;
mod private_key;
mod profile;
mod revocation;
mod root;
mod serial;
mod server;
mod subject;

pub use client::client_tls;
pub use error::TlsError;
pub use identity::{ClientIdentity, IdentityError};
pub use private_key::write_private_key;
pub use revocation::{RevocationList, RevocationListError, Revocations};
pub use root::Root;
pub use serial::{ParseSerialError, Serial};
pub use server::ServerTls;
pub use subject::{Subject, SubjectError};

pub(crate) use pem_file::read_bounded;
pub(crate) use private_key::read_private_key;
pub(crate) use subject::checked_name;

#[cfg(test)]
mod tests;
