//! The signed lists of revoked certificates in `revoked.pem`.
//!
//! Every root and every issuer signs a list of the certificates that it has signed itself. The file is self-contained: before
//! the list of an issuer stands the issuer's certificate.

use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::authority_certificate::AuthorityCertificate;
use super::key_file::to_pem;
use crate::tls::serial_number::SerialNumber;

/// A signed list.
#[derive(Debug, Clone)]
pub struct SignedList {
    der: Vec<u8>,
    signer: AuthorityCertificate,
    is_of_root: bool,
    number: u64,
    next_update: OffsetDateTime,
    revoked: Vec<(SerialNumber, OffsetDateTime)>,
}

impl SignedList {
    /// Parses a list that one of the roots or issuers has signed. The error is the reason for which it cannot be used.
    pub fn from_der(
        der: &[u8],
        roots: &[AuthorityCertificate],
        issuers: &[AuthorityCertificate],
    ) -> Result<Self, String> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("bytes follow a list".to_owned());
        }
        let of_root = roots.iter().find(|signer| signer.has_signed(&list));
        let of_issuer = || issuers.iter().find(|signer| signer.has_signed(&list));
        let signer = of_root.or_else(of_issuer).ok_or("a list is not signed by this authority")?;
        let number = list.crl_number().ok_or("a list has no number")?;
        let number = number
            .to_bytes_be()
            .iter()
            .try_fold(0u64, |number, &byte| number.checked_mul(256)?.checked_add(byte.into()));
        let revoked = list
            .iter_revoked_certificates()
            .map(|entry| (SerialNumber::from_bytes(entry.raw_serial()), entry.revocation_date.to_datetime()));
        Ok(Self {
            signer: signer.clone(),
            is_of_root: of_root.is_some(),
            number: number.ok_or("the number of a list has more than 64 bits")?,
            next_update: list.next_update().ok_or("a list has no end")?.to_datetime(),
            revoked: revoked.collect(),
            der: der.to_vec(),
        })
    }

    pub fn signer(&self) -> &AuthorityCertificate {
        &self.signer
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
    pub fn revoked(&self) -> &[(SerialNumber, OffsetDateTime)] {
        &self.revoked
    }

    fn to_pem(&self) -> String {
        let list = to_pem("X509 CRL", self.der.clone());
        match self.is_of_root {
            true => list,
            false => to_pem("CERTIFICATE", self.signer.der().to_vec()) + &list,
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
    roots: &[AuthorityCertificate],
    issuers: &[AuthorityCertificate],
) -> Result<Vec<SignedList>, String> {
    let items = pem::parse_many(pem).map_err(|error| error.to_string())?;
    let mut issuers = issuers.to_vec();
    for item in items.iter().filter(|item| item.tag() == "CERTIFICATE") {
        let issuer = AuthorityCertificate::from_der(item.contents())?;
        if !issuers.contains(&issuer) && roots.iter().any(|root| issuer.is_signed_by(root)) {
            issuers.push(issuer);
        }
    }
    let lists = items.iter().filter(|item| item.tag() == "X509 CRL");
    lists.map(|item| SignedList::from_der(item.contents(), roots, &issuers)).collect()
}
