//! The client: owns images and keys.

mod key_file;
mod pending_answer;

use std::io::{Read, Write};
use std::path::Path;

use sottovoce_bfv::{
    BfvError, ClientKey, DecryptedLogits, EncryptedBatch, EvaluationKey, Parameters, ProgressObserver,
};

use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;
use crate::message::answer::{self, AnswerHeader};
use crate::message::batch::{self, BatchHeader};
use crate::message::model::{self, ModelDescription};
use crate::message::{parameters, registration};

use key_file::KeyFile;
pub use key_file::KeyFileError;
pub use pending_answer::PendingAnswer;

/// Encrypts images, and decrypts the answers.
///
/// The secret keys cannot be printed, serialised or handed to a provider. Only [`save`](Self::save) writes them, to a file
/// that only its owner can read. Two kinds of messages leave a client: its
/// [registration](Self::registration_message) and its [batches](Self::write_batch).
///
/// ```
/// use sottovoce_bfv::parameters::PrimeSizes;
/// use sottovoce_bfv::{Encryption, Parameters};
/// use sottovoce_protocol::client::Client;
/// use sottovoce_protocol::provider::Provider;
///
/// let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// let client = Client::new(&parameters)?;
/// let provider = Provider::new(&parameters, Vec::new(), 1)?;
/// provider.register(client.key_fingerprint(), client.registration_message())?;
/// let registration = serde_json::to_string(client.registration_message());
/// println!("{registration:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A client itself cannot be registered:
///
/// ```compile_fail,E0277
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::client::Client;
/// # use sottovoce_protocol::provider::Provider;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// # let provider = Provider::new(&parameters, Vec::new(), 1)?;
/// provider.register(client.key_fingerprint(), client)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A client cannot be serialised:
///
/// ```compile_fail,E0277
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::client::Client;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// let registration = serde_json::to_string(&client);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A client cannot be printed:
///
/// ```compile_fail,E0277
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::client::Client;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// println!("{client:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A client does not give its keys away:
///
/// ```compile_fail,E0616
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::client::Client;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// let key = client.key;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client {
    key: ClientKey,
    parameters: Fingerprint,
    /// The registration message. It is kept because making it again would give other keys.
    registration: Vec<u8>,
    key_fingerprint: Fingerprint,
}

/// An encrypted batch for one model that has not been sent yet.
pub struct EncryptedRequest<'a> {
    client: &'a Client,
    batch: EncryptedBatch,
    model: &'a ModelDescription,
}

impl Client {
    /// Makes a client with fresh keys.
    ///
    /// # Errors
    /// If no evaluation key can be made.
    pub fn new(parameters: &Parameters) -> Result<Self, ProtocolError> {
        let key = ClientKey::generate(parameters);
        let evaluation_key = key.evaluation_key()?;
        Self::with_keys(key, &evaluation_key)
    }

    /// Makes a client with a secret key and the evaluation key that belongs to it.
    fn with_keys(key: ClientKey, evaluation_key: &EvaluationKey) -> Result<Self, ProtocolError> {
        let parameters = Fingerprint::of_parameters(key.parameters());
        let (registration, key_fingerprint) = registration::write(evaluation_key, parameters)?;
        Ok(Self { key, parameters, registration, key_fingerprint })
    }

    /// Makes a client with fresh keys for the parameters of a provider's message, if they take at most `max_memory_bytes`
    /// ([`size::parameters_memory_bytes`](crate::size::parameters_memory_bytes)).
    ///
    /// # Errors
    /// If the message is not a parameters message, or its parameters are not 128-bit secure, differ from those that
    /// [`Parameters::new`] makes, or take more memory.
    pub fn from_parameters_message(message: impl Read, max_memory_bytes: u64) -> Result<Self, ProtocolError> {
        Self::new(&parameters::read(message, max_memory_bytes)?)
    }

    /// Stores the keys in a new file that only its owner can read.
    ///
    /// # Errors
    /// If the file exists, or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        let parameters = parameters::write(self.parameters());
        key_file::write(path, &parameters, &self.registration, &self.key.secrets())
    }

    /// Reads stored keys, if their parameters take at most `max_memory_bytes`
    /// ([`size::parameters_memory_bytes`](crate::size::parameters_memory_bytes)).
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or can be read by others than its owner.
    pub fn load(path: &Path, max_memory_bytes: u64) -> Result<Self, KeyFileError> {
        let KeyFile { parameters, registration, secrets } = key_file::read(path)?;
        let unusable = |source| KeyFileError::Keys { path: path.to_owned(), source };
        let parameters = parameters::read(&parameters[..], max_memory_bytes).map_err(unusable)?;
        let fingerprint = Fingerprint::of_parameters(&parameters);
        let message = &registration[..];
        let (key, key_fingerprint) = match parameters.packed() {
            // The keys of all rotations are long, and the client needs only their message.
            Some(chain) => {
                let found = registration::read_packed_fingerprint(message, &parameters, chain, fingerprint);
                (ClientKey::from_packed_secrets(&secrets, &parameters), found.map_err(unusable)?)
            }
            None => {
                let (shared, found) =
                    registration::read(message, &parameters, fingerprint).map_err(unusable)?;
                (ClientKey::from_secrets(&secrets, &shared), found)
            }
        };
        let key = key.map_err(|error| unusable(error.into()))?;
        Ok(Self { key, parameters: fingerprint, registration, key_fingerprint })
    }

    /// Returns the parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.key.parameters()
    }

    /// Returns whether a provider's parameters message holds the parameters that the keys are for.
    #[must_use]
    pub fn has_parameters_of(&self, message: &[u8]) -> bool {
        parameters::write(self.parameters()) == message
    }

    /// Returns the message that registers the client's public and evaluation keys with a provider.
    #[must_use]
    pub fn registration_message(&self) -> &[u8] {
        &self.registration
    }

    /// Fingerprint of the client's public and evaluation keys, which batches name: the fingerprint of the registration
    /// message.
    #[must_use]
    pub fn key_fingerprint(&self) -> Fingerprint {
        self.key_fingerprint
    }

    /// Reads a provider's model message.
    ///
    /// # Errors
    /// If the message is not a model message for the client's parameters.
    pub fn read_model(&self, message: impl Read) -> Result<ModelDescription, ProtocolError> {
        model::read(message, self.parameters(), self.parameters)
    }

    /// Encrypts quantised images (image after image, one byte per pixel) and writes the batch message to `output`, on the
    /// threads of the current `rayon` pool. Tells `observer` of every ciphertext, in the units of
    /// [`encryption_work`](Self::encryption_work).
    ///
    /// The message does not reveal the number of images: a batch under batched parameters can have up to N, and one under packed
    /// parameters has one.
    ///
    /// # Errors
    /// If a pixel exceeds the model's levels, there are no images, more images than a batch can have
    /// ([`Parameters::images_per_batch`]) or an incomplete image, or `output` fails.
    pub fn write_batch(
        &self,
        model: &ModelDescription,
        images: &[u8],
        observer: &dyn ProgressObserver,
        output: impl Write,
    ) -> Result<PendingAnswer, ProtocolError> {
        self.encrypt(model, images, observer)?.write(output)
    }

    /// Encrypts images: the first step of [`write_batch`](Self::write_batch).
    ///
    /// # Errors
    /// As [`write_batch`](Self::write_batch), except for errors of the output.
    pub fn encrypt<'a>(
        &'a self,
        model: &'a ModelDescription,
        images: &[u8],
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedRequest<'a>, ProtocolError> {
        let largest = model.levels.largest();
        if let Some(&found) = images.iter().find(|&&pixel| pixel > largest) {
            return Err(ProtocolError::PixelOutOfRange { found, largest });
        }
        let batch = match &model.packed {
            Some(input) if images.len() > model.pixels && images.len().is_multiple_of(model.pixels) => {
                let found = images.len() / input.pixels();
                return Err(BfvError::BatchSize { found, slots: self.parameters().images_per_batch() }.into());
            }
            Some(input) => self.key.encrypt_packed(images, input, observer)?,
            None => self.key.encrypt(images, model.pixels, observer)?,
        };
        Ok(EncryptedRequest { client: self, batch, model })
    }

    /// Returns the work of encrypting images of `pixels`, in the units that [`encrypt`](Self::encrypt) reports.
    #[must_use]
    pub fn encryption_work(&self, pixels: usize) -> u64 {
        self.key.encryption_work(pixels)
    }

    /// Returns the expected answer to a batch that this client wrote in another process: the model and the number of images that it
    /// was written for, and its fingerprint ([`PendingAnswer::batch_fingerprint`]).
    #[must_use]
    pub fn pending_answer(
        &self,
        model: &ModelDescription,
        batch: Fingerprint,
        images: usize,
    ) -> PendingAnswer {
        let header = AnswerHeader { parameters: self.parameters, model: model.fingerprint, batch };
        PendingAnswer {
            key: self.key_fingerprint,
            header,
            classes: model.classes,
            images,
            packed: model.packed,
        }
    }

    /// Reads and decrypts the answer to a batch.
    ///
    /// # Errors
    /// If the message is not an answer to that batch, or too noisy to be trusted. The error must not get back to the
    /// provider: it depends on the secret key.
    pub fn decrypt(
        &self,
        pending: &PendingAnswer,
        message: impl Read,
    ) -> Result<DecryptedLogits, ProtocolError> {
        if pending.key != self.key_fingerprint {
            return Err(ProtocolError::WrongKey { found: pending.key, allowed: self.key_fingerprint });
        }
        let logits = answer::read(message, self.key.parameters(), pending.header, pending.classes)?;
        Ok(match &pending.packed {
            Some(input) => self.key.decrypt_packed(&logits, input)?,
            None => self.key.decrypt(&logits)?,
        })
    }
}

impl EncryptedRequest<'_> {
    /// Writes the batch message. Writing a request again gives the same message.
    ///
    /// # Errors
    /// If `output` fails.
    pub fn write(&self, output: impl Write) -> Result<PendingAnswer, ProtocolError> {
        let Self { client, batch, model } = self;
        let (parameters, key) = (client.parameters, client.key_fingerprint);
        let header = BatchHeader { parameters, model: model.fingerprint, key };
        let fingerprint = batch::write(output, batch, model.pixels, client.parameters(), header)?;
        let header = AnswerHeader { parameters, model: model.fingerprint, batch: fingerprint };
        let (classes, packed) = (model.classes, model.packed);
        Ok(PendingAnswer { key, header, classes, images: batch.images(), packed })
    }
}

#[cfg(test)]
mod packed_tests;
#[cfg(test)]
mod tests;
