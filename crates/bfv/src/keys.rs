//! The client's keys, and what the provider gets of them.

use std::fmt;

use fhe::bfv::{PublicKey, RelinearizationKey, SecretKey};

use crate::{BfvError, Parameters};

/// Everything the client keeps: the secret key, and the public key it encrypts with.
///
/// Keys come from the operating system's randomness, never from an experiment's seed. The secret is
/// zeroed when dropped (by `fhe`) and never printed.
pub struct ClientKey {
    pub(crate) parameters: Parameters,
    pub(crate) secret: SecretKey,
    pub(crate) public: PublicKey,
}

/// What the provider needs to square ciphertexts: the relinearisation key. It cannot decrypt.
pub struct EvaluationKey {
    pub(crate) parameters: Parameters,
    pub(crate) relinearisation: RelinearizationKey,
}

impl ClientKey {
    /// Fresh keys.
    #[must_use]
    pub fn generate(parameters: &Parameters) -> Self {
        let mut rng = rand::rng();
        let secret = SecretKey::random(parameters.inner(), &mut rng);
        let public = PublicKey::new(&secret, &mut rng);
        Self { parameters: parameters.clone(), secret, public }
    }

    /// The key that the provider evaluates with.
    ///
    /// # Errors
    /// If the parameters do not support key switching.
    pub fn evaluation_key(&self) -> Result<EvaluationKey, BfvError> {
        let relinearisation = RelinearizationKey::new(&self.secret, &mut rand::rng())?;
        Ok(EvaluationKey { parameters: self.parameters.clone(), relinearisation })
    }

    /// The parameters that the keys belong to.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

impl fmt::Debug for EvaluationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationKey").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_printed() {
        let key = ClientKey::generate(&Parameters::insecure(64, 1 << 10, &[50, 50]));
        let printed = format!("{key:?} {:?}", key.evaluation_key().unwrap());
        assert!(
            !printed.contains("coeffs") && !printed.contains("secret") && printed.len() < 600,
            "{printed}"
        );
    }
}
