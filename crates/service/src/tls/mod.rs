//! TLS 1.3 connections between clients and providers that have certificates of one authority (paper, Section 4).
//!
//! A provider's certificate names its hosts. A client's certificate names the client and the fingerprint of its registered
//! keys; a client without a certificate can only read public resources. Both sides trust the authority's root certificate and
//! no other one. The operating system's certificates are not used.
//!
//! Sessions are not resumed, because a resumed session would keep a certificate valid after its revocation. A client needs
//! only one connection, because HTTP/2 carries all its requests.
//!
//! | module | holds |
//! | --- | --- |
//! | `root_certificate` | the authority's certificate |
//! | `subject`, `identity`, `serial_number` | the content of a client's certificate |
//! | `model_manifest` | models that a provider's certificate lists |
//! | `revocation_list`, `revocation_file` | revoked certificates |
//! | `server`, `client` | the TLS configurations of both sides |
//! | `profile` | the versions and algorithms that both sides use |
//! | `pem_files` | files of certificates and private keys |
//! | `excerpt` | excerpts of refused texts |

mod client;
pub(crate) mod error;
pub(crate) mod excerpt;
pub(crate) mod identity;
mod model_manifest;
pub(crate) mod pem_files;
mod profile;
mod revocation_file;
mod revocation_list;
pub(crate) mod root_certificate;
pub(crate) mod serial_number;
pub(crate) mod server;
pub(crate) mod subject;

pub use client::load_client_tls;
pub use error::{RevocationListError, TlsError};
pub use identity::{ClientIdentity, IdentityError};
pub use model_manifest::{
    CertifiedModel, CertifiedModelError, ModelManifest, ModelManifestError, RequiredModel,
};
pub use pem_files::write_private_key;
pub use revocation_file::RevocationFile;
pub use revocation_list::RevocationList;
pub use root_certificate::RootCertificate;
pub use serial_number::{ParseSerialNumberError, SerialNumber};
pub use server::ServerTls;
pub use subject::{Subject, SubjectError};

#[cfg(test)]
mod tests;
