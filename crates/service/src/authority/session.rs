//! One change of the authority's folder: locked, read, changed and written.

use std::fs::File;

use time::OffsetDateTime;

use super::certificate::now;
use super::error::AuthorityError;
use super::folder::AuthorityFolder;
use super::ledger::Ledger;
use super::list_signing::{ListNotice, ListScope, ListSigning, next_update};
use super::passphrase::Passphrase;
use super::signed_list::SignedList;
use super::signers::Signers;

/// The locked folder, and what was read from it.
pub struct Session<'a> {
    pub folder: &'a AuthorityFolder,
    pub signers: Signers,
    pub ledger: Ledger,
    /// The lists in `revoked.pem`.
    pub lists: Vec<SignedList>,
    pub notices: Vec<ListNotice>,
    _lock: File,
}

impl<'a> Session<'a> {
    /// Locks and reads the folder. Revocations that the ledger lacks are entered in it.
    pub fn begin(folder: &'a AuthorityFolder) -> Result<Self, AuthorityError> {
        let lock = folder.lock()?;
        let signers = Signers::read(folder)?;
        let end = latest_end(&signers);
        let (mut ledger, mut recovered) = folder.read_ledger(end)?;
        let lists = folder.read_lists(&signers.root_certificates(), &signers.issuer_certificates())?;
        let mut notices = Vec::new();
        if lists.is_none() {
            notices.push(ListNotice::NoFile);
        }
        let lists = lists.unwrap_or_default();
        let revoked =
            lists.iter().flat_map(SignedList::revoked).map(|(serial, time)| (serial.clone(), *time));
        recovered.extend(ledger.revoke_all(revoked, end));
        if !recovered.is_empty() {
            notices.push(ListNotice::Recovered(recovered));
        }
        Ok(Self { folder, signers, ledger, lists, notices, _lock: lock })
    }

    pub fn latest_end(&self) -> OffsetDateTime {
        latest_end(&self.signers)
    }

    pub fn write_ledger(&self) -> Result<(), AuthorityError> {
        self.folder.write_ledger(&self.ledger)
    }

    /// Writes the ledger, signs new lists and writes them.
    pub fn sign_lists(
        mut self,
        passphrase: Option<&Passphrase>,
        list_days: u32,
        scope: ListScope,
    ) -> Result<Vec<ListNotice>, AuthorityError> {
        let next_update = next_update(list_days)?;
        // Without the present issuer, its list would be kept without a word.
        self.signers.issuer(self.folder)?;
        self.write_ledger()?;
        let signing = ListSigning {
            folder: self.folder,
            signers: &self.signers,
            passphrase,
            ledger: &self.ledger,
            existing: &self.lists,
            next_update,
            scope,
        };
        let (lists, notices) = signing.sign()?;
        self.folder.write_lists(&lists)?;
        self.notices.extend(notices);
        Ok(self.notices)
    }
}

/// Returns the latest end of the validity of a certificate whose entry is lost.
pub fn latest_end(signers: &Signers) -> OffsetDateTime {
    let ends =
        signers.roots.iter().chain(&signers.issuers).map(|signer| signer.certificate.validity().not_after);
    ends.max().unwrap_or_else(now)
}
