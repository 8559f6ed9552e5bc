//! The client's keys, and what the provider gets of them.

use std::fmt;

use fhe::bfv::{PublicKey, RelinearizationKey, SecretKey};

use crate::parameters::Channel;
use crate::{BfvError, Parameters};

/// Everything the client keeps: for every channel a secret key, and the public key it encrypts with.
///
/// Keys come from the operating system's randomness, never from an experiment's seed. The secrets are
/// zeroed when dropped (by `fhe`) and never printed.
pub struct ClientKey {
    pub(crate) parameters: Parameters,
    pub(crate) channels: Vec<ClientChannelKey>,
}

/// The client's keys of one channel.
pub(crate) struct ClientChannelKey {
    pub secret: SecretKey,
    pub public: PublicKey,
}

/// What the provider needs to square ciphertexts: a relinearisation key for every channel. It cannot decrypt.
pub struct EvaluationKey {
    pub(crate) parameters: Parameters,
    pub(crate) channels: Vec<ChannelKey>,
}

/// The provider's key of one channel.
pub(crate) struct ChannelKey {
    pub channel: Channel,
    pub relinearisation: RelinearizationKey,
}

impl ClientKey {
    /// Fresh keys.
    #[must_use]
    pub fn generate(parameters: &Parameters) -> Self {
        let mut rng = rand::rng();
        let keys = |channel: &Channel| {
            let secret = SecretKey::random(channel.inner(), &mut rng);
            let public = PublicKey::new(&secret, &mut rng);
            ClientChannelKey { secret, public }
        };
        let channels = parameters.channels().iter().map(keys).collect();
        Self { parameters: parameters.clone(), channels }
    }

    /// The key that the provider evaluates with.
    ///
    /// # Errors
    /// If the parameters do not support key switching.
    pub fn evaluation_key(&self) -> Result<EvaluationKey, BfvError> {
        let key = |(channel, key): (&Channel, &ClientChannelKey)| {
            let relinearisation = RelinearizationKey::new(&key.secret, &mut rand::rng())?;
            Ok(ChannelKey { channel: channel.clone(), relinearisation })
        };
        let channels = self.parameters.channels().iter().zip(&self.channels).map(key);
        let channels = channels.collect::<Result<_, BfvError>>()?;
        Ok(EvaluationKey { parameters: self.parameters.clone(), channels })
    }

    /// The parameters that the keys belong to.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl EvaluationKey {
    /// Bytes of the key in `fhe`'s serialisation.
    #[must_use]
    pub fn bytes(&self) -> usize {
        use fhe_traits::Serialize as _;
        self.channels.iter().map(|key| key.relinearisation.to_bytes().len()).sum()
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
            !printed.contains("coeffs") && !printed.contains("secret") && printed.len() < 900,
            "{printed}"
        );
    }
}
