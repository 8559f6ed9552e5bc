//! The models that a provider's certificate lists, and for which the authority vouches.
//!
//! Each is a URI among the certificate's alternative names: `urn:sottovoce:model:FINGERPRINT:NAME`.

use std::fmt;
use std::str::FromStr;

use sottovoce_network::UntrustedText;
use sottovoce_protocol::{Fingerprint, ParseFingerprintError};
use x509_parser::extensions::GeneralName;

/// Prefix of the URI of a model.
const MODEL_URI_PREFIX: &str = "urn:sottovoce:model:";

/// Maximum length of the name of a certified model in characters.
const MAX_NAME_CHARACTERS: usize = 64;

/// A model that a certificate lists: the name by which clients choose it, and its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedModel {
    name: String,
    fingerprint: Fingerprint,
}

/// A text does not describe a certified model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertifiedModelError {
    /// The name or the fingerprint is missing.
    #[error("a model must have the form NAME=FINGERPRINT, with 64 hexadecimal digits after the name")]
    Form,
    /// The name is not allowed.
    #[error(
        "the model's name is \"{found}\", but in a certificate it must have 1 to {MAX_NAME_CHARACTERS} letters, digits and `.`, `_`, \
         `-` of ASCII"
    )]
    Name {
        /// Beginning of the name.
        found: UntrustedText,
    },
    /// The fingerprint cannot be parsed.
    #[error("the model's fingerprint cannot be read")]
    Fingerprint(#[from] ParseFingerprintError),
}

impl CertifiedModel {
    /// Returns a model with a name that a certificate can hold.
    ///
    /// # Errors
    /// If the name is empty, too long, or has characters that are not allowed.
    pub fn new(name: &str, fingerprint: Fingerprint) -> Result<Self, CertifiedModelError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=MAX_NAME_CHARACTERS).contains(&name.len()) && name.bytes().all(is_allowed) {
            Ok(Self { name: name.to_owned(), fingerprint })
        } else {
            Err(CertifiedModelError::Name { found: UntrustedText::new(name) })
        }
    }

    /// Name by which clients choose the model.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fingerprint of the model.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the URI that names the model in a certificate.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{MODEL_URI_PREFIX}{}:{}", self.fingerprint, self.name)
    }

    /// Parses a URI, and returns `None` if it names something else.
    fn from_uri(uri: &str) -> Option<Result<Self, CertifiedModelError>> {
        let (fingerprint, name) = match uri.strip_prefix(MODEL_URI_PREFIX)?.split_once(':') {
            Some(parts) => parts,
            None => return Some(Err(CertifiedModelError::Form)),
        };
        Some(fingerprint.parse().map_err(CertifiedModelError::from).and_then(|found| Self::new(name, found)))
    }
}

impl FromStr for CertifiedModel {
    type Err = CertifiedModelError;

    /// Parses `NAME=FINGERPRINT`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, fingerprint) = text.rsplit_once('=').ok_or(CertifiedModelError::Form)?;
        Self::new(name, fingerprint.parse()?)
    }
}

impl fmt::Display for CertifiedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.fingerprint)
    }
}

/// The models that a provider's certificate lists. The list can be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelManifest(Vec<CertifiedModel>);

/// A provider's certificate does not list a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelManifestError {
    /// The certificate cannot be read.
    #[error("the provider's certificate cannot be read: {reason}")]
    Unreadable {
        /// Reason.
        reason: UntrustedText,
    },
    /// An entry of the list cannot be read.
    #[error("the list of models in the provider's certificate cannot be read")]
    Entry(#[from] CertifiedModelError),
    /// The certificate lists models, but not this one.
    #[error(
        "the authority does not vouch for it: the provider's certificate does not list the model {name} with the fingerprint \
         {fingerprint}; it lists {listed}"
    )]
    NotListed {
        /// Name of the model.
        name: UntrustedText,
        /// Fingerprint of the model.
        fingerprint: Fingerprint,
        /// Listed models.
        listed: String,
    },
    /// The certificate lists no models.
    #[error(
        "the provider's certificate lists no models, and a list is required; the authority issues one with \
         `sottovoce authority provider FOLDER REQUEST --model NAME=FINGERPRINT`"
    )]
    Empty,
    /// There is no certificate.
    #[error(
        "a list of models in the provider's certificate is required, but without TLS there is no certificate"
    )]
    NoCertificate,
}

impl ModelManifest {
    /// Reads the list from the DER of a certificate. TLS has checked the authority's signature before.
    ///
    /// # Errors
    /// If the certificate or an entry of the list cannot be read.
    pub fn from_der(certificate: &[u8]) -> Result<Self, ModelManifestError> {
        let unreadable =
            |error: &dyn fmt::Display| ModelManifestError::Unreadable { reason: error.to_string().into() };
        let (_, parsed) =
            x509_parser::parse_x509_certificate(certificate).map_err(|error| unreadable(&error))?;
        let alternative = parsed.subject_alternative_name().map_err(|error| unreadable(&error))?;
        let alternative = alternative.iter().flat_map(|names| &names.value.general_names);
        let models = alternative.filter_map(|name| match name {
            GeneralName::URI(uri) => CertifiedModel::from_uri(uri),
            _ => None,
        });
        Ok(Self(models.collect::<Result<_, _>>()?))
    }

    /// Returns the listed models.
    #[must_use]
    pub fn models(&self) -> &[CertifiedModel] {
        &self.0
    }
}

/// A model that a provider's certificate must list, if it lists models at all or if a list is required.
#[derive(Debug, Clone)]
pub struct RequiredModel {
    name: String,
    fingerprint: Fingerprint,
    is_list_required: bool,
}

impl RequiredModel {
    /// Returns the requirement for a model with this name and fingerprint.
    #[must_use]
    pub fn new(name: &str, fingerprint: Fingerprint, is_list_required: bool) -> Self {
        Self { name: name.to_owned(), fingerprint, is_list_required }
    }

    /// Checks the list of a certificate; `None` stands for a connection without a certificate.
    ///
    /// # Errors
    /// If the list does not have the model, or is required and missing.
    pub fn check(&self, manifest: Option<&ModelManifest>) -> Result<(), ModelManifestError> {
        let listed = match manifest {
            None if self.is_list_required => return Err(ModelManifestError::NoCertificate),
            Some(manifest) if self.is_list_required && manifest.0.is_empty() => {
                return Err(ModelManifestError::Empty);
            }
            Some(manifest) if !manifest.0.is_empty() => &manifest.0,
            _ => return Ok(()),
        };
        if listed.iter().any(|model| model.name == self.name && model.fingerprint == self.fingerprint) {
            return Ok(());
        }
        let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
        Err(ModelManifestError::NotListed {
            name: UntrustedText::new(&self.name),
            fingerprint: self.fingerprint,
            listed: listed.join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(digits: &str) -> Fingerprint {
        digits.repeat(32).parse().unwrap_or(Fingerprint::from_bytes([0; 32]))
    }

    #[test]
    fn a_model_is_read_from_its_uri_and_from_the_argument() {
        let model = CertifiedModel::new("digits-2.1_b", fingerprint("a1")).unwrap();
        assert_eq!(CertifiedModel::from_uri(&model.uri()), Some(Ok(model.clone())));
        assert_eq!(model.to_string().parse(), Ok(model));
        assert_eq!(CertifiedModel::from_uri("urn:sottovoce:keys:00"), None);
    }

    #[test]
    fn names_and_fingerprints_that_could_mislead_are_refused() {
        for name in ["", "a b", "a:b", "a\u{1b}b", "ü", "a=b", &"x".repeat(65)] {
            assert!(CertifiedModel::new(name, fingerprint("00")).is_err(), "{name:?}");
        }
        for text in ["digits", "digits=", "digits=00", &format!("={}", "00".repeat(32))] {
            assert!(text.parse::<CertifiedModel>().is_err(), "{text:?}");
        }
        for rest in ["", "00", &"00".repeat(32), &format!("{}:a b", "00".repeat(32))] {
            let uri = format!("{MODEL_URI_PREFIX}{rest}");
            assert!(matches!(CertifiedModel::from_uri(&uri), Some(Err(_))), "{uri}");
        }
    }

    #[test]
    fn a_list_must_have_the_model_under_its_name() {
        let model = |name, digits| CertifiedModel::new(name, fingerprint(digits)).unwrap();
        let list = ModelManifest(vec![model("one", "01"), model("two", "02")]);
        let empty = ModelManifest::default();
        let check = |name, digits, required, manifest| {
            RequiredModel::new(name, fingerprint(digits), required).check(manifest)
        };
        for required in [false, true] {
            assert_eq!(check("two", "02", required, Some(&list)), Ok(()));
            for (name, digits) in [("one", "02"), ("three", "02"), ("two", "03")] {
                let error = check(name, digits, required, Some(&list)).unwrap_err();
                assert!(matches!(error, ModelManifestError::NotListed { .. }), "{error}");
            }
        }
        assert_eq!(check("one", "01", false, Some(&empty)), Ok(()));
        assert_eq!(check("one", "01", false, None), Ok(()));
        assert_eq!(check("one", "01", true, Some(&empty)), Err(ModelManifestError::Empty));
        assert_eq!(check("one", "01", true, None), Err(ModelManifestError::NoCertificate));
    }
}
