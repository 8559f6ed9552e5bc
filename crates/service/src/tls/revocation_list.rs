//! One list of revoked certificates.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustls::pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::certificate::Certificate;
use super::error::RevocationListError;
use super::serial_number::SerialNumber;

/// A list of revoked certificates (CRL, RFC 5280, Section 5) whose signature was checked.
#[derive(Clone)]
pub struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    signer: Certificate,
    number: ListNumber,
    /// Times of revocation.
    revoked: BTreeMap<SerialNumber, OffsetDateTime>,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
}

/// Number of a list. Newer lists of one signer have larger numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListNumber {
    /// Numbers with more bytes are larger.
    length: usize,
    bytes: Vec<u8>,
}

impl RevocationList {
    /// Parses a list. Returns `None` if none of the `signers` has signed it.
    ///
    /// # Errors
    /// If the bytes are not a numbered list.
    pub fn from_der<'a>(
        der: CertificateRevocationListDer<'static>,
        signers: impl IntoIterator<Item = &'a Certificate>,
    ) -> Result<Option<Self>, RevocationListError> {
        let unreadable = |reason: String| RevocationListError::Unreadable { reason };
        let (rest, list) =
            CertificateRevocationList::from_der(&der).map_err(|error| unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(unreadable("bytes follow the list".to_owned()));
        }
        let Some(signer) = signers.into_iter().find(|signer| signer.has_signed(&list)).cloned() else {
            return Ok(None);
        };
        let number = list.crl_number().ok_or_else(|| unreadable("it has no number".to_owned()))?;
        let number = ListNumber::from_bytes(number.to_bytes_be());
        let revoked = list
            .iter_revoked_certificates()
            .map(|entry| (SerialNumber::from_bytes(entry.raw_serial()), entry.revocation_date.to_datetime()));
        let revoked = revoked.collect();
        let this_update = list.last_update().to_datetime();
        let next_update = list.next_update().map(|time| time.to_datetime());
        Ok(Some(Self { signer, number, revoked, this_update, next_update, der }))
    }

    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }

    /// Certificate of the list's signer.
    pub fn signer(&self) -> &Certificate {
        &self.signer
    }

    pub fn number(&self) -> &ListNumber {
        &self.number
    }

    /// Returns the serial numbers of revoked certificates with the times of their revocation.
    pub fn revoked(&self) -> &BTreeMap<SerialNumber, OffsetDateTime> {
        &self.revoked
    }

    /// Time at which the list was signed.
    pub fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }

    /// Time at which the list ends, if it has one.
    pub fn next_update(&self) -> Option<OffsetDateTime> {
        self.next_update
    }

    /// Time until which the list is current: its own date, or its greatest age if this comes first. `None` if it has no date.
    pub fn current_until(&self, max_age: Option<Duration>) -> Option<OffsetDateTime> {
        let oldest = max_age.map(|age| {
            self.this_update.saturating_add(time::Duration::try_from(age).unwrap_or(time::Duration::MAX))
        });
        self.next_update.into_iter().chain(oldest).min()
    }

    /// Checks that this list may replace an earlier list of the same signer: revoked certificates stay revoked.
    ///
    /// # Errors
    /// If this list has a smaller number, fewer revoked certificates, or other ones under the same number.
    pub fn check_follows(&self, earlier: &Self) -> Result<(), RevocationListError> {
        let signer = self.signer.subject().to_owned();
        if self.number < earlier.number {
            let (found, in_use) = (self.number.to_string(), earlier.number.to_string());
            return Err(RevocationListError::Older { signer, found, in_use });
        }
        let same_certificates = || self.revoked.keys().eq(earlier.revoked.keys());
        if self.number == earlier.number && !same_certificates() {
            return Err(RevocationListError::SameNumber { signer, number: self.number.to_string() });
        }
        if let Some(missing) = earlier.revoked.keys().find(|&serial| !self.revoked.contains_key(serial)) {
            return Err(RevocationListError::NoLongerRevoked { signer, serial_number: missing.clone() });
        }
        Ok(())
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("signer", &self.signer.subject())
            .field("number", &self.number)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

impl ListNumber {
    /// Returns the number with these big-endian bytes.
    fn from_bytes(bytes: Vec<u8>) -> Self {
        let bytes: Vec<u8> = bytes.into_iter().skip_while(|&byte| byte == 0).collect();
        Self { length: bytes.len(), bytes }
    }

    /// Returns the number if it has at most 64 bits.
    pub fn to_u64(&self) -> Option<u64> {
        self.bytes.iter().try_fold(0u64, |number, &byte| number.checked_mul(256)?.checked_add(byte.into()))
    }
}

impl fmt::Display for ListNumber {
    /// Writes the number in decimal digits if it has at most 16 bytes, else in hexadecimal ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wide = [0; 16];
        match wide.len().checked_sub(self.length).and_then(|start| wide.get_mut(start..)) {
            Some(low) => {
                low.copy_from_slice(&self.bytes);
                write!(f, "{}", u128::from_be_bytes(wide))
            }
            None => write!(f, "0x{}", hex::encode(&self.bytes)),
        }
    }
}
