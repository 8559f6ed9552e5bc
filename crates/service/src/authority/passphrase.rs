//! The passphrase that encrypts the authority's private keys.

use std::path::Path;

use sottovoce_network::access_rights::AccessRightsError;
use zeroize::Zeroizing;

use super::error::AuthorityError;
use crate::tls::error::TlsError;
use crate::tls::pem_files::read_private_bytes;

/// Maximum length of a passphrase in bytes.
const MAX_BYTES: usize = 1 << 10;

/// A passphrase. It is zeroed when it is dropped, and has no `Debug`.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Minimum length of a new passphrase in bytes.
    pub const MIN_BYTES: usize = 12;

    /// Returns the passphrase with this text.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// Reads a passphrase from a file that only its owner can read. One line feed at the end is not part of the passphrase.
    ///
    /// # Errors
    /// If the file cannot be read, is too long, or others than its owner can read it.
    pub fn read(path: &Path) -> Result<Self, AuthorityError> {
        let mut bytes = read_private_bytes(path, MAX_BYTES).map_err(|error| match error {
            TlsError::AccessRights(AccessRightsError::Readable { path, .. }) => {
                AuthorityError::PassphraseReadable { path }
            }
            error => error.into(),
        })?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(Self(bytes))
    }

    /// Checks that the passphrase is long enough for a new key.
    ///
    /// # Errors
    /// If it is shorter than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn check_length(&self) -> Result<(), AuthorityError> {
        match self.0.len() {
            found if found < Self::MIN_BYTES => {
                Err(AuthorityError::ShortPassphrase { found, min: Self::MIN_BYTES })
            }
            _ => Ok(()),
        }
    }

    /// Returns whether both passphrases are equal.
    #[must_use]
    pub fn is_equal(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
