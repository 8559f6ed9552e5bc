//! One change of the authority's folder: locked, read, changed and written.

use std::fs::File;
use std::ops::{Deref, DerefMut};

use super::contents::Contents;
use super::error::AuthorityError;
use super::folder::AuthorityFolder;
use super::list_signing::{ListNotice, ListScope, ListSigning, next_update};
use super::passphrase::Passphrase;
use super::signed_list::SignedList;

/// The locked folder, and what was read from it.
pub struct Session<'a> {
    folder: &'a AuthorityFolder,
    contents: Contents,
    _lock: File,
}

impl<'a> Session<'a> {
    /// Locks and reads the folder.
    pub fn begin(folder: &'a AuthorityFolder) -> Result<Self, AuthorityError> {
        let lock = folder.lock()?;
        Ok(Self { folder, contents: Contents::read(folder)?, _lock: lock })
    }

    pub fn write_ledger(&self) -> Result<(), AuthorityError> {
        self.folder.write_ledger(&self.contents.ledger)
    }

    /// Signs new lists, writes them and then the ledger. Nothing is written if a private key cannot be used. If the ledger
    /// cannot be written, the lists have the revocations, and the next session reads them there.
    pub fn sign_lists(
        self,
        passphrase: Option<&Passphrase>,
        list_days: u32,
        scope: ListScope,
    ) -> Result<Vec<ListNotice>, AuthorityError> {
        let (lists, notices) = self.signed_lists(passphrase, list_days, scope)?;
        self.folder.write_lists(&lists)?;
        self.write_ledger()?;
        Ok(notices)
    }

    /// Signs new lists, and returns them with the remarks about the folder. Nothing is written.
    pub fn signed_lists(
        &self,
        passphrase: Option<&Passphrase>,
        list_days: u32,
        scope: ListScope,
    ) -> Result<(Vec<SignedList>, Vec<ListNotice>), AuthorityError> {
        let next_update = next_update(list_days)?;
        // Without the present issuer, its list would be kept without a warning.
        self.contents.signers.issuer(self.folder)?;
        let signing = ListSigning {
            folder: self.folder,
            signers: &self.contents.signers,
            passphrase,
            ledger: &self.contents.ledger,
            existing: &self.contents.lists,
            next_update,
            scope,
        };
        let (lists, notices) = signing.sign()?;
        Ok((lists, self.contents.notices.iter().cloned().chain(notices).collect()))
    }
}

impl Deref for Session<'_> {
    type Target = Contents;

    fn deref(&self) -> &Contents {
        &self.contents
    }
}

impl DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut Contents {
        &mut self.contents
    }
}
