//! The file of a client's keys, which only its owner can read.
//!
//! The file holds in this order: magic and version; the parameters message and the registration message, each after its
//! length in 4 bytes; the secret key of every channel, or of packed parameters the one of all channels, in the same form; the SHA-256
//! of everything before.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sottovoce_network::access_rights::{AccessRightsError, check_secret_file};
use sottovoce_network::atomic_file;
use zeroize::Zeroizing;

use crate::error::ProtocolError;

/// Magic and version, with which a key file begins.
const MAGIC: [u8; 6] = *b"svck\x01\0";

/// Maximum length in bytes of a file that is read. Batched, eight channels at N = 16384 with eight primes have 63 MB of public keys.
/// Packed, a rotation's key has up to 7.1 MB there, so that 140 rotations fit.
const MAX_BYTES: u64 = 1 << 30;

const CHECKSUM_BYTES: usize = 32;

const CUT_OFF: &str = "it is cut off";

/// A client's keys could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file system failed.
    #[error("the key file {path} cannot be {action}", path = path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// "read" or "written".
        action: &'static str,
        /// Error of the file system.
        source: io::Error,
    },
    /// The file exists. Replacing it would lose its keys.
    #[error("the key file {path} exists and is not replaced", path = path.display())]
    Exists {
        /// Path of the file.
        path: PathBuf,
    },
    /// Others than the owner can read or change the file.
    #[error(transparent)]
    AccessRights(#[from] AccessRightsError),
    /// The file is not a key file, or damaged.
    #[error("{path} is not a whole key file: {reason}", path = path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: &'static str,
    },
    /// The keys cannot be used.
    #[error("the keys in {path} cannot be used", path = path.display())]
    Keys {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: ProtocolError,
    },
}

/// Content of a key file. It has no `Debug`, because it holds secret keys.
pub struct KeyFile {
    /// Parameters message.
    pub parameters: Vec<u8>,
    /// Registration message.
    pub registration: Vec<u8>,
    /// Secret key of every channel. Packed parameters have one for all channels.
    pub secrets: Vec<Zeroizing<Vec<u8>>>,
}

/// Writes a new key file.
pub fn write(
    path: &Path,
    parameters: &[u8],
    registration: &[u8],
    secrets: &[Zeroizing<Vec<u8>>],
) -> Result<(), KeyFileError> {
    let parts = || [parameters, registration].into_iter().chain(secrets.iter().map(|secret| &secret[..]));
    // A buffer that grew would leave copies of secrets in freed memory.
    let length = MAGIC.len() + CHECKSUM_BYTES + parts().map(|part| 4 + part.len()).sum::<usize>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    bytes.extend(MAGIC);
    for part in parts() {
        // The cast is exact: a part is far shorter than 2^32 bytes.
        bytes.extend((part.len() as u32).to_le_bytes());
        bytes.extend(part);
    }
    let checksum = Sha256::digest(&bytes[..]);
    bytes.extend(checksum);
    atomic_file::create_private(path, &bytes).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => KeyFileError::File { path: path.to_owned(), action: "written", source },
    })
}

/// Reads a key file.
pub fn read(path: &Path) -> Result<KeyFile, KeyFileError> {
    let unreadable = |source| KeyFileError::File { path: path.to_owned(), action: "read", source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check_secret_file(path, &file)?;
    // A buffer that grew would leave copies of secrets in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(MAX_BYTES) as usize + 1));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    parse(&bytes).map_err(|reason| KeyFileError::Damaged { path: path.to_owned(), reason })
}

/// Splits the bytes of a key file into its parts, or returns why they are not a key file.
fn parse(bytes: &[u8]) -> Result<KeyFile, &'static str> {
    if !bytes.starts_with(&MAGIC) {
        return Err("it does not start with the magic bytes of one");
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err("it is too long");
    }
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(CUT_OFF)?;
    // A file that ends within the magic bytes and the checksum has no content.
    let mut rest = content.strip_prefix(&MAGIC).ok_or(CUT_OFF)?;
    if Sha256::digest(content)[..] != checksum[..] {
        return Err("its checksum is wrong");
    }
    let mut next_part = || -> Option<&[u8]> {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (part, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = behind;
        Some(part)
    };
    let (Some(parameters), Some(registration)) = (next_part(), next_part()) else {
        return Err(CUT_OFF);
    };
    let mut secrets = Vec::new();
    while let Some(secret) = next_part() {
        secrets.push(Zeroizing::new(secret.to_vec()));
    }
    if !rest.is_empty() {
        return Err(CUT_OFF);
    }
    Ok(KeyFile { parameters: parameters.to_vec(), registration: registration.to_vec(), secrets })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rand::Rng;
    use sottovoce_bfv::parameters::PrimeSizes;
    use sottovoce_bfv::{Encryption, Parameters};

    use super::*;
    use crate::client::Client;

    const MEMORY: u64 = 1 << 28;

    #[test]
    fn keys_survive_storing_and_no_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let parameters =
            Parameters::new(4096, &[65_537, 114_689], &PrimeSizes::new(&[30, 30]), Encryption::PublicKey)
                .unwrap();
        let client = Client::new(&parameters).unwrap();
        client.save(&path).unwrap();
        assert!(matches!(client.save(&path), Err(KeyFileError::Exists { .. })));
        let again = Client::load(&path, MEMORY).unwrap();
        assert_eq!(again.registration_message(), client.registration_message());
        assert_eq!(again.key_fingerprint(), client.key_fingerprint());
        // Each client decrypts what the other encrypts.
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
            assert!(
                matches!(
                    error,
                    KeyFileError::AccessRights(AccessRightsError::Readable { mode: found, .. }) if found == mode
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn damaged_key_files_are_refused() {
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
            let place = rng.random_range(0..good.len() - CHECKSUM_BYTES);
            match case % 3 {
                0 => bytes.truncate(place),
                1 => bytes[place] ^= 1 << rng.random_range(0..8),
                // With a correct checksum.
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
        assert!(matches!(Client::load(&folder.path().join("none"), MEMORY), Err(KeyFileError::File { .. })));
    }
}
