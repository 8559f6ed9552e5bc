//! The client: owns images and keys.

mod stored;

use std::io::{Read, Write};

use sottovoce_bfv::{
    ClientKey, DecryptedLogits, EncryptedBatch, EvaluationKey, Parameters, ProgressObserver,
};

use crate::message::{answer, batch, model, parameters, registration};
use crate::{Fingerprint, ModelDescription, ProtocolError};

pub use stored::StoreError;

/// Encrypts images, and decrypts the answers.
///
/// The secret keys stay here: there is no way to print them, to serialise them, or to hand them to a provider. They outlive the
/// process in a file that nobody but its owner can read ([`save`](Self::save)), and nowhere else. What leaves a client is
/// bytes: its [`registration`](Self::registration) and its [`request`](Self::request)s.
///
/// ```
/// use sottovoce_bfv::parameters::PrimeSizes;
/// use sottovoce_bfv::{Encryption, Parameters};
/// use sottovoce_protocol::{Client, Provider};
///
/// let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// let client = Client::new(&parameters)?;
/// let provider = Provider::new(&parameters, Vec::new(), 1);
/// provider.register(client.registration())?;
/// let registration = serde_json::to_string(client.registration());
/// println!("{registration:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The client itself cannot be registered,
///
/// ```compile_fail,E0277
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::{Client, Provider};
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// # let provider = Provider::new(&parameters, Vec::new(), 1);
/// provider.register(client)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// serialised,
///
/// ```compile_fail,E0277
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::Client;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// let registration = serde_json::to_string(&client);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// printed,
///
/// ```compile_fail,E0277
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::Client;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// println!("{client:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// or asked for its keys.
///
/// ```compile_fail,E0616
/// # use sottovoce_bfv::parameters::PrimeSizes;
/// # use sottovoce_bfv::{Encryption, Parameters};
/// # use sottovoce_protocol::Client;
/// # let parameters = Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)?;
/// # let client = Client::new(&parameters)?;
/// let key = client.key;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client {
    key: ClientKey,
    parameters: Fingerprint,
    /// The registration message: the keys would be others if they were made again.
    registration: Vec<u8>,
    registered: Fingerprint,
}

/// A batch that was sent, and what its answer must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAnswer {
    key: Fingerprint,
    address: answer::Address,
    classes: usize,
    images: usize,
}

/// Images under encryption, for one model, that have not been sent yet.
pub struct EncryptedRequest<'a> {
    client: &'a Client,
    batch: EncryptedBatch,
    model: Fingerprint,
    classes: usize,
}

impl PendingAnswer {
    /// What the answer of another model to the same batch must be like
    /// ([`Provider::evaluate_for`](crate::Provider::evaluate_for)).
    #[must_use]
    pub fn of_model(&self, model: &ModelDescription) -> Self {
        let address = answer::Address { model: model.fingerprint, ..self.address };
        Self { address, classes: model.classes, ..self.clone() }
    }

    /// Images in the batch, in the first slots; the slots behind them hold blank images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Classes, of which the answer has a logit each.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The batch message's fingerprint, which its answer names.
    #[must_use]
    pub fn batch(&self) -> Fingerprint {
        self.address.batch
    }
}

impl Client {
    /// A client with fresh keys.
    ///
    /// # Errors
    /// If no evaluation key can be made.
    pub fn new(parameters: &Parameters) -> Result<Self, ProtocolError> {
        let key = ClientKey::generate(parameters);
        let evaluation_key = key.evaluation_key()?;
        Self::with_keys(key, &evaluation_key)
    }

    /// A client with keys that belong together.
    fn with_keys(key: ClientKey, evaluation_key: &EvaluationKey) -> Result<Self, ProtocolError> {
        let parameters = Fingerprint::of_parameters(key.parameters());
        let (registration, registered) = registration::write(evaluation_key, parameters)?;
        Ok(Self { key, parameters, registration, registered })
    }

    /// A client with fresh keys for the parameters of a provider's message, if they take at most so much memory
    /// ([`size::parameters_memory_bytes`](crate::size::parameters_memory_bytes)).
    ///
    /// # Errors
    /// If the message is no parameters message, or its parameters are not 128-bit secure, not such as
    /// [`Parameters::new`] makes them, or too large.
    pub fn for_provider(message: impl Read, most_memory_bytes: u64) -> Result<Self, ProtocolError> {
        Self::new(&parameters::read(message, most_memory_bytes)?)
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.key.parameters()
    }

    /// Whether a provider's parameters message is of the parameters that the keys are for.
    #[must_use]
    pub fn is_for(&self, message: &[u8]) -> bool {
        parameters::write(self.parameters()).is_ok_and(|own| own == message)
    }

    /// The message that registers the client's public and evaluation keys with a provider.
    #[must_use]
    pub fn registration(&self) -> &[u8] {
        &self.registration
    }

    /// What the provider knows these keys by.
    #[must_use]
    pub fn registered(&self) -> Fingerprint {
        self.registered
    }

    /// Reads what a provider says of a model.
    ///
    /// # Errors
    /// If it is no model message, or speaks of other parameters.
    pub fn model(&self, message: impl Read) -> Result<ModelDescription, ProtocolError> {
        model::read(message, self.parameters)
    }

    /// Encrypts quantised images (image after image, a byte a pixel) and writes the batch message to `output`, using the
    /// threads of the current `rayon` pool. `observer` is told of every ciphertext
    /// ([`ClientKey::encryption_work`]).
    ///
    /// The message does not say how many images there are.
    ///
    /// # Errors
    /// If a pixel is none of the model's levels, there are no images, more than slots or parts of one, or `output`
    /// fails.
    pub fn request(
        &self,
        model: &ModelDescription,
        images: &[u8],
        observer: &dyn ProgressObserver,
        output: impl Write,
    ) -> Result<PendingAnswer, ProtocolError> {
        self.encrypt(model, images, observer)?.write(output)
    }

    /// The first half of a [`request`](Self::request): encrypts images.
    ///
    /// # Errors
    /// As a request's, but for the output's.
    pub fn encrypt(
        &self,
        model: &ModelDescription,
        images: &[u8],
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedRequest<'_>, ProtocolError> {
        let largest = model.levels.largest();
        if let Some(&found) = images.iter().find(|&&pixel| pixel > largest) {
            return Err(ProtocolError::Pixel { found, largest });
        }
        let batch = self.key.encrypt(images, model.pixels, observer)?;
        Ok(EncryptedRequest { client: self, batch, model: model.fingerprint, classes: model.classes })
    }

    /// The work of encrypting images of `pixels`, in the units that [`encrypt`](Self::encrypt) reports.
    #[must_use]
    pub fn encryption_work(&self, pixels: usize) -> u64 {
        self.key.encryption_work(pixels)
    }

    /// Reads and decrypts the answer to a batch.
    ///
    /// # Errors
    /// If it is no answer to that batch, or too noisy to be trusted. Which of them must not get back to the provider: what
    /// decrypts and what does not tells about the secret.
    pub fn decrypt(
        &self,
        pending: &PendingAnswer,
        message: impl Read,
    ) -> Result<DecryptedLogits, ProtocolError> {
        if pending.key != self.registered {
            return Err(ProtocolError::Key { found: pending.key, allowed: self.registered });
        }
        let logits = answer::read(message, self.key.parameters(), pending.address, pending.classes)?;
        Ok(self.key.decrypt(&logits)?)
    }
}

impl EncryptedRequest<'_> {
    /// Writes the batch message. The same request is the same message however often it is written.
    ///
    /// # Errors
    /// If `output` fails.
    pub fn write(&self, output: impl Write) -> Result<PendingAnswer, ProtocolError> {
        let Self { client, ref batch, model, classes } = *self;
        let parameters = client.parameters;
        let address = batch::Address { parameters, model, key: client.registered };
        let fingerprint = batch::write(output, batch, client.key.parameters(), address)?;
        let address = answer::Address { parameters, model, batch: fingerprint };
        Ok(PendingAnswer { key: client.registered, address, classes, images: batch.images() })
    }
}

#[cfg(test)]
mod tests;
