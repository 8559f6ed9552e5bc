//! The client's keys, and what the provider gets of them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use fhe::bfv::{PublicKey, RelinearizationKey, SecretKey};
use fhe_traits::{DeserializeParametrized as _, Serialize as _};
use zeroize::Zeroizing;

use crate::encryption::{Decryption, EncryptionError, PixelEncryption};
use crate::parameters::Channel;
use crate::{BfvError, Encryption, Parameters};

/// Everything the client keeps: for every channel a secret key, and the public key it encrypts with.
///
/// Keys come from the operating system's randomness, never from an experiment's seed. The secrets are
/// zeroed when dropped, by `fhe`, as is what encryption and decryption have computed of them, and never printed.
pub struct ClientKey {
    pub(crate) parameters: Parameters,
    pub(crate) channels: Vec<ClientChannelKey>,
}

/// The client's keys of one channel, with what is computed of them once: nothing before it is asked for.
pub(crate) struct ClientChannelKey {
    pub secret: Arc<SecretKey>,
    pub public: PublicKey,
    encryption: OnceLock<PixelEncryption>,
    /// By level.
    decryptions: Vec<OnceLock<Decryption>>,
}

impl ClientChannelKey {
    fn new(channel: &Channel, secret: SecretKey, public: PublicKey) -> Self {
        let decryptions = channel.key_primes().iter().map(|_| OnceLock::new()).collect();
        Self { secret: Arc::new(secret), public, encryption: OnceLock::new(), decryptions }
    }

    /// Encryption with the key that the parameters were chosen for.
    pub fn encryption(
        &self,
        channel: &Channel,
        encryption: Encryption,
    ) -> Result<&PixelEncryption, EncryptionError> {
        let new = || PixelEncryption::new(channel, encryption, &self.secret, &self.public);
        made_once(&self.encryption, new)
    }

    /// Decryption of ciphertexts that keep so many primes, of all that the channel has.
    pub fn decryption(&self, channel: &Channel, primes: usize) -> Result<&Decryption, EncryptionError> {
        let level = channel.key_primes().len().checked_sub(primes).ok_or(EncryptionError::Key)?;
        let place = self.decryptions.get(level).ok_or(EncryptionError::Key)?;
        made_once(place, || Decryption::new(channel, &self.secret, level))
    }
}

/// What is there already, or is made now. Where two threads make it, the first one's stays.
fn made_once<T, E>(place: &OnceLock<T>, new: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(made) = place.get() {
        return Ok(made);
    }
    let made = new()?;
    Ok(place.get_or_init(|| made))
}

/// What the provider gets of a client's keys, for every channel: the relinearisation key that it squares ciphertexts with,
/// and the public key that it makes answers anew with. They cannot decrypt.
pub struct EvaluationKey {
    pub(crate) parameters: Parameters,
    pub(crate) channels: Vec<ChannelKey>,
}

/// The provider's key of one channel.
pub(crate) struct ChannelKey {
    pub channel: Channel,
    pub relinearisation: RelinearizationKey,
    pub public: PublicKey,
}

impl ClientKey {
    /// Fresh keys.
    #[must_use]
    pub fn generate(parameters: &Parameters) -> Self {
        let mut rng = rand::rng();
        let keys = |channel: &Channel| {
            let secret = SecretKey::random(channel.inner(), &mut rng);
            let public = PublicKey::new(&secret, &mut rng);
            ClientChannelKey::new(channel, secret, public)
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
            // Nothing is relinearised with more primes than an upload has.
            let level = channel.upload_level();
            let rng = &mut rand::rng();
            let relinearisation = RelinearizationKey::new_leveled(&key.secret, level, level, rng)?;
            Ok(ChannelKey { channel: channel.clone(), relinearisation, public: key.public.clone() })
        };
        let channels = self.parameters.channels().iter().zip(&self.channels).map(key);
        let channels = channels.collect::<Result<_, BfvError>>()?;
        Ok(EvaluationKey { parameters: self.parameters.clone(), channels })
    }

    /// The secret of every channel, for a file that its owner alone can read: with [`from_secrets`](Self::from_secrets) the
    /// only way in which a key outlives its process. `fhe`'s form is as large as its coefficients; copies that `fhe` makes on
    /// the way are not zeroed.
    #[must_use]
    pub fn secrets(&self) -> Vec<Zeroizing<Vec<u8>>> {
        self.channels.iter().map(|key| Zeroizing::new(key.secret.to_bytes())).collect()
    }

    /// The key of which [`secrets`](Self::secrets) were kept, with the public keys that went to the provider.
    ///
    /// # Errors
    /// If there are too few or too many secrets, or one is not such as `fhe` writes them for the parameters.
    pub fn from_secrets(secrets: &[Zeroizing<Vec<u8>>], shared: &EvaluationKey) -> Result<Self, BfvError> {
        let (found, needed) = (secrets.len(), shared.channels.len());
        if found != needed {
            return Err(BfvError::Channels { found, needed });
        }
        let key = |(bytes, shared): (&Zeroizing<Vec<u8>>, &ChannelKey)| {
            let secret = SecretKey::from_bytes(bytes, shared.channel.inner())?;
            Ok(ClientChannelKey::new(&shared.channel, secret, shared.public.clone()))
        };
        let channels = secrets.iter().zip(&shared.channels).map(key).collect::<Result<_, BfvError>>()?;
        Ok(Self { parameters: shared.parameters.clone(), channels })
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
    fn a_key_of_its_secrets_decrypts_what_the_key_encrypted() {
        let parameters = Parameters::insecure_channels(64, 1 << 10, 2, &[50, 50]);
        let key = ClientKey::generate(&parameters);
        let shared = key.evaluation_key().unwrap();
        let again = ClientKey::from_secrets(&key.secrets(), &shared).unwrap();
        for (key, again) in key.channels.iter().zip(&again.channels) {
            assert!(key.secret == again.secret && key.public == again.public);
        }
        assert!(ClientKey::from_secrets(&key.secrets()[1..], &shared).is_err());
        let short = vec![Zeroizing::new(vec![10, 1, 0]); 2];
        assert!(ClientKey::from_secrets(&short, &shared).is_err());
    }

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
