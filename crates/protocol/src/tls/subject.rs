//! Whom a client's certificate, or the request for one, is about.

use crate::{Fingerprint, ParseFingerprintError, hexadecimal};

/// What the URI begins with that binds a client's keys, in the subject's alternative names.
const BINDING: &str = "urn:sottovoce:keys:";

/// Characters of a common name (X.520, `ub-common-name`).
const MOST_CHARACTERS: usize = 64;

/// A client's name and the fingerprint of its registration, which holds its evaluation and public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    name: String,
    keys: Fingerprint,
}

/// What may be wrong with a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// No name, or several.
    #[error("there are {found} common names, but a client has one")]
    Names {
        /// How many.
        found: usize,
    },
    /// A name that might be taken for something else where it is printed.
    #[error(
        "the name is {found:?}, but must have 1 to {MOST_CHARACTERS} letters, digits, spaces and `.`, `-`, `_`, `@` of \
         ASCII, begin with a letter or digit, and not end with a space"
    )]
    Name {
        /// The beginning of the name.
        found: String,
    },
    /// No keys, or several.
    #[error("{found} names begin with {BINDING}, but a client has one registration")]
    Keys {
        /// How many.
        found: usize,
    },
    /// The keys' fingerprint is none.
    #[error("what follows {BINDING} is no fingerprint")]
    Fingerprint(#[from] ParseFingerprintError),
}

impl Subject {
    /// A client that may be vouched for.
    ///
    /// # Errors
    /// If the name is too long, or has characters that it may not have.
    pub fn new(name: &str, keys: Fingerprint) -> Result<Self, SubjectError> {
        Ok(Self { name: checked_name(name)?, keys })
    }

    /// Whether a client may have that name.
    ///
    /// # Errors
    /// If it is too long, or has characters that it may not have.
    pub fn check_name(name: &str) -> Result<(), SubjectError> {
        checked_name(name).map(|_| ())
    }

    /// The subject that has these common names, and these URIs among its alternative names.
    pub(crate) fn of<'a>(names: &[&str], uris: impl Iterator<Item = &'a str>) -> Result<Self, SubjectError> {
        let &[name] = names else {
            return Err(SubjectError::Names { found: names.len() });
        };
        let bindings: Vec<&str> = uris.filter_map(|uri| uri.strip_prefix(BINDING)).collect();
        let &[keys] = bindings.as_slice() else {
            return Err(SubjectError::Keys { found: bindings.len() });
        };
        Self::new(name, keys.parse()?)
    }

    /// The client's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fingerprint of the client's registration.
    #[must_use]
    pub fn keys(&self) -> Fingerprint {
        self.keys
    }

    /// The URI that binds the keys.
    pub(crate) fn binding(&self) -> String {
        format!("{BINDING}{}", self.keys)
    }
}

/// A name that is safe in a log, a table and a CSV file.
pub(crate) fn checked_name(name: &str) -> Result<String, SubjectError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" .-_@".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && !name.ends_with(' ') && name.len() <= MOST_CHARACTERS && name.bytes().all(allowed) {
        Ok(name.to_owned())
    } else {
        Err(SubjectError::Name { found: hexadecimal::shown(name) })
    }
}
