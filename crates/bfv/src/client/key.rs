//! The client's keys: encryption of batches, decryption of logits.

use std::fmt;
use std::sync::{Arc, OnceLock};

use fhe::bfv::{
    Ciphertext, Encoding, EvaluationKeyBuilder, Plaintext, PublicKey, RelinearizationKey, SecretKey,
};
use fhe_traits::{DeserializeParametrized as _, FheEncoder, FheEncrypter, Serialize as _};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::decryption::{DecryptedLogits, Decryption};
use super::pixel_encryption::{PixelEncryption, PixelRows};
use crate::ciphertexts::{EncryptedBatch, EncryptedLogits, compact_ciphertext};
use crate::compact::layout::CompactCiphertext;
use crate::error::{BfvError, EncryptionError};
use crate::evaluation::EvaluatorKind;
use crate::evaluation_key::{
    ChannelKey, EvaluationKey, Keys, PackedKeyResidues, relinearisation_residues, rotation_residues,
};
use crate::modular::product;
use crate::packed::PackedInput;
use crate::parameters::channel::Channel;
use crate::parameters::encryption::Encryption;
use crate::parameters::level::Level;
use crate::parameters::packed_chain::{PackedChain, Rotation};
use crate::parameters::parameter_set::Parameters;
use crate::progress::ProgressObserver;

/// Everything the client keeps: for every channel a secret key, and the public key that belongs to it. Packed parameters have one secret
/// for all channels and no public key: ciphertexts under several plaintext moduli are samples of the same RLWE problem, as many ciphertexts
/// under one modulus are.
///
/// Keys come from the operating system's randomness, never from an experiment's seed. Secrets are never printed. `fhe` zeroes
/// them when they are dropped, and so does this crate with everything that encryption and decryption compute from them.
///
/// ```
/// use sottovoce_bfv::parameters::{Encryption, Parameters, PrimeSizes};
/// use sottovoce_bfv::ClientKey;
///
/// let primes = PrimeSizes::new(&[36, 36]);
/// let parameters = Parameters::new(4096, &[65_537], &primes, Encryption::SecretKey)?;
/// let client = ClientKey::generate(&parameters);
/// // Two images of four pixels each.
/// let batch = client.encrypt(&[0, 1, 2, 3, 3, 2, 1, 0], 4, &())?;
/// assert_eq!((batch.images(), batch.pixels()), (2, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ClientKey {
    parameters: Parameters,
    channels: Vec<ClientChannelKey>,
}

/// The client's keys of one channel, with the tables for encryption and decryption. Each table is computed once, when it is
/// first needed.
struct ClientChannelKey {
    secret: Arc<SecretKey>,
    /// Absent in packed parameters.
    public: Option<PublicKey>,
    encryption: OnceLock<PixelEncryption>,
    /// By level.
    decryptions: Vec<OnceLock<Decryption>>,
}

impl ClientChannelKey {
    fn new(channel: &Channel, secret: SecretKey, public: Option<PublicKey>) -> Self {
        let decryptions = channel.key_primes().iter().map(|_| OnceLock::new()).collect();
        Self { secret: Arc::new(secret), public, encryption: OnceLock::new(), decryptions }
    }

    /// The table for encryption with the key that the parameters were chosen for.
    fn encryption(
        &self,
        channel: &Channel,
        encryption: Encryption,
    ) -> Result<&PixelEncryption, EncryptionError> {
        let new = || PixelEncryption::new(channel, encryption, &self.secret, self.public.as_ref());
        get_or_try_init(&self.encryption, new)
    }

    /// The table for decryption of ciphertexts that keep so many primes, of all that the channel has.
    fn decryption(&self, channel: &Channel, primes: usize) -> Result<&Decryption, EncryptionError> {
        let level = channel.level_of(primes).ok_or(EncryptionError::Key)?;
        let decryption = self.decryptions.get(level.dropped_primes()).ok_or(EncryptionError::Key)?;
        get_or_try_init(decryption, || Decryption::new(channel, &self.secret, level))
    }
}

/// Decrypted residues of logits, and their noise.
struct DecryptedResidues {
    /// By channel, by ciphertext, by slot.
    residues: Vec<Vec<Vec<u64>>>,
    noise_bits: usize,
    noise_budget_bits: usize,
}

/// Returns the cell's value, and computes it if the cell is empty. If two threads compute it, the first value is kept.
fn get_or_try_init<T, E>(cell: &OnceLock<T>, new: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = new()?;
    Ok(cell.get_or_init(|| value))
}

impl ClientKey {
    /// Generates fresh keys.
    ///
    /// # Panics
    /// If `fhe` cannot read a secret that it wrote.
    #[must_use]
    pub fn generate(parameters: &Parameters) -> Self {
        let mut rng = rand::rng();
        if let (Some(_), [first, ..]) = (parameters.packed(), parameters.channels()) {
            let secret = Zeroizing::new(SecretKey::random(first.inner(), &mut rng).to_bytes());
            #[expect(clippy::expect_used, reason = "the bytes are those of a secret of the same degree")]
            return Self::with_common_secret(parameters, &secret).expect("a secret that was just written");
        }
        let keys = |channel: &Channel| {
            let secret = SecretKey::random(channel.inner(), &mut rng);
            let public = PublicKey::new(&secret, &mut rng);
            ClientChannelKey::new(channel, secret, Some(public))
        };
        let channels = parameters.channels().iter().map(keys).collect();
        Self { parameters: parameters.clone(), channels }
    }

    /// The key of packed parameters with the given [`secrets`](Self::secrets). Neither encryption nor decryption needs the evaluation keys.
    ///
    /// # Errors
    /// If the parameters are batched, there is not one secret, or `fhe` did not write it for these parameters.
    pub fn from_packed_secrets(
        secrets: &[Zeroizing<Vec<u8>>],
        parameters: &Parameters,
    ) -> Result<Self, BfvError> {
        match secrets {
            _ if parameters.packed().is_none() => {
                Err(BfvError::Packing { parameters: "batched", needed: "packed" })
            }
            [secret] => Self::with_common_secret(parameters, secret),
            _ => Err(BfvError::Channels { found: secrets.len(), needed: 1 }),
        }
    }

    /// The keys of packed parameters with the secret that `fhe` wrote as `bytes`.
    fn with_common_secret(parameters: &Parameters, bytes: &[u8]) -> Result<Self, BfvError> {
        let key = |channel: &Channel| {
            let secret = SecretKey::from_bytes(bytes, channel.inner())?;
            Ok(ClientChannelKey::new(channel, secret, None))
        };
        let channels = parameters.channels().iter().map(key).collect::<Result<_, BfvError>>()?;
        Ok(Self { parameters: parameters.clone(), channels })
    }

    /// The parameters that the keys belong to.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The key that the provider evaluates with.
    ///
    /// # Errors
    /// If the parameters do not support key switching.
    pub fn evaluation_key(&self) -> Result<EvaluationKey, BfvError> {
        let keys = match self.parameters.packed() {
            Some(chain) => Keys::Packed(self.packed_keys(chain)?),
            None => Keys::Batched(self.batched_keys()?),
        };
        Ok(EvaluationKey { parameters: self.parameters.clone(), keys })
    }

    fn batched_keys(&self) -> Result<Vec<ChannelKey>, BfvError> {
        let key = |(channel, key): (&Channel, &ClientChannelKey)| {
            // Nothing is relinearised with more primes than an upload has.
            let level = channel.upload_level().dropped_primes();
            let rng = &mut rand::rng();
            let relinearisation = RelinearizationKey::new_leveled(&key.secret, level, level, rng)?;
            let public = key.public.clone().ok_or(EncryptionError::Key)?;
            Ok(ChannelKey { channel: channel.clone(), relinearisation, public })
        };
        self.channels().map(key).collect()
    }

    /// The keys of packed parameters. `fhe` makes keys for ciphertexts without the special prime and switches with it, because the keys' level
    /// is below the ciphertexts' level.
    fn packed_keys(&self, chain: &PackedChain) -> Result<PackedKeyResidues, BfvError> {
        // Keys do not depend on the plaintext modulus, so those of the first channel are the keys of all.
        let (channel, key) = self.channels().next().ok_or(EncryptionError::Key)?;
        let (upload, all) = (channel.upload_level().dropped_primes(), Level::KEY.dropped_primes());
        let relinearisation = RelinearizationKey::new_leveled(&key.secret, upload, all, &mut rand::rng())?;
        let rotation = |rotation: &Rotation| {
            let mut builder = EvaluationKeyBuilder::new_leveled(&key.secret, upload, all)?;
            match rotation.steps {
                0 => builder.enable_row_rotation()?,
                steps => builder.enable_column_rotation(steps)?,
            };
            Ok(rotation_residues(&builder.build(&mut rand::rng())?, channel, rotation.primes)?)
        };
        Ok(PackedKeyResidues {
            relinearisation: relinearisation_residues(&relinearisation, channel, chain.kept.convolution)?,
            rotations: chain.rotations.par_iter().map(rotation).collect::<Result<_, BfvError>>()?,
        })
    }

    /// The secret of every channel, one for all channels of packed parameters, for a file that only its owner can read. With [`from_secrets`](Self::from_secrets) this is
    /// the only way in which a key outlives its process. `fhe`'s form is as large as the secret's coefficients. Copies that
    /// `fhe` makes are not zeroed.
    #[must_use]
    pub fn secrets(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let secrets = if self.parameters.packed().is_some() { 1 } else { self.channels.len() };
        self.channels.iter().take(secrets).map(|key| Zeroizing::new(key.secret.to_bytes())).collect()
    }

    /// The key with the given [`secrets`](Self::secrets) and with the public keys in `shared`, the key that went to the
    /// provider.
    ///
    /// # Errors
    /// If there are too few or too many secrets, or `fhe` did not write a secret for these parameters.
    pub fn from_secrets(secrets: &[Zeroizing<Vec<u8>>], shared: &EvaluationKey) -> Result<Self, BfvError> {
        if let Keys::Packed(_) = &shared.keys {
            return Self::from_packed_secrets(secrets, &shared.parameters);
        }
        let (found, needed) = (secrets.len(), shared.channels().len());
        if found != needed {
            return Err(BfvError::Channels { found, needed });
        }
        let key = |(bytes, shared): (&Zeroizing<Vec<u8>>, &ChannelKey)| {
            let secret = SecretKey::from_bytes(bytes, shared.channel.inner())?;
            Ok(ClientChannelKey::new(&shared.channel, secret, Some(shared.public.clone())))
        };
        let channels = secrets.iter().zip(shared.channels()).map(key).collect::<Result<_, BfvError>>()?;
        Ok(Self { parameters: shared.parameters.clone(), channels })
    }

    /// Encrypts quantised images of `pixels` values each, image after image, with the key that the parameters were
    /// chosen for ([`Encryption`]), using the threads of the current `rayon` pool. `observer` is told of every pixel
    /// done in every channel ([`encryption_work`](Self::encryption_work)), and may cancel the encryption.
    ///
    /// # Errors
    /// If there are no images, more images than slots, or an incomplete image; or if `observer` cancels the encryption.
    pub fn encrypt(
        &self,
        images: &[u8],
        pixels: usize,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedBatch, BfvError> {
        let rows = self.pixel_rows(images, pixels)?;
        let channels = self.channels().map(|(channel, key)| {
            let encryption = key.encryption(channel, self.parameters.encryption())?;
            let encrypt = |state: &mut Option<_>, values: &[u8]| {
                if observer.is_cancelled() {
                    return Err(BfvError::Cancelled);
                }
                let state = match state {
                    Some(state) => state,
                    None => state.insert(encryption.new_thread_state()?),
                };
                let ciphertext = encryption.encrypt(values, state)?;
                observer.advance(1);
                Ok(ciphertext)
            };
            // One state for every thread: `rayon` may make some more.
            rows.par_rows().map_init(|| None, encrypt).collect()
        });
        self.batch(channels, rows.images())
    }

    /// Encrypts one quantised image for packed evaluation, with the pixels in the slots of `input`. `observer` is told of one unit of work in
    /// every channel, and may cancel the encryption.
    ///
    /// # Errors
    /// If the parameters are not packed, `input` does not fit in the slots, the image has another size, or `observer` cancels the encryption.
    pub fn encrypt_packed(
        &self,
        image: &[u8],
        input: &PackedInput,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedBatch, BfvError> {
        if self.parameters.packed().is_none() {
            return Err(BfvError::Packing { parameters: "batched", needed: "packed" });
        }
        input.check(self.parameters.degree())?;
        if image.len() != input.pixels() {
            return Err(BfvError::ImageSize { bytes: image.len(), pixels: input.pixels() });
        }
        let values = Zeroizing::new(input.slot_values(image, self.parameters.degree()));
        let channels = self.channels().map(|(channel, key)| {
            if observer.is_cancelled() {
                return Err(BfvError::Cancelled);
            }
            let encryption = key.encryption(channel, self.parameters.encryption())?;
            let ciphertext = encryption.encrypt(&values, &mut encryption.new_thread_state()?)?;
            observer.advance(1);
            Ok(vec![ciphertext])
        });
        self.batch(channels, 1)
    }

    /// Encrypts as [`encrypt`](Self::encrypt) does, with only `fhe`'s own operations: the baseline in benchmarks. The
    /// ciphertexts have the same form and take longer.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn encrypt_with_fhe(
        &self,
        images: &[u8],
        pixels: usize,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedBatch, BfvError> {
        let rows = self.pixel_rows(images, pixels)?;
        let layout = self.parameters.upload_layout();
        let channels = self.channels().map(|(channel, key)| {
            let encrypt = |values: &[u8]| {
                if observer.is_cancelled() {
                    return Err(BfvError::Cancelled);
                }
                let values: Vec<u64> = values.iter().map(|&value| value.into()).collect();
                let plaintext = Plaintext::try_encode(&values, Encoding::simd(), channel.inner())?;
                let rng = &mut rand::rng();
                let mut ciphertext = match self.parameters.encryption() {
                    Encryption::PublicKey => {
                        key.public.as_ref().ok_or(EncryptionError::Key)?.try_encrypt(&plaintext, rng)?
                    }
                    Encryption::SecretKey => key.secret.try_encrypt(&plaintext, rng)?,
                };
                ciphertext.switch_to_level(channel.upload_level().dropped_primes())?;
                observer.advance(1);
                Ok(compact_ciphertext(&layout, &ciphertext))
            };
            rows.par_rows().map(encrypt).collect()
        });
        self.batch(channels, rows.images())
    }

    /// The work of encrypting images of `pixels`, in the units that [`encrypt`](Self::encrypt) reports.
    #[must_use]
    pub fn encryption_work(&self, pixels: usize) -> u64 {
        (self.channels.len() * self.parameters.batch_ciphertexts(pixels)) as u64
    }

    /// Decrypts logits of a batch and measures their noise.
    ///
    /// # Errors
    /// If the logits were encrypted for other parameters, or the noise is too large to trust the values.
    pub fn decrypt(&self, logits: &EncryptedLogits) -> Result<DecryptedLogits, BfvError> {
        if self.parameters.packed().is_some() {
            return Err(BfvError::Packing { parameters: "packed", needed: "batched" });
        }
        let DecryptedResidues { residues, noise_bits, noise_budget_bits } = self.residues(logits)?;
        Ok(DecryptedLogits::new(self.integers(&residues), noise_bits, noise_budget_bits))
    }

    /// Decrypts the logits of one image from packed evaluation and measures their noise. The logits have one slot.
    ///
    /// # Errors
    /// If the parameters are not packed, and as [`decrypt`](Self::decrypt).
    pub fn decrypt_packed(
        &self,
        logits: &EncryptedLogits,
        input: &PackedInput,
    ) -> Result<DecryptedLogits, BfvError> {
        if self.parameters.packed().is_none() {
            return Err(BfvError::Packing { parameters: "batched", needed: "packed" });
        }
        let DecryptedResidues { residues, noise_bits, noise_budget_bits } = self.residues(logits)?;
        // By channel, by class, one slot.
        let of_channel =
            |(ciphertexts, channel): (Vec<Vec<u64>>, &Channel)| -> Result<Vec<Vec<u64>>, BfvError> {
                let values = ciphertexts.first().ok_or(BfvError::Incomplete)?;
                let logit = |class| input.logit(class, values, channel.plaintext_modulus());
                (0..input.classes).map(|class| Ok(vec![logit(class).ok_or(BfvError::Incomplete)?])).collect()
            };
        let channels = residues.into_iter().zip(self.parameters.channels());
        let residues: Vec<_> = channels.map(of_channel).collect::<Result<_, _>>()?;
        Ok(DecryptedLogits::new(self.integers(&residues), noise_bits, noise_budget_bits))
    }

    /// Decrypts the residues of logits, without the engine's factor, and measures their noise.
    fn residues(&self, logits: &EncryptedLogits) -> Result<DecryptedResidues, BfvError> {
        if logits.channels.len() != self.channels.len() {
            let (found, needed) = (logits.channels.len(), self.channels.len());
            return Err(BfvError::Channels { found, needed });
        }
        let (mut noise_bits, mut noise_budget_bits) = (0, usize::MAX);
        // By channel, by class.
        let mut residues: Vec<Vec<Vec<u64>>> = Vec::new();
        for (classes, (channel, key)) in logits.channels.iter().zip(self.channels()) {
            let t = channel.plaintext_modulus();
            let factor = match logits.evaluator {
                EvaluatorKind::Engine => channel.inverse_answer_factor(),
                EvaluatorKind::Reference => 1,
            };
            let primes = classes.first().and_then(|class| class.first());
            let primes = primes.map_or(1, |polynomial| polynomial.ctx().moduli().len());
            let decryption = key.decryption(channel, primes)?;
            let decrypt = |class: &Ciphertext| -> Result<(Vec<u64>, usize), BfvError> {
                let mut decrypted = decryption.decrypt(class)?;
                decrypted.values.iter_mut().for_each(|value| *value = product(*value, factor, t));
                Ok((decrypted.values, decrypted.noise_bits))
            };
            let decrypted: Vec<_> = classes.par_iter().map(decrypt).collect::<Result<_, _>>()?;
            let limit_bits = channel.trusted_noise_bits(decryption.level());
            let largest = decrypted.iter().map(|(_, bits)| *bits).max().unwrap_or(0);
            if largest > limit_bits {
                return Err(BfvError::NoiseExhausted { noise_bits: largest, limit_bits });
            }
            noise_bits = noise_bits.max(largest);
            noise_budget_bits = noise_budget_bits.min(limit_bits - largest);
            residues.push(decrypted.into_iter().map(|(residues, _)| residues).collect());
        }
        Ok(DecryptedResidues { residues, noise_bits, noise_budget_bits })
    }

    /// The integers of all classes and slots, by their residues by channel, by class, by slot.
    #[expect(clippy::indexing_slicing, reason = "every channel decrypts the same classes and slots")]
    fn integers(&self, residues: &[Vec<Vec<u64>>]) -> Vec<Vec<i128>> {
        let classes = (0..residues.first().map_or(0, Vec::len)).into_par_iter().map(|class| {
            let slot = |slot| self.parameters.integer(residues.iter().map(|channel| channel[class][slot]));
            (0..residues[0][class].len()).map(slot).collect()
        });
        classes.collect()
    }

    /// Every channel with its keys.
    fn channels(&self) -> impl Iterator<Item = (&Channel, &ClientChannelKey)> {
        self.parameters.channels().iter().zip(&self.channels)
    }

    /// The integers of all slots of a packed answer.
    #[cfg(test)]
    pub(crate) fn all_slots(&self, logits: &EncryptedLogits) -> Result<Vec<i128>, BfvError> {
        Ok(self.integers(&self.residues(logits)?.residues).concat())
    }

    /// The secret key of the channel with that number.
    pub(super) fn secret(&self, channel: usize) -> Option<&SecretKey> {
        self.channels.get(channel).map(|key| &*key.secret)
    }

    /// Images by pixel.
    fn pixel_rows(&self, images: &[u8], pixels: usize) -> Result<PixelRows, BfvError> {
        let count = images.len() / pixels.max(1);
        if count * pixels != images.len() {
            return Err(BfvError::ImageSize { bytes: images.len(), pixels });
        }
        if self.parameters.packed().is_some() {
            return Err(BfvError::Packing { parameters: "packed", needed: "batched" });
        }
        let slots = self.parameters.degree();
        if count == 0 || count > slots {
            return Err(BfvError::BatchSize { found: count, slots });
        }
        Ok(PixelRows::new(images, pixels))
    }

    fn batch(
        &self,
        channels: impl Iterator<Item = Result<Vec<CompactCiphertext>, BfvError>>,
        images: usize,
    ) -> Result<EncryptedBatch, BfvError> {
        let layout = self.parameters.upload_layout();
        Ok(EncryptedBatch::new(channels.collect::<Result<_, _>>()?, layout, images))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ciphertexts::expanded_ciphertexts;
    use crate::kernel::Kernel;
    use crate::seed::expansion::expanded;

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

    #[test]
    fn every_pixel_of_a_batch_decrypts_to_itself_with_either_encryption() {
        for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
            let parameters =
                Parameters::insecure_channels(64, 1 << 20, 2, &[50, 45, 50]).encrypted_with(encryption);
            let client = ClientKey::generate(&parameters);
            // There are more pixels than are gathered at a time.
            let images: Vec<u8> = (0..5 * 19).map(|index| (index * 37 % 256) as u8).collect();
            let ours = client.encrypt(&images, 19, &()).unwrap();
            let theirs = client.encrypt_with_fhe(&images, 19, &()).unwrap();
            for batch in [ours, theirs] {
                assert_eq!(batch.images(), 5);
                let channels = parameters.channels().iter().zip(&batch.channels);
                let ciphertexts = channels
                    .map(|(channel, compact)| expanded_ciphertexts(&batch.layout, channel, compact).unwrap());
                let (channels, evaluator) = (ciphertexts.collect(), EvaluatorKind::Reference);
                let decrypted = client.decrypt(&EncryptedLogits { channels, evaluator }).unwrap();
                for slot in 0..64 {
                    let image = images.chunks(19).nth(slot).unwrap_or(&[0; 19]);
                    let expected: Vec<i128> = image.iter().map(|&value| value.into()).collect();
                    assert_eq!(decrypted.slot(slot), expected);
                }
                for pixel in batch.ciphertexts() {
                    assert_eq!(pixel.seed.is_some(), encryption == Encryption::SecretKey);
                    let Some(seed) = pixel.seed else { continue };
                    let uniform = expanded(Kernel::detect(), &seed, parameters.ciphertext_primes(), 64);
                    assert_eq!(pixel.second, Some(batch.layout.pack(&uniform)));
                }
            }
        }
    }

    #[test]
    fn every_value_up_to_the_largest_decrypts_to_itself() {
        for channels in [1, 2, 3] {
            let parameters = Parameters::insecure_channels(64, 1 << 20, channels, &[50, 50]);
            let client = ClientKey::generate(&parameters);
            let largest = parameters.largest_value();
            assert!(largest >= 1 << 20);
            let values = [largest, -largest, largest - 1, 1 - largest, 1, -1, 0];
            let encrypt = |(channel, key): (&Channel, &ClientChannelKey)| {
                let t = i128::from(channel.plaintext_modulus());
                let residues = values.map(|value| value.rem_euclid(t) as u64);
                let plaintext =
                    Plaintext::try_encode(&residues[..], Encoding::simd(), channel.inner()).unwrap();
                vec![key.public.as_ref().unwrap().try_encrypt(&plaintext, &mut rand::rng()).unwrap()]
            };
            let channels = parameters.channels().iter().zip(&client.channels).map(encrypt).collect();
            let decrypted =
                client.decrypt(&EncryptedLogits { channels, evaluator: EvaluatorKind::Reference }).unwrap();
            let found: Vec<i128> = (0..values.len()).map(|slot| decrypted.slot(slot)[0]).collect();
            assert_eq!(found, values);
        }
    }

    #[test]
    fn a_cancelled_encryption_is_an_error() {
        struct Cancelled;

        impl ProgressObserver for Cancelled {
            fn advance(&self, _: u64) {}

            fn is_cancelled(&self) -> bool {
                true
            }
        }

        let client = ClientKey::generate(&Parameters::insecure(64, 1 << 10, &[50, 50]));
        assert!(matches!(client.encrypt(&[0; 4], 4, &Cancelled), Err(BfvError::Cancelled)));
        assert!(matches!(client.encrypt_with_fhe(&[0; 4], 4, &Cancelled), Err(BfvError::Cancelled)));
    }
}
