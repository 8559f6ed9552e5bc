//! The subject of a client's certificate: the client's name and keys.

use sottovoce_protocol::{Fingerprint, ParseFingerprintError};

use super::excerpt::excerpt;

/// Prefix of the URI that names a client's keys, in the subject's alternative names.
pub(crate) const KEYS_URI_PREFIX: &str = "urn:sottovoce:keys:";

/// Prefix of the URI that names a client's keys for packed evaluation.
pub(crate) const PACKED_KEYS_URI_PREFIX: &str = "urn:sottovoce:packed-keys:";

/// Maximum length of a common name in characters (X.520, `ub-common-name`).
const MAX_NAME_CHARACTERS: usize = 64;

/// Name of a client, and fingerprints of its public and evaluation keys: of those for batched evaluation, by which services know the
/// client, and of those for packed evaluation if it has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    name: String,
    keys: Fingerprint,
    packed_keys: Option<Fingerprint>,
}

/// A subject is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The number of names is not one.
    #[error("there are {found} common names, but a client has one")]
    Names {
        /// Number found.
        found: usize,
    },
    /// The name has characters that could mislead where it is printed.
    #[error(
        "the name is {found:?}, but must have 1 to {MAX_NAME_CHARACTERS} letters, digits, spaces and `.`, `-`, `_`, `@` of \
         ASCII, start with a letter or digit, and not end with a space"
    )]
    Name {
        /// Beginning of the name.
        found: String,
    },
    /// The number of keys is not one.
    #[error("{found} names start with {KEYS_URI_PREFIX}, but a client has one")]
    Keys {
        /// Number found.
        found: usize,
    },
    /// There are several keys for packed evaluation.
    #[error("{found} names start with {PACKED_KEYS_URI_PREFIX}, but a client has at most one")]
    PackedKeys {
        /// Number found.
        found: usize,
    },
    /// The fingerprint of the keys cannot be parsed.
    #[error("the text after {KEYS_URI_PREFIX} or {PACKED_KEYS_URI_PREFIX} is not a fingerprint")]
    Fingerprint(#[from] ParseFingerprintError),
}

impl Subject {
    /// Returns the subject of a client.
    ///
    /// # Errors
    /// If the name is too long, or has characters that are not allowed.
    pub fn new(name: &str, keys: Fingerprint) -> Result<Self, SubjectError> {
        Ok(Self { name: checked_name(name)?, keys, packed_keys: None })
    }

    /// Returns the subject with keys for packed evaluation, if there are any.
    #[must_use]
    pub fn with_packed_keys(self, packed_keys: Option<Fingerprint>) -> Self {
        Self { packed_keys, ..self }
    }

    /// Checks that a client may have this name.
    ///
    /// # Errors
    /// If the name is too long, or has characters that are not allowed.
    pub fn check_name(name: &str) -> Result<(), SubjectError> {
        checked_name(name).map(|_| ())
    }

    /// Returns the subject with these common names, and these URIs among its alternative names.
    pub(crate) fn from_names<'a>(
        names: &[&str],
        uris: impl Iterator<Item = &'a str>,
    ) -> Result<Self, SubjectError> {
        let &[name] = names else {
            return Err(SubjectError::Names { found: names.len() });
        };
        let uris: Vec<&str> = uris.collect();
        let with_prefix =
            |prefix| uris.iter().filter_map(move |uri| uri.strip_prefix(prefix)).collect::<Vec<_>>();
        let keys = with_prefix(KEYS_URI_PREFIX);
        let &[fingerprint] = keys.as_slice() else {
            return Err(SubjectError::Keys { found: keys.len() });
        };
        let packed_keys = match with_prefix(PACKED_KEYS_URI_PREFIX).as_slice() {
            [] => None,
            [fingerprint] => Some(fingerprint.parse()?),
            several => return Err(SubjectError::PackedKeys { found: several.len() }),
        };
        Ok(Self::new(name, fingerprint.parse()?)?.with_packed_keys(packed_keys))
    }

    /// Name of the client.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fingerprint of the client's public and evaluation keys.
    #[must_use]
    pub fn keys(&self) -> Fingerprint {
        self.keys
    }

    /// Fingerprint of the client's evaluation keys for packed evaluation.
    #[must_use]
    pub fn packed_keys(&self) -> Option<Fingerprint> {
        self.packed_keys
    }

    /// Returns the URIs that name the keys.
    pub(crate) fn keys_uris(&self) -> Vec<String> {
        let packed = self.packed_keys.map(|keys| format!("{PACKED_KEYS_URI_PREFIX}{keys}"));
        std::iter::once(format!("{KEYS_URI_PREFIX}{}", self.keys)).chain(packed).collect()
    }
}

/// Returns `name` if it is safe in a log, a table and a CSV file.
pub(crate) fn checked_name(name: &str) -> Result<String, SubjectError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" .-_@".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && !name.ends_with(' ') && name.len() <= MAX_NAME_CHARACTERS && name.bytes().all(allowed) {
        Ok(name.to_owned())
    } else {
        Err(SubjectError::Name { found: excerpt(name) })
    }
}
