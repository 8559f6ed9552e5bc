//! A file of revocation lists: one for every root and for every issuer that a root has certified.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::error::{PemProblem, RevocationListError, TlsError};
use super::pem_files::read_bounded;
use super::revocation_list::RevocationList;
use super::trusted_roots::TrustedRoots;

/// Maximum length of the file in bytes: a few hundred thousand revoked certificates.
pub const MAX_BUNDLE_BYTES: u64 = 1 << 24;

/// Revocation lists whose signers trusted roots have certified.
#[derive(Debug, Clone)]
pub struct RevocationBundle {
    pem: Vec<u8>,
    covered: Vec<CoveredSigner>,
    /// Public keys of issuers that their root has revoked. Their lists are not used.
    revoked_issuers: Vec<Vec<u8>>,
    ignored: usize,
}

/// A signer with its list.
#[derive(Debug, Clone)]
pub struct CoveredSigner {
    pub list: RevocationList,
    /// The root that has certified the signer, or the signer itself.
    pub root: Certificate,
}

impl CoveredSigner {
    /// Returns whether the signer is a root.
    pub fn is_root(&self) -> bool {
        self.has_key_of(&self.root)
    }

    fn has_key_of(&self, certificate: &Certificate) -> bool {
        self.list.signer().public_key_info() == certificate.public_key_info()
    }
}

impl RevocationBundle {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file cannot be read, or as [`from_pem`](Self::from_pem).
    pub fn read(path: &Path, roots: &TrustedRoots, now: OffsetDateTime) -> Result<Self, TlsError> {
        let pem = read_bounded(path, MAX_BUNDLE_BYTES)?;
        Self::from_pem(&pem, roots, now)
            .map_err(|source| TlsError::RevocationList { path: path.into(), source })
    }

    /// Parses the text of a file: for every root a list that it has signed, for every issuer its certificate and a list that it has
    /// signed. Other certificates and lists are ignored. A root without issuers needs no certificate in the file. Certificates that are
    /// not valid at the time `now` sign nothing.
    ///
    /// # Errors
    /// If a list cannot be parsed, or no list is signed by a root or by an issuer of a root.
    pub fn from_pem(
        pem: &[u8],
        roots: &TrustedRoots,
        now: OffsetDateTime,
    ) -> Result<Self, RevocationListError> {
        let (certificates, lists) = read_sections(pem)?;
        // Roots first, with themselves, then issuers with their roots.
        let mut signers: Vec<(&Certificate, &Certificate)> =
            roots.valid_at(now).map(|root| (root, root)).collect();
        for certificate in &certificates {
            let is_known = |(known, _): &(&Certificate, &Certificate)| {
                known.public_key_info() == certificate.public_key_info()
            };
            let is_usable = certificate.is_authority() && certificate.validity().check(now).is_ok();
            if is_usable && !signers.iter().any(is_known) {
                let root = roots.valid_at(now).find(|root| certificate.is_signed_by(root));
                signers.extend(root.map(|root| (certificate, root)));
            }
        }
        let mut covered: Vec<CoveredSigner> = Vec::new();
        let mut ignored = 0;
        for der in lists {
            let Some(list) = RevocationList::from_der(der, signers.iter().map(|(signer, _)| *signer))? else {
                ignored += 1;
                continue;
            };
            let has_signed = |(signer, _): &&(&Certificate, &Certificate)| {
                signer.public_key_info() == list.signer().public_key_info()
            };
            let Some((_, root)) = signers.iter().find(has_signed) else { continue };
            match covered.iter_mut().find(|other| other.has_key_of(list.signer())) {
                // Of several lists of one signer the newest is used.
                Some(other) if list.number() > other.list.number() => other.list = list,
                Some(_) => {}
                None => covered.push(CoveredSigner { list, root: (*root).clone() }),
            }
        }
        if covered.is_empty() {
            return Err(RevocationListError::Signature);
        }
        let is_revoked = |issuer: &CoveredSigner| {
            let of_root = covered.iter().find(|other| other.has_key_of(&issuer.root));
            !issuer.is_root()
                && of_root.is_some_and(|root| {
                    root.list.revoked().contains_key(issuer.list.signer().serial_number())
                })
        };
        let (revoked, covered): (Vec<_>, Vec<_>) =
            covered.iter().cloned().partition(|signer| is_revoked(signer));
        let key = |signer: CoveredSigner| signer.list.signer().public_key_info().to_vec();
        let revoked_issuers = revoked.into_iter().map(key).collect();
        Ok(Self { pem: pem.to_vec(), covered, revoked_issuers, ignored })
    }

    /// The text of the file.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// All signers with their lists, without revoked issuers.
    pub fn covered(&self) -> &[CoveredSigner] {
        &self.covered
    }

    /// Returns whether a list has a certificate, which its signer has issued.
    pub fn revokes(&self, certificate: &Certificate) -> bool {
        let has_entry = |signer: &CoveredSigner| {
            signer.list.revoked().contains_key(certificate.serial_number())
                && certificate.is_signed_by(signer.list.signer())
        };
        self.revoked_issuers.iter().any(|key| key == certificate.public_key_info())
            || self.covered.iter().any(has_entry)
    }

    /// Number of lists that no trusted signer has signed.
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// Number of revoked certificates.
    pub fn revoked(&self) -> usize {
        self.covered.iter().map(|signer| signer.list.revoked().len()).sum()
    }

    /// Returns the list of the root that has certified a signer.
    pub fn list_of_root(&self, signer: &CoveredSigner) -> Option<&RevocationList> {
        self.covered.iter().find(|other| other.has_key_of(&signer.root)).map(|root| &root.list)
    }

    /// Returns the time until which both the list of a signer and that of its root are current. `max_age` applies to the lists of
    /// leaves: those of issuers, and of roots without issuers.
    pub fn current_until(&self, signer: &CoveredSigner, max_age: Option<Duration>) -> Option<OffsetDateTime> {
        let has_issuers = |root: &CoveredSigner| {
            self.covered.iter().any(|other| !other.is_root() && root.has_key_of(&other.root))
        };
        let own_age = max_age.filter(|_| !signer.is_root() || !has_issuers(signer));
        let own = signer.list.current_until(own_age);
        let of_root = self.list_of_root(signer).and_then(|list| list.current_until(None));
        own.into_iter().chain(of_root).min()
    }

    /// Checks that this bundle may replace an earlier one: it covers every signer of the earlier bundle, and for each revoked
    /// certificates stay revoked. A signer whose root has revoked it need not be covered.
    ///
    /// # Errors
    /// If a list is missing, or is older, or has fewer revoked certificates.
    pub fn check_follows(&self, earlier: &Self) -> Result<(), RevocationListError> {
        for before in &earlier.covered {
            let signer = before.list.signer();
            match self.covered.iter().find(|now| now.has_key_of(signer)) {
                Some(now) => now.list.check_follows(&before.list)?,
                None if self.has_revoked(before) => {}
                None => {
                    return Err(RevocationListError::Missing { signer: signer.subject().to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Returns whether the root of an issuer has revoked it.
    fn has_revoked(&self, issuer: &CoveredSigner) -> bool {
        let signer = issuer.list.signer();
        self.revoked_issuers.iter().any(|key| key == signer.public_key_info())
            || self
                .list_of_root(issuer)
                .is_some_and(|list| list.revoked().contains_key(signer.serial_number()))
    }
}

/// Returns the certificates and the lists in a file, without checking who has signed them.
///
/// # Errors
/// If the text is not complete PEM, a certificate cannot be parsed, or there is no list.
pub fn read_sections(
    pem: &[u8],
) -> Result<(Vec<Certificate>, Vec<CertificateRevocationListDer<'static>>), RevocationListError> {
    let (mut certificates, mut lists) = (Vec::new(), Vec::new());
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        match section.map_err(PemProblem::from)? {
            (SectionKind::Certificate, der) => {
                let certificate = Certificate::parse(CertificateDer::from(der));
                certificates.push(certificate.map_err(|reason| RevocationListError::Unreadable { reason })?);
            }
            (SectionKind::Crl, der) => lists.push(CertificateRevocationListDer::from(der)),
            _ => {}
        }
    }
    match lists.is_empty() {
        true => Err(RevocationListError::Pem(PemProblem::NothingFound)),
        false => Ok((certificates, lists)),
    }
}
