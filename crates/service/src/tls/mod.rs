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
//! | `trusted_roots` | the roots that clients and providers trust |
//! | `certificate`, `validity` | any certificate: its holder, key and dates |
//! | `subject`, `identity`, `serial_number` | the content of a client's certificate |
//! | `model_manifest` | models that a provider's certificate lists |
//! | `provider_certificate` | the provider's certificate with its chain and private key |
//! | `revocation_list`, `revocation_bundle` | revoked certificates, and the rule that revocation is final |
//! | `client_verifier` | which clients' certificates a provider accepts |
//! | `server`, `client` | the TLS configurations of both sides |
//! | `server_files`, `file_version` | the provider's files, which are read again when they have changed |
//! | `notices`, `warnings` | warnings, each once a day |
//! | `profile` | the versions and algorithms that both sides use |
//! | `pem_files` | files of certificates and private keys |
//! | `excerpt` | excerpts of refused texts |

pub(crate) mod certificate;
mod client;
pub(crate) mod client_verifier;
pub(crate) mod error;
pub(crate) mod excerpt;
mod file_version;
pub(crate) mod identity;
pub(crate) mod model_manifest;
mod notices;
pub(crate) mod pem_files;
mod profile;
mod provider_certificate;
pub(crate) mod revocation_bundle;
pub(crate) mod revocation_list;
pub(crate) mod serial_number;
pub(crate) mod server;
mod server_files;
pub(crate) mod subject;
pub(crate) mod trusted_roots;
pub(crate) mod validity;
mod warnings;

pub use client::{certified_packed_keys, load_client_tls, renewal_date};
pub use error::{PemProblem, RevocationListError, TlsError};
pub use identity::{ClientIdentity, IdentityError, OutdatedList};
pub use model_manifest::{
    CertifiedModel, CertifiedModelError, ModelManifest, ModelManifestError, RequiredModel,
};
pub use pem_files::write_private_key;
pub use serial_number::{ParseSerialNumberError, SerialNumber};
pub use server::ServerTls;
pub use server_files::{RevocationFiles, ServerTlsFiles};
pub use subject::{Subject, SubjectError};
pub use trusted_roots::TrustedRoots;
pub use validity::{NotValid, Validity};

#[cfg(test)]
mod tests;
