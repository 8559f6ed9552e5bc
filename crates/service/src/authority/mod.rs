//! The certificate authority, which certifies clients' public keys and providers' hosts (paper, Section 4).
//!
//! An authority is a folder. It certifies that public and evaluation keys belong to a named client, so that a provider computes
//! for known clients only, and nobody can replace a client's keys. Certificates are X.509, so TLS checks them. A client's
//! certificate holds a [`Subject`](crate::tls::Subject).
//!
//! | file | holds |
//! | --- | --- |
//! | `root.pem` | the certificates of the roots, the newest first, which clients and providers trust |
//! | `root.key.pem` | the newest root's certificate and private key |
//! | `issuer.key.pem` | the issuer's certificate and private key |
//! | `former/` | certificates and private keys of former roots and issuers |
//! | `issued.csv` | every issued certificate |
//! | `revoked.csv` | the revoked certificates, with the times of their revocation |
//! | `revoked.pem` | the signed lists of revoked certificates (CRL), for providers |
//! | `lock` | nothing; it keeps two programs from changing the folder at the same time |
//!
//! A root signs issuers and the list of revoked issuers. The issuer signs clients, providers and the list of those that are
//! revoked. So `root.key.pem` is needed only for another issuer or root and once a year for the root's list, and can be kept
//! elsewhere. Private keys can be encrypted with a [`Passphrase`]; they are decrypted for each signature, and zeroed after it.
//!
//! ```text
//! client or provider                         authority
//!     makes a key, request         ->            checks names and keys with its sender by other means
//!     keeps it                     <-        certificate and that of the issuer
//! ```
//!
//! **Lists never go back.** Their numbers are times, and larger than any number before. Before a new list is signed,
//! `revoked.pem` is read: what is revoked there is entered in the ledger, so a ledger from an old backup makes no smaller list.
//! A list whose private key is not in the folder is kept as it is.
//!
//! **A folder of a former version** has no issuer: its root, which is not encrypted, signs clients and providers. It can be used
//! as before. [`Authority::make_root`] adds a root with an issuer; the former root stays trusted until it is retired.
//!
//! ```
//! use sottovoce_service::authority::{Approval, Authority, CertificateRequest, ReceivedRequest};
//! use sottovoce_service::tls::Subject;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("authority");
//! let authority = Authority::create(&folder, "sottovoce authority", None)?;
//!
//! let keys = "00ff".repeat(16).parse()?; // Client::key_fingerprint
//! let request = CertificateRequest::new(&Subject::new("clinic", keys)?)?;
//!
//! // The client told the fingerprint of the request's public key over another channel.
//! let received = ReceivedRequest::from_pem(&request.pem)?;
//! let certificate = authority.issue(&received, &Approval::new(request.key, 90))?;
//! # assert!(certificate.pem.starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod approval;
#[expect(clippy::module_inception, reason = "the module is named after the authority, its main type")]
mod authority;
mod certificate;
mod contents;
mod error;
mod folder;
mod host;
mod key_file;
mod ledger;
mod list_signing;
mod passphrase;
mod provider_request;
mod random;
mod request;
mod selection;
mod session;
mod signed_list;
mod signer_generation;
mod signers;

pub use approval::{Approval, FormerKey};
pub use authority::{Authority, DEFAULT_ISSUER_DAYS, Revocation, SignedCertificate};
pub use certificate::MAX_VALIDITY_DAYS;
pub use contents::{IssuedState, SignerStatus};
pub use error::AuthorityError;
pub use host::{Host, ParseHostError};
pub use ledger::{CertificateHolder, IssuedCertificate};
pub use list_signing::{DEFAULT_LIST_DAYS, ListNotice, ListScope, MAX_LIST_DAYS};
pub use passphrase::Passphrase;
pub use provider_request::{ProviderRequest, ReceivedProviderRequest};
pub use request::{CertificateRequest, ReceivedRequest};
pub use selection::CertificateSelection;

#[cfg(test)]
mod tests;
