//! A client's keys in a file that nobody but its owner can read.
//!
//! The file holds magic and version, the messages that tell parameters and registration, each behind its length in 4
//! bytes, the secret of every channel likewise, and the SHA-256 of all that.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sottovoce_bfv::ClientKey;
use sottovoce_network::atomic_file;
use zeroize::Zeroizing;

use super::Client;
use crate::message::{parameters, registration};
use crate::{Fingerprint, ProtocolError};

/// What a key file begins with: magic and version.
const BEGINNING: [u8; 6] = *b"svck\x01\0";

/// The largest file that is read: eight channels at N = 16384 with eight primes have 63 MB of public keys.
const MOST_BYTES: u64 = 1 << 26;

const SUM_BYTES: usize = 32;

/// Keys that could not be stored or found again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system failed.
    #[error("the key file {path} cannot be {what}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Read or written.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// There are keys already, which would be lost.
    #[error("the key file {path} exists and is not replaced", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner can read the secret.
    #[error(
        "the key file {path} has the rights {mode:o}, so others than its owner may have read the secret key: make new \
         keys, or, if nobody has, run `chmod 600 {path}`",
        path = path.display()
    )]
    Rights {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// Something else, or not whole.
    #[error("{path} is no whole key file: {found}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: &'static str,
    },
    /// Keys that cannot be used.
    #[error("the keys in {path} cannot be used", path = path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ProtocolError,
    },
}

impl Client {
    /// Stores the keys in a new file that only its owner may read.
    ///
    /// # Errors
    /// If the file is there already, or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let message = parameters::write(self.parameters());
        let message = message.map_err(|source| StoreError::Keys { path: path.to_owned(), source })?;
        let secrets = self.key.secrets();
        let mut bytes = Zeroizing::new(Vec::new());
        // Its growth must leave no copy of a secret behind.
        bytes.reserve_exact(
            BEGINNING.len()
                + SUM_BYTES
                + [message.len(), self.registration.len()].iter().map(|length| 4 + length).sum::<usize>()
                + secrets.iter().map(|secret| 4 + secret.len()).sum::<usize>(),
        );
        bytes.extend(BEGINNING);
        let parts =
            [&message[..], &self.registration].into_iter().chain(secrets.iter().map(|secret| &secret[..]));
        for part in parts {
            // Far below 2^32.
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        let sum = Sha256::digest(&bytes[..]);
        bytes.extend(sum);
        atomic_file::create_private(path, &bytes).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
            _ => StoreError::File { path: path.to_owned(), what: "written", source },
        })
    }

    /// Reads keys that were stored, if their parameters take at most so much memory
    /// ([`size::parameters_memory_bytes`](crate::size::parameters_memory_bytes)).
    ///
    /// # Errors
    /// If the file cannot be read, is not whole, or others than its owner can read it.
    pub fn load(path: &Path, most_memory_bytes: u64) -> Result<Self, StoreError> {
        let unreadable = |source| StoreError::File { path: path.to_owned(), what: "read", source };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        check_rights(path, &metadata)?;
        // All of it at once: a buffer that grew would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(MOST_BYTES) as usize + 1));
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let damaged = |found| StoreError::Damaged { path: path.to_owned(), found };
        let rest = bytes.strip_prefix(&BEGINNING).ok_or_else(|| damaged("it does not begin like one"))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(damaged("it is too long"));
        }
        let (mut rest, sum) = rest.split_last_chunk::<SUM_BYTES>().ok_or_else(|| damaged("it is cut off"))?;
        if Sha256::digest(&bytes[..bytes.len() - SUM_BYTES])[..] != sum[..] {
            return Err(damaged("its checksum is wrong"));
        }
        let mut part = || -> Option<&[u8]> {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (part, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = behind;
            Some(part)
        };
        let (Some(message), Some(registration)) = (part(), part()) else {
            return Err(damaged("it is cut off"));
        };
        let mut secrets = Vec::new();
        while let Some(secret) = part() {
            secrets.push(Zeroizing::new(secret.to_vec()));
        }
        if !rest.is_empty() {
            return Err(damaged("it is cut off"));
        }
        let keys = |source| StoreError::Keys { path: path.to_owned(), source };
        let parameters = parameters::read(message, most_memory_bytes).map_err(keys)?;
        let fingerprint = Fingerprint::of_parameters(&parameters);
        let (shared, registered) =
            registration::read(registration, &parameters, fingerprint).map_err(keys)?;
        let key = ClientKey::from_secrets(&secrets, &shared).map_err(|error| keys(error.into()))?;
        Ok(Self { key, parameters: fingerprint, registration: registration.to_vec(), registered })
    }
}

#[cfg(unix)]
fn check_rights(path: &Path, metadata: &fs::Metadata) -> Result<(), StoreError> {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(StoreError::Rights { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_rights(_: &Path, _: &fs::Metadata) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use sottovoce_bfv::parameters::PrimeSizes;
    use sottovoce_bfv::{Encryption, Parameters};

    use super::*;

    const MEMORY: u64 = 1 << 28;

    #[test]
    fn stored_keys_are_the_same_keys_and_no_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let parameters =
            Parameters::new(4096, &[65_537, 114_689], &PrimeSizes::new(&[30, 30]), Encryption::PublicKey)
                .unwrap();
        let client = Client::new(&parameters).unwrap();
        client.save(&path).unwrap();
        assert!(matches!(client.save(&path), Err(StoreError::Exists { .. })));
        let again = Client::load(&path, MEMORY).unwrap();
        assert_eq!(again.registration(), client.registration());
        assert_eq!(again.registered(), client.registered());
        // What one encrypts the other decrypts.
        for (secret, same) in client.key.secrets().iter().zip(again.key.secrets()) {
            assert!(*secret == same);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_key_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let parameters =
            Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey).unwrap();
        Client::new(&parameters).unwrap().save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Client::load(&path, MEMORY).err().unwrap();
            assert!(matches!(error, StoreError::Rights { mode: found, .. } if found == mode), "{error}");
        }
    }

    #[test]
    fn damaged_key_files_are_refused_whatever_is_wrong_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let parameters =
            Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey).unwrap();
        Client::new(&parameters).unwrap().save(&path).unwrap();
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut rng = rand::rng();
        for case in 0..2000 {
            let mut bytes = good.clone();
            let place = rng.random_range(0..good.len() - SUM_BYTES);
            match case % 3 {
                0 => bytes.truncate(place),
                1 => bytes[place] ^= 1 << rng.random_range(0..8),
                // With a checksum that is right.
                _ => {
                    bytes.truncate(place.max(6));
                    let sum = Sha256::digest(&bytes);
                    bytes.extend(sum);
                }
            }
            let _ = fs::remove_file(&path);
            atomic_file::create_private(&path, &bytes).unwrap();
            let error = Client::load(&path, MEMORY).err().unwrap();
            assert!(error.to_string().contains("keys"), "{error}");
        }
        assert!(matches!(Client::load(&folder.path().join("none"), MEMORY), Err(StoreError::File { .. })));
    }
}
