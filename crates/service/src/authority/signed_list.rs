//! The signed lists of revoked certificates in `revoked.pem`.
//!
//! Every root and every issuer signs a list of the certificates that it has signed itself. The file is self-contained: before
//! the list of an issuer stands the issuer's certificate.

use std::collections::BTreeMap;

use rustls::pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;

use super::key_file::to_pem;
use crate::error_text::with_causes;
use crate::tls::certificate::Certificate;
use crate::tls::revocation_bundle::read_sections;
use crate::tls::revocation_list::RevocationList;
use crate::tls::serial_number::SerialNumber;

/// A list that this authority has signed: it has an end, and a number of at most 64 bits.
#[derive(Debug, Clone)]
pub struct SignedList {
    list: RevocationList,
    is_of_root: bool,
    number: u64,
    next_update: OffsetDateTime,
}

impl SignedList {
    /// Parses a list that one of the roots or issuers has signed. The error is the reason for which it cannot be used.
    pub fn from_der(der: &[u8], roots: &[Certificate], issuers: &[Certificate]) -> Result<Self, String> {
        let der = CertificateRevocationListDer::from(der.to_vec());
        let list = RevocationList::from_der(der, roots.iter().chain(issuers));
        let list =
            list.map_err(|error| error.to_string())?.ok_or("a list is not signed by this authority")?;
        Ok(Self {
            is_of_root: roots.contains(list.signer()),
            number: list.number().to_u64().ok_or("the number of a list has more than 64 bits")?,
            next_update: list.next_update().ok_or("a list has no end")?,
            list,
        })
    }

    pub fn signer(&self) -> &Certificate {
        self.list.signer()
    }

    pub fn is_of_root(&self) -> bool {
        self.is_of_root
    }

    /// Returns the number of the list: its time in Unix milliseconds, or a small counter of former versions.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn next_update(&self) -> OffsetDateTime {
        self.next_update
    }

    /// Returns the serial numbers and times of revocation.
    pub fn revoked(&self) -> &BTreeMap<SerialNumber, OffsetDateTime> {
        self.list.revoked()
    }

    fn to_pem(&self) -> String {
        let list = to_pem("X509 CRL", self.list.der().to_vec());
        match self.is_of_root {
            true => list,
            false => to_pem("CERTIFICATE", self.signer().der().to_vec()) + &list,
        }
    }
}

/// Returns the content of `revoked.pem`.
pub fn write_lists(lists: &[SignedList]) -> String {
    lists.iter().map(SignedList::to_pem).collect()
}

/// Parses `revoked.pem`. Lists that `issuers` or issuers in the file have signed are accepted if one of the roots has signed the
/// issuer. The error is the reason for which the file cannot be used.
pub fn read_lists(
    pem: &[u8],
    roots: &[Certificate],
    issuers: &[Certificate],
) -> Result<Vec<SignedList>, String> {
    let (certificates, lists) = read_sections(pem).map_err(|error| with_causes(&error))?;
    let mut issuers = issuers.to_vec();
    for certificate in certificates {
        let is_certified = || roots.iter().any(|root| certificate.is_signed_by(root));
        if certificate.is_authority() && !issuers.contains(&certificate) && is_certified() {
            issuers.push(certificate);
        }
    }
    lists.iter().map(|list| SignedList::from_der(list, roots, &issuers)).collect()
}
