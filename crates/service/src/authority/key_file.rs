//! Files of the authority's private keys.
//!
//! A file holds the certificate of a root or an issuer, and its private key. Both change with one rename, so they always belong
//! together. The key is in PKCS #8, encrypted or not; `openssl pkey -in FILE` reads it.

use std::io;
use std::path::{Path, PathBuf};

use pem::{EncodeConfig, LineEnding, Pem};
use pkcs5::pbes2;
use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::{Decode as _, Encode as _};
use rcgen::{Issuer, KeyPair, PublicKeyData as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use zeroize::{Zeroize as _, Zeroizing};

use super::error::AuthorityError;
use super::passphrase::Passphrase;
use super::random::random_bytes;
use crate::tls::certificate::Certificate;
use crate::tls::error::TlsError;
use crate::tls::pem_files::read_private_bytes;

/// Maximum length of a file in bytes.
const MAX_BYTES: usize = 1 << 16;

const CERTIFICATE: &str = "CERTIFICATE";
const PLAIN_KEY: &str = "PRIVATE KEY";
const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";

/// scrypt with N = 2^14, r = 8, p = 5: the work that OWASP recommends (Password Storage Cheat Sheet), in 16 MiB. OpenSSL
/// refuses more than 32 MiB, so a larger N would make files that it cannot read.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 5;
/// Length of a key of AES-256 in bytes.
const KEY_BYTES: usize = 32;

/// Bytes by which a cipher in CBC mode can lengthen its input at most.
const BLOCK_BYTES: usize = 16;

/// A private key, zeroed when it is dropped.
pub struct SigningKey(KeyPair);

impl Drop for SigningKey {
    fn drop(&mut self) {
        // Copies in the cryptographic library are not zeroed.
        self.0.zeroize();
    }
}

impl SigningKey {
    /// Makes a fresh key.
    pub fn generate() -> Result<Self, AuthorityError> {
        Ok(Self(KeyPair::generate()?))
    }

    pub fn key_pair(&self) -> &KeyPair {
        &self.0
    }

    /// Returns what signs certificates and lists in the name of `certificate`.
    pub fn issuer(&self, certificate: &Certificate) -> Result<Issuer<'static, &KeyPair>, AuthorityError> {
        Ok(Issuer::from_ca_cert_der(certificate.der(), &self.0)?)
    }
}

/// A file with a private key. The key is not decrypted yet.
pub struct KeyFile {
    path: PathBuf,
    certificate: Certificate,
    key: StoredKey,
}

enum StoredKey {
    Plain(Zeroizing<Vec<u8>>),
    Encrypted(Vec<u8>),
}

impl KeyFile {
    /// Reads a file, or returns `None` if there is none. `lone_root` is the certificate of a key that stands alone, as in a
    /// folder of an authority without issuers.
    pub fn read(path: &Path, lone_root: Option<&Certificate>) -> Result<Option<Self>, AuthorityError> {
        let bytes = match read_private_bytes(path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        Self::parse(path, &bytes, lone_root).map(Some)
    }

    /// Parses the content of the file at `path`.
    pub fn parse(path: &Path, bytes: &[u8], lone_root: Option<&Certificate>) -> Result<Self, AuthorityError> {
        let unusable = |reason: String| AuthorityError::KeyFile { path: path.into(), reason };
        let (mut certificate, mut key) = (None, None);
        for item in pem::parse_many(bytes).map_err(|error| unusable(error.to_string()))? {
            let label = item.tag().to_owned();
            let contents = Zeroizing::new(item.into_contents());
            match label.as_str() {
                CERTIFICATE => {
                    certificate = Some(Certificate::parse_authority(&contents).map_err(unusable)?);
                }
                PLAIN_KEY => key = Some(StoredKey::Plain(contents)),
                ENCRYPTED_KEY => key = Some(StoredKey::Encrypted(contents.to_vec())),
                _ => {}
            }
        }
        let key = key.ok_or_else(|| unusable("it holds no private key in PEM".to_owned()))?;
        let certificate = certificate
            .or_else(|| lone_root.cloned())
            .ok_or_else(|| unusable("it holds no certificate in PEM".to_owned()))?;
        Ok(Self { path: path.into(), certificate, key })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub fn is_encrypted(&self) -> bool {
        matches!(self.key, StoredKey::Encrypted(_))
    }

    /// Decrypts the key, and checks that it belongs to the certificate.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<SigningKey, AuthorityError> {
        let path = || self.path.clone();
        let decrypted;
        let der: &[u8] = match &self.key {
            StoredKey::Plain(der) => der,
            StoredKey::Encrypted(der) => {
                let passphrase =
                    passphrase.ok_or_else(|| AuthorityError::PassphraseNeeded { path: path() })?;
                decrypted = self.decrypt(der, passphrase)?;
                &decrypted
            }
        };
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(der))
            .map_err(|source| AuthorityError::Key { path: path(), source })?;
        let key = SigningKey(key);
        if key.0.subject_public_key_info() != self.certificate.public_key_info() {
            return Err(AuthorityError::KeyMismatch { path: path() });
        }
        Ok(key)
    }

    fn decrypt(&self, der: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, AuthorityError> {
        let unusable = |error: pkcs8::der::Error| AuthorityError::KeyFile {
            path: self.path.clone(),
            reason: format!("its encrypted private key cannot be read: {error}"),
        };
        let file = EncryptedPrivateKeyInfo::from_der(der).map_err(unusable)?;
        let kdf = file.encryption_algorithm.pbes2().map(|parameters| &parameters.kdf);
        if !kdf.is_some_and(is_affordable) {
            return Err(AuthorityError::KeyFile {
                path: self.path.clone(),
                reason: "its private key is encrypted in another way than with PBES2, or at too great a cost"
                    .to_owned(),
            });
        }
        let mut buffer = Zeroizing::new(file.encrypted_data.to_vec());
        let decrypted = file.encryption_algorithm.decrypt_in_place(passphrase.as_bytes(), &mut buffer);
        let wrong = || AuthorityError::WrongPassphrase { path: self.path.clone() };
        // A wrong passphrase leaves wrong padding, or, for one of 256 passphrases, bytes that are no key.
        let length = decrypted.map_err(|_| wrong())?.len();
        buffer.truncate(length);
        match KeyPair::try_from(&PrivatePkcs8KeyDer::from(&buffer[..])) {
            Ok(mut key) => key.zeroize(),
            Err(_) => return Err(wrong()),
        }
        Ok(buffer)
    }
}

/// Returns whether deriving a key takes at most 256 MiB and about a minute.
fn is_affordable(kdf: &pbes2::Kdf<'_>) -> bool {
    match kdf {
        pbes2::Kdf::Scrypt(scrypt) => {
            let bytes = scrypt.cost_parameter.checked_mul(128 * u64::from(scrypt.block_size));
            let work = bytes.and_then(|bytes| bytes.checked_mul(scrypt.parallelization.into()));
            scrypt.cost_parameter > 1
                && bytes.is_some_and(|bytes| bytes <= 1 << 28)
                && work.is_some_and(|work| work <= 1 << 34)
        }
        pbes2::Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count <= 50_000_000,
        _ => false,
    }
}

/// Returns the content of a file with the certificate and its private key, encrypted if there is a passphrase.
pub fn encode(
    certificate: &Certificate,
    key: &SigningKey,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, AuthorityError> {
    let certificate = to_pem(CERTIFICATE, certificate.der().to_vec());
    let key = match passphrase {
        None => Zeroizing::new(key.0.serialize_pem()),
        Some(passphrase) => {
            Zeroizing::new(to_pem(ENCRYPTED_KEY, encrypt(key.0.serialized_der(), passphrase)?))
        }
    };
    Ok(Zeroizing::new(certificate + &key))
}

/// Returns PEM with the line ends of Unix.
pub fn to_pem(label: &str, der: Vec<u8>) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

fn encrypt(key: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, AuthorityError> {
    let failed = |reason: String| AuthorityError::Encryption { reason };
    let (salt, iv) = (random_bytes::<16>()?, random_bytes::<16>()?);
    let scrypt = pkcs5::scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, KEY_BYTES);
    let scrypt = scrypt.map_err(|error| failed(error.to_string()))?;
    let parameters = pbes2::Parameters::scrypt_aes256cbc(scrypt, &salt, &iv);
    let parameters = parameters.map_err(|error| failed(error.to_string()))?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(key.len() + BLOCK_BYTES));
    buffer.extend_from_slice(key);
    buffer.resize(key.len() + BLOCK_BYTES, 0);
    let encrypted = parameters.encrypt_in_place(passphrase.as_bytes(), &mut buffer, key.len());
    let encrypted_data = encrypted.map_err(|error| failed(error.to_string()))?;
    let info = EncryptedPrivateKeyInfo { encryption_algorithm: parameters.into(), encrypted_data };
    info.to_der().map_err(|error| failed(error.to_string()))
}
