//! Signs the lists of revoked certificates.

use std::collections::BTreeMap;
use std::fmt;

use time::{Duration, OffsetDateTime};

use super::certificate::{self, now};
use super::error::AuthorityError;
use super::folder::AuthorityFolder;
use super::ledger::Ledger;
use super::passphrase::Passphrase;
use super::signed_list::SignedList;
use super::signers::{Signer, Signers};
use crate::tls::serial_number::SerialNumber;
use crate::tls::validity::date_text;

/// Days after which providers refuse a list of an issuer, unless another number is given.
pub const DEFAULT_LIST_DAYS: u32 = 30;

/// Maximum number of days for which a list of an issuer is valid, and number of days for that of a root.
pub const MAX_LIST_DAYS: u32 = 400;

/// The lists that are signed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListScope {
    /// The lists of issuers, which contain clients and providers. The root's private key is not needed.
    Issuers,
    /// Also the lists of roots, which contain issuers.
    IssuersAndRoots,
}

/// Something that the authority's operator should know about the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListNotice {
    /// There was no file of signed lists.
    NoFile,
    /// Certificates were revoked in `revoked.pem` or `revoked.csv`, but not in the ledger. They are entered in it.
    Recovered(Vec<SerialNumber>),
    /// The ledger does not have the certificate that is revoked.
    Unknown(SerialNumber),
    /// The file of signed lists had no list of an issuer.
    NoList {
        /// Serial number of the issuer.
        signer: SerialNumber,
    },
    /// The private key of an issuer is not in the folder, as after restoring an old backup. Its list is unchanged.
    MissingIssuer {
        /// Serial number of the issuer.
        signer: SerialNumber,
        /// End of its list.
        list_end: OffsetDateTime,
    },
    /// The list of an issuer or a root is unchanged, and lacks revoked certificates.
    Incomplete {
        /// Serial number of the signer.
        signer: SerialNumber,
        /// The signer's private key is in the folder, but the roots' lists were not to be signed.
        has_key: bool,
        /// The certificates that are not on the list.
        missing: Vec<SerialNumber>,
    },
    /// A former root has no list, and its private key is not in the folder.
    Missing {
        /// Serial number of the signer.
        signer: SerialNumber,
    },
}

impl fmt::Display for ListNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |serials: &[SerialNumber]| {
            serials.iter().map(SerialNumber::to_string).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::NoFile => f.write_str(
                "there was no revoked.pem. If the folder was restored from a backup, revocations after the backup may be missing: \
                 copy the file that a provider uses to the folder, and sign again",
            ),
            Self::Recovered(serials) => write!(
                f,
                "the ledger did not have these revocations, which revoked.pem or revoked.csv has: {}. They are entered; if the \
                 folder was restored from a backup, other entries may be missing",
                joined(serials)
            ),
            Self::Unknown(serial) => write!(
                f,
                "issued.csv has no certificate {serial}; it is revoked as that of an unknown holder"
            ),
            Self::NoList { signer } => write!(
                f,
                "revoked.pem had no list of the issuer {signer}: it is another file than this folder had last, or was cut off, or \
                 `renew-issuer` was interrupted. If \
                 revocations may be missing, copy the file that a provider uses to the folder, and sign again"
            ),
            Self::MissingIssuer { signer, list_end } => write!(
                f,
                "revoked.pem has a list of the issuer {signer}, whose private key is not in the folder: this folder is older than \
                 the issuer. The certificates of this issuer cannot be revoked one by one, and providers refuse all of them after \
                 {}, when the list ends. Restore the newest copy of the folder; if there is none, revoke the issuer with \
                 `sottovoce authority revoke FOLDER --serial {signer}` (this needs root.key.pem), and issue its certificates again",
                date_text(*list_end)
            ),
            Self::Incomplete { signer, has_key: true, missing } => write!(
                f,
                "the list of the root {signer} is unchanged, and does not have: {}. Sign it with `sottovoce authority sign-list \
                 FOLDER --root`",
                joined(missing)
            ),
            Self::Incomplete { signer, has_key: false, missing } => write!(
                f,
                "the private key of {signer} is not in the folder, so its list is unchanged, and does not have: {}",
                joined(missing)
            ),
            Self::Missing { signer } => write!(
                f,
                "the private key of {signer} is not in the folder, and it has no list: providers refuse clients with its \
                 certificates"
            ),
        }
    }
}

/// Returns the end of a list that is signed now for `days`.
pub fn next_update(days: u32) -> Result<OffsetDateTime, AuthorityError> {
    if !(1..=MAX_LIST_DAYS).contains(&days) {
        return Err(AuthorityError::Days { found: days, max: MAX_LIST_DAYS });
    }
    Ok(now() + Duration::days(days.into()))
}

/// Inputs of the signing of lists.
pub struct ListSigning<'a> {
    pub folder: &'a AuthorityFolder,
    pub signers: &'a Signers,
    pub passphrase: Option<&'a Passphrase>,
    pub ledger: &'a Ledger,
    /// The lists in `revoked.pem`.
    pub existing: &'a [SignedList],
    /// End of the lists of issuers.
    pub next_update: OffsetDateTime,
    pub scope: ListScope,
}

impl ListSigning<'_> {
    /// Returns a list of every root and every issuer that has not expired.
    ///
    /// A list whose signer's private key is not in the folder is kept as it is.
    pub fn sign(&self) -> Result<(Vec<SignedList>, Vec<ListNotice>), AuthorityError> {
        let (mut lists, mut notices) = (Vec::new(), Vec::new());
        let number = self.next_number();
        let roots = self.signers.root_certificates();
        let root_end = next_update(MAX_LIST_DAYS)?;
        for root in self.signers.roots.iter().filter(|root| !root.certificate.has_expired()) {
            // A root that has signed clients directly is like an issuer.
            let signs_issuers = root.certificate.may_sign_issuers();
            let is_newest = self.signers.root()?.certificate == root.certificate;
            let existing = self.existing.iter().find(|list| *list.signer() == root.certificate);
            let is_wanted = !signs_issuers || self.scope == ListScope::IssuersAndRoots || existing.is_none();
            if is_wanted && (root.key.is_some() || is_newest) {
                let end = if signs_issuers { root_end } else { self.next_update };
                lists.push(self.sign_one(root, number, end)?);
            } else if let Some(list) = existing {
                notices.extend(self.incomplete(list, root.key.is_some()));
                lists.push(list.clone());
            } else {
                notices.push(ListNotice::Missing { signer: root.certificate.serial_number().clone() });
            }
        }
        for issuer in &self.signers.issuers {
            lists.push(self.sign_one(issuer, number, self.next_update)?);
        }
        // Issuers whose private key was lost, as after restoring an old backup.
        let has_list = |list: &SignedList| lists.iter().any(|other| other.signer() == list.signer());
        let lost = self.existing.iter().filter(|list| !list.is_of_root() && !has_list(list));
        let lost = lost.filter(|list| {
            let signer = list.signer();
            !signer.has_expired() && roots.iter().any(|root| signer.is_signed_by(root))
        });
        let lost: Vec<&SignedList> = lost.collect();
        for list in lost {
            let signer = list.signer().serial_number();
            if self.ledger.get(signer).is_none_or(|issued| issued.revoked.is_none()) {
                let (signer, list_end) = (signer.clone(), list.next_update());
                notices.push(ListNotice::MissingIssuer { signer, list_end });
                notices.extend(self.incomplete(list, false));
            }
            lists.push(list.clone());
        }
        Ok((lists, notices))
    }

    /// Returns a number that is larger than that of any list before it: the time in Unix milliseconds, if the clock is right.
    fn next_number(&self) -> u64 {
        let milliseconds = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        let last = self.existing.iter().map(SignedList::number).max().unwrap_or(0);
        u64::try_from(milliseconds).unwrap_or(0).max(last.saturating_add(1))
    }

    fn sign_one(
        &self,
        signer: &Signer,
        number: u64,
        next_update: OffsetDateTime,
    ) -> Result<SignedList, AuthorityError> {
        let missing = || AuthorityError::NoRootKey { path: self.folder.root_key_path() };
        let key = signer.unlock(self.passphrase, missing)?;
        // Providers refuse a list that lacks what an earlier one has.
        let earlier = self.existing.iter().filter(|list| *list.signer() == signer.certificate);
        let earlier = earlier.flat_map(SignedList::revoked).map(|(serial, time)| (serial.clone(), *time));
        let mut revoked: BTreeMap<SerialNumber, OffsetDateTime> = earlier.collect();
        for issued in self.ledger.certificates() {
            let own = signer.certificate.serial_number();
            if let Some(time) = issued.revoked
                && issued.signer.as_ref().is_none_or(|serial| serial == own)
            {
                revoked.entry(issued.serial_number.clone()).or_insert(time);
            }
        }
        let list = certificate::revocation_list(revoked, number, next_update);
        let list = list.signed_by(&key.issuer(&signer.certificate)?)?;
        let certificate = std::slice::from_ref(&signer.certificate);
        let (roots, issuers) =
            match self.signers.roots.iter().any(|root| root.certificate == signer.certificate) {
                true => (certificate, &[][..]),
                false => (&[][..], certificate),
            };
        SignedList::from_der(list.der(), roots, issuers)
            .map_err(|reason| AuthorityError::Lists { path: self.folder.revocation_list_path(), reason })
    }

    /// Returns a notice if the list lacks certificates that its signer has signed and that are revoked.
    fn incomplete(&self, list: &SignedList, has_key: bool) -> Option<ListNotice> {
        let signer = list.signer().serial_number();
        let own = self.ledger.certificates().iter().filter(|issued| {
            issued.revoked.is_some()
                && issued.signer.as_ref() == Some(signer)
                && !list.revoked().contains_key(&issued.serial_number)
        });
        let missing: Vec<SerialNumber> = own.map(|issued| issued.serial_number.clone()).collect();
        (!missing.is_empty()).then(|| ListNotice::Incomplete { signer: signer.clone(), has_key, missing })
    }
}
