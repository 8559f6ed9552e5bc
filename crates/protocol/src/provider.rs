//! The provider: owns models and computes.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sottovoce_bfv::{EncryptedBatch, Engine, EvaluationKey, Parameters, Watch};
use sottovoce_network::IntegerEnsemble;

use crate::message::{answer, batch, evaluation_key, field, model, parameters};
use crate::{Fingerprint, Kind, ModelDescription, ProtocolError};

/// Evaluates models on batches of registered clients.
///
/// Bytes go in and bytes come out; what a client has beyond them, its secret above all, has no place here. All of its
/// methods can be called from several threads.
pub struct Provider {
    parameters: Parameters,
    fingerprint: Fingerprint,
    models: Vec<Model>,
    most_keys: usize,
    keys: Mutex<HashMap<Fingerprint, Arc<EvaluationKey>>>,
    /// The engine of the last evaluation, with the memory that it keeps, unless it is at work.
    idle: Mutex<Option<ReadyEngine>>,
}

struct Model {
    description: ModelDescription,
    ensemble: IntegerEnsemble,
}

/// An engine and what it was made for.
struct ReadyEngine {
    key: Fingerprint,
    model: usize,
    engine: Engine,
}

/// A batch that was read and checked, with the key and the model that it named.
pub struct ReceivedBatch {
    pub(crate) batch: EncryptedBatch,
    key: Arc<EvaluationKey>,
    model: usize,
    pub(crate) address: batch::Address,
    fingerprint: Fingerprint,
}

impl Provider {
    /// A provider of `models` under `parameters`, which must hold all of their logits and noise
    /// ([`Request`](sottovoce_bfv::planner::Request)). It keeps at most so many clients' keys.
    #[must_use]
    pub fn new(parameters: &Parameters, models: Vec<IntegerEnsemble>, most_keys: usize) -> Self {
        let model = |ensemble| Model { description: ModelDescription::of(&ensemble), ensemble };
        Self {
            parameters: parameters.clone(),
            fingerprint: Fingerprint::of_parameters(parameters),
            models: models.into_iter().map(model).collect(),
            most_keys,
            keys: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// The message that tells clients the parameters.
    ///
    /// # Errors
    /// None: writing to memory does not fail.
    pub fn parameters_message(&self) -> Result<Vec<u8>, ProtocolError> {
        parameters::write(&self.parameters)
    }

    /// The messages that tell clients of every model.
    ///
    /// # Errors
    /// None: writing to memory does not fail.
    pub fn model_messages(&self) -> Result<Vec<Vec<u8>>, ProtocolError> {
        self.models.iter().map(|model| model::write(&model.description, self.fingerprint)).collect()
    }

    /// Registers a client's evaluation key, and says what batches shall name it by. Registering it again changes nothing.
    ///
    /// # Errors
    /// If the message is no evaluation key for these parameters, or as many keys as are kept are registered.
    pub fn register(&self, message: impl Read) -> Result<Fingerprint, ProtocolError> {
        let (key, fingerprint) = evaluation_key::read(message, &self.parameters, self.fingerprint)?;
        let mut keys = lock(&self.keys);
        // The same key once more takes no more room.
        if keys.len() >= self.most_keys && !keys.contains_key(&fingerprint) {
            return Err(ProtocolError::Keys { most: self.most_keys });
        }
        keys.insert(fingerprint, Arc::new(key));
        Ok(fingerprint)
    }

    /// Forgets a key, and says whether it was there. Evaluations that are under way still end.
    pub fn forget(&self, key: Fingerprint) -> bool {
        let mut keys = lock(&self.keys);
        let mut idle = lock(&self.idle);
        if idle.as_ref().is_some_and(|ready| ready.key == key) {
            *idle = None;
        }
        keys.remove(&key).is_some()
    }

    /// Reads and checks a batch. It takes memory as its ciphertexts come, in the end 16 k N bytes a ciphertext with k
    /// ciphertext primes.
    ///
    /// # Errors
    /// If the message is no batch under these parameters, for one of the models, of a registered client.
    pub fn receive(&self, message: impl Read) -> Result<ReceivedBatch, ProtocolError> {
        let incoming = batch::Incoming::begin(message, self.fingerprint)?;
        let address = incoming.address;
        let unknown = |field, found| ProtocolError::Unknown { message: Kind::Batch, field, found };
        let model = self.models.iter().position(|model| model.description.fingerprint == address.model);
        let model = model.ok_or_else(|| unknown(field::MODEL, address.model))?;
        let key = lock(&self.keys).get(&address.key).cloned();
        let key = key.ok_or_else(|| unknown(field::KEY, address.key))?;
        let pixels = self.models[model].description.pixels;
        let (batch, fingerprint) = incoming.ciphertexts(&self.parameters, pixels)?;
        Ok(ReceivedBatch { batch, key, model, address, fingerprint })
    }

    /// Evaluates the model that the batch is for and gives the answer's message, using the threads of the current
    /// `rayon` pool; `watch` is told of finished work, and may end it.
    ///
    /// # Errors
    /// If the engine refuses the model, or `watch` ends the evaluation.
    pub fn evaluate(&self, received: &ReceivedBatch, watch: &dyn Watch) -> Result<Vec<u8>, ProtocolError> {
        let ready = self.engine(received)?;
        let answer = ready.engine.evaluate(&received.batch, false, watch)?;
        // Locked in the order of `forget`: an engine that is put away has its key.
        let keys = lock(&self.keys);
        if keys.contains_key(&ready.key) {
            *lock(&self.idle) = Some(ready);
        }
        drop(keys);
        let batch::Address { parameters, model, .. } = received.address;
        let address = answer::Address { parameters, model, batch: received.fingerprint };
        answer::write(&answer.ensemble, &self.parameters, address)
    }

    /// The idle engine, if it is for that key and model, or a new one.
    fn engine(&self, received: &ReceivedBatch) -> Result<ReadyEngine, ProtocolError> {
        let (key, model) = (received.address.key, received.model);
        let idle = lock(&self.idle).take();
        match idle {
            Some(ready) if ready.key == key && ready.model == model => Ok(ready),
            _ => {
                let engine = Engine::new(&received.key, &self.models[model].ensemble)?;
                Ok(ReadyEngine { key, model, engine })
            }
        }
    }
}

impl ReceivedBatch {
    /// The client's key.
    #[must_use]
    pub fn key(&self) -> Fingerprint {
        self.address.key
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> Fingerprint {
        self.address.model
    }

    /// The batch message's fingerprint, which the answer names.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
