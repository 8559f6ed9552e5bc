//! The provider: owns models and computes on encrypted batches.
//!
//! No module here imports from [`client`](crate::client) or from [`sottovoce_bfv::client`], which define all types with
//! secret keys.

mod batch;
mod key_cache;
mod packed_model;

use std::io::Read;
use std::sync::Arc;

use parking_lot::Mutex;
use sottovoce_bfv::{Engine, FloodingNoise, Kernel, Parameters, ProgressObserver, ReferenceEvaluator};
use sottovoce_network::IntegerEnsemble;

use crate::error::ProtocolError;
use crate::evaluator::Evaluator;
use crate::fingerprint::Fingerprint;
use crate::message::answer::{self, AnswerHeader};
use crate::message::batch::BatchReader;
use crate::message::header::{MessageKind, parameters_fingerprint};
use crate::message::model::{self, ModelDescription};
use crate::message::{parameters, registration};

pub use batch::{EvaluatedBatch, ReceivedBatch};
use key_cache::KeyCache;
pub use key_cache::RegisteredKey;
use packed_model::packed_input;

/// Evaluates models on batches of registered clients. All methods can be called from several threads.
///
/// Its inputs and outputs are messages, which carry no secret key.
///
/// ```
/// use sottovoce_bfv::planner::{ParameterRequest, choose_parameters};
/// use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels};
/// use sottovoce_protocol::client::Client;
/// use sottovoce_protocol::provider::Provider;
///
/// // One network: 2 x 2 black and white pixels, one hidden unit, two classes.
/// let padding = Padding { leading: 0, trailing: 0 };
/// let shape = Architecture { image_side: 2, kernel: 2, stride: 2, padding, maps: 1, hidden: 1, classes: 2 };
/// let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, |_, _, _| 1, |_, row| row as i128)?;
/// let ensemble = IntegerEnsemble::new(vec![network])?;
/// let parameters = choose_parameters(&ParameterRequest::new(&[&ensemble], ensemble.proven_logits()))?.parameters;
///
/// let provider = Provider::new(&parameters, vec![ensemble], 1)?;
/// let client = Client::from_parameters_message(&provider.parameters_message()[..], 1 << 30)?;
/// let key = provider.register(client.key_fingerprint(), client.registration_message())?;
/// let model = client.read_model(&provider.model_messages()[0][..])?;
///
/// let mut upload = Vec::new();
/// let pending = client.write_batch(&model, &[1, 0, 1, 1], &(), &mut upload)?;
/// let answer = provider.evaluate(&provider.receive(&key, &upload[..])?, &())?;
/// // Three pixels are 1: the convolution gives 3, its square 9, the square of the hidden unit 81. The biases are 0 and 1.
/// assert_eq!(client.decrypt(&pending, &answer[..])?.slot(0), [81, 82]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Under packed parameters, a batch is one image in one ciphertext, and so is its answer:
///
/// ```
/// use sottovoce_bfv::planner::{ParameterRequest, choose_packed_parameters};
/// use sottovoce_network::{Architecture, NetworkSampler, sum_logits};
/// use sottovoce_protocol::client::Client;
/// use sottovoce_protocol::provider::Provider;
/// use sottovoce_protocol::size;
///
/// let shape = Architecture { image_side: 5, kernel: 3, maps: 1, hidden: 2, classes: 2, ..Architecture::PAPER };
/// let mut sampler = NetworkSampler::new(shape, 1).with_largest_weights([1; 3]);
/// let (ensemble, image) = (sampler.ensemble(2)?, sampler.images(1));
/// let ensembles = [&ensemble];
/// let request = ParameterRequest::new(&ensembles, ensemble.proven_logits());
/// let parameters = choose_packed_parameters(&request)?.parameters;
///
/// let provider = Provider::new(&parameters, vec![ensemble.clone()], 1)?;
/// let client = Client::from_parameters_message(&provider.parameters_message()[..], 1 << 30)?;
/// let key = provider.register(client.key_fingerprint(), client.registration_message())?;
/// let model = client.read_model(&provider.model_messages()[0][..])?;
///
/// let mut upload = Vec::new();
/// let pending = client.write_batch(&model, &image, &(), &mut upload)?;
/// assert_eq!(upload.len() as u64, size::batch_bytes(&parameters, shape.pixels()));
/// let answer = provider.evaluate(&provider.receive(&key, &upload[..])?, &())?;
/// let logits = client.decrypt(&pending, &answer[..])?;
/// assert_eq!(logits.slot(0), sum_logits(&ensemble.member_logits(&image)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Provider {
    parameters: Parameters,
    fingerprint: Fingerprint,
    models: Vec<Model>,
    evaluator: Evaluator,
    flooding: Option<FloodingNoise>,
    keys: Arc<Mutex<KeyCache>>,
    /// Engine of the last evaluation with its buffers, unless an evaluation is using it.
    idle_engine: Arc<Mutex<Option<PreparedEngine>>>,
}

struct Model {
    description: ModelDescription,
    ensemble: IntegerEnsemble,
}

/// An engine, with the fingerprints of its key and model and its noise flooding.
struct PreparedEngine {
    key: Fingerprint,
    model: Fingerprint,
    flooding: Option<FloodingNoise>,
    engine: Engine,
}

impl Provider {
    /// Returns a provider of `models` under `parameters`, which must have room for all logits and their noise
    /// ([`ParameterRequest`](sottovoce_bfv::planner::ParameterRequest)). The provider has the keys of at most `max_keys` clients in memory.
    ///
    /// # Errors
    /// If packed parameters do not have the slots or the rotations that a model needs.
    pub fn new(
        parameters: &Parameters,
        models: Vec<IntegerEnsemble>,
        max_keys: usize,
    ) -> Result<Self, ProtocolError> {
        Ok(Self {
            parameters: parameters.clone(),
            fingerprint: Fingerprint::of_parameters(parameters),
            models: described(parameters, models)?,
            evaluator: Evaluator::default(),
            flooding: None,
            keys: Arc::new(Mutex::new(KeyCache::new(max_keys))),
            idle_engine: Arc::default(),
        })
    }

    /// Returns a provider of `models` under the parameters that another process of the provider announced in a message, if they take at
    /// most `max_memory_bytes` ([`size::parameters_memory_bytes`](crate::size::parameters_memory_bytes)).
    ///
    /// # Errors
    /// If the message is not a parameters message, or its parameters are not 128-bit secure, differ from those that
    /// [`Parameters::new`] makes, or take more memory; or as [`new`](Self::new).
    pub fn from_parameters_message(
        message: impl Read,
        max_memory_bytes: u64,
        models: Vec<IntegerEnsemble>,
        max_keys: usize,
    ) -> Result<Self, ProtocolError> {
        Self::new(&parameters::read(message, max_memory_bytes)?, models, max_keys)
    }

    /// Returns a provider of other models under the same parameters, which must have room for their logits and noise. Both
    /// providers share the clients' keys and one engine, so that a service can replace its models while it evaluates batches for
    /// the former ones.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_models(&self, models: Vec<IntegerEnsemble>) -> Result<Self, ProtocolError> {
        Ok(Self {
            parameters: self.parameters.clone(),
            fingerprint: self.fingerprint,
            models: described(&self.parameters, models)?,
            evaluator: self.evaluator,
            flooding: self.flooding,
            keys: self.keys.clone(),
            idle_engine: self.idle_engine.clone(),
        })
    }

    /// Replaces the evaluator. The default is the engine with the processor's best kernel.
    ///
    /// # Errors
    /// If the evaluator is the reference and the parameters are packed.
    pub fn with_evaluator(self, evaluator: Evaluator) -> Result<Self, ProtocolError> {
        if evaluator == Evaluator::Reference && self.parameters.packed().is_some() {
            let (what, instead) = ("reference evaluator", "use the engine, or batched evaluation");
            return Err(ProtocolError::PackedUnsupported { what, instead });
        }
        Ok(Self { evaluator, ..self })
    }

    /// Sets the noise flooding of answers. With flooding, an answer reveals nothing about the weights beyond the logits. The
    /// parameters must have been chosen for this flooding ([`ParameterRequest::hide_model`](sottovoce_bfv::planner::ParameterRequest)).
    ///
    /// # Errors
    /// If there is flooding and the parameters are packed.
    pub fn with_flooding(self, flooding: Option<FloodingNoise>) -> Result<Self, ProtocolError> {
        if flooding.is_some() && self.parameters.packed().is_some() {
            let (what, instead) = ("answers that hide the model", "use batched evaluation");
            return Err(ProtocolError::PackedUnsupported { what, instead });
        }
        Ok(Self { flooding, ..self })
    }

    /// Returns the parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the public descriptions of the models.
    pub fn models(&self) -> impl Iterator<Item = &ModelDescription> {
        self.models.iter().map(|model| &model.description)
    }

    /// Returns the parameters message.
    #[must_use]
    pub fn parameters_message(&self) -> Vec<u8> {
        parameters::write(&self.parameters)
    }

    /// Returns the model message of every model.
    #[must_use]
    pub fn model_messages(&self) -> Vec<Vec<u8>> {
        self.models.iter().map(|model| model::write(&model.description, self.fingerprint)).collect()
    }

    /// Registers the keys that `fingerprint` names, and returns them. Registering the same keys again changes nothing. If the
    /// maximum number of keys is in memory, the least recently used keys are forgotten.
    ///
    /// # Errors
    /// If the message is not a registration of these keys for the provider's parameters. Nothing has changed then.
    pub fn register(
        &self,
        fingerprint: Fingerprint,
        message: impl Read,
    ) -> Result<RegisteredKey, ProtocolError> {
        let (key, found) = registration::read(message, &self.parameters, self.fingerprint)?;
        if found != fingerprint {
            let message = MessageKind::Registration;
            return Err(ProtocolError::OtherKeys { message, found, allowed: fingerprint });
        }
        let mut keys = self.keys.lock();
        let (key, removed) = keys.insert(fingerprint, key);
        if let Some(removed) = removed {
            self.drop_idle_engine(removed);
        }
        Ok(key)
    }

    /// Returns the fingerprint of the provider's parameters.
    #[must_use]
    pub fn parameters_fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the fingerprint of the parameters in the header of a stored registration message, or `None` if the message is
    /// too short.
    #[must_use]
    pub fn parameters_of(registration: &[u8]) -> Option<Fingerprint> {
        parameters_fingerprint(registration)
    }

    /// Returns a client's keys if they are in memory, and notes their use.
    #[must_use]
    pub fn key(&self, fingerprint: Fingerprint) -> Option<RegisteredKey> {
        self.keys.lock().get(fingerprint)
    }

    /// Forgets a client's keys. Returns whether they were in memory. Running evaluations still finish.
    pub fn forget_key(&self, key: Fingerprint) -> bool {
        let mut keys = self.keys.lock();
        self.drop_idle_engine(key);
        keys.remove(key)
    }

    /// Drops the idle engine if it has that key.
    fn drop_idle_engine(&self, key: Fingerprint) {
        let mut idle = self.idle_engine.lock();
        if idle.as_ref().is_some_and(|prepared| prepared.key == key) {
            *idle = None;
        }
    }

    /// Reads and checks a batch of the client with the keys `key`, which this provider has registered. Memory is allocated as
    /// ciphertexts arrive, and the batch stays in compact form ([`size::batch_memory_bytes`](crate::size::batch_memory_bytes)).
    ///
    /// # Errors
    /// If the message is not a batch for the provider's parameters, under these keys, for one of its models. A batch under other
    /// keys is refused in the same way whether the provider knows those keys or not.
    pub fn receive(&self, key: &RegisteredKey, message: impl Read) -> Result<ReceivedBatch, ProtocolError> {
        let reader = BatchReader::start(message, self.fingerprint, key.fingerprint())?;
        let header = reader.header;
        let pixels = self.model(header.model)?.description.pixels;
        let (batch, fingerprint) = reader.read_ciphertexts(&self.parameters, pixels)?;
        Ok(ReceivedBatch { batch, key: key.clone(), header, fingerprint })
    }

    /// Evaluates the model that the batch is for, on the threads of the current `rayon` pool, and returns the answer
    /// message. `observer` is told of finished work in the units of [`evaluation_work`](Self::evaluation_work), and can cancel
    /// the evaluation.
    ///
    /// # Errors
    /// If the engine refuses the model, or `observer` cancels the evaluation.
    pub fn evaluate(
        &self,
        received: &ReceivedBatch,
        observer: &dyn ProgressObserver,
    ) -> Result<Vec<u8>, ProtocolError> {
        Ok(self.evaluate_model(received, received.model_fingerprint(), false, observer)?.answer)
    }

    /// Evaluates any of the models that read such images. Also returns the members' answers if `with_members` is set.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), or if there is no such model.
    pub fn evaluate_model(
        &self,
        received: &ReceivedBatch,
        model: Fingerprint,
        with_members: bool,
        observer: &dyn ProgressObserver,
    ) -> Result<EvaluatedBatch, ProtocolError> {
        let evaluated = match self.evaluator {
            Evaluator::Engine(kernel) => {
                let prepared = self.take_engine(&received.key, model, kernel)?;
                let evaluated = prepared.engine.evaluate(&received.batch, with_members, observer);
                self.keep_engine(prepared);
                evaluated?
            }
            Evaluator::Reference if self.flooding.is_some() => {
                return Err(ProtocolError::FloodingUnsupported);
            }
            Evaluator::Reference => {
                let ensemble = &self.model(model)?.ensemble;
                let reference = ReferenceEvaluator::new(&received.key.key, ensemble);
                reference.evaluate(&received.batch, observer)?
            }
        };
        let header = AnswerHeader { parameters: self.fingerprint, model, batch: received.fingerprint };
        let classes = self.model(model)?.description.classes;
        let message = |logits| answer::write(logits, classes, &self.parameters, header);
        Ok(EvaluatedBatch {
            answer: message(&evaluated.ensemble)?,
            member_answers: if with_members {
                evaluated.members.iter().map(message).collect::<Result<_, _>>()?
            } else {
                Vec::new()
            },
            layer_times: evaluated.times,
        })
    }

    /// Returns the work of evaluating one batch, in the units that evaluations report. Also prepares the evaluation, which
    /// then starts without delay.
    ///
    /// # Errors
    /// If there is no such model, or the engine refuses the model.
    pub fn work_for(&self, key: &RegisteredKey, model: Fingerprint) -> Result<u64, ProtocolError> {
        Ok(match self.evaluator {
            Evaluator::Engine(kernel) => {
                let prepared = self.take_engine(key, model, kernel)?;
                let work = prepared.engine.work();
                self.keep_engine(prepared);
                work
            }
            Evaluator::Reference => ReferenceEvaluator::new(&key.key, &self.model(model)?.ensemble).work(),
        })
    }

    /// Returns the work of evaluating a received batch, in the units that evaluations report. Also prepares the evaluation.
    ///
    /// # Errors
    /// If the engine refuses the model.
    pub fn evaluation_work(&self, received: &ReceivedBatch) -> Result<u64, ProtocolError> {
        self.work_for(&received.key, received.header.model)
    }

    /// Takes the idle engine if it has that key and model, gives it the key if it has that model, or makes a new engine.
    fn take_engine(
        &self,
        key: &RegisteredKey,
        model: Fingerprint,
        kernel: Kernel,
    ) -> Result<PreparedEngine, ProtocolError> {
        let idle = self.idle_engine.lock().take();
        let idle_fits = |idle: &PreparedEngine| idle.model == model && idle.flooding == self.flooding;
        let engine = match idle {
            Some(idle) if idle_fits(&idle) && idle.key == key.fingerprint() => return Ok(idle),
            Some(idle) if idle_fits(&idle) => idle.engine.with_key(&key.key)?,
            other => {
                // Its memory is freed before a new engine allocates.
                drop(other);
                let engine = Engine::with_kernel(&key.key, &self.model(model)?.ensemble, kernel)?;
                match self.flooding {
                    Some(flooding) => engine.with_noise_flooding(flooding)?,
                    None => engine,
                }
            }
        };
        Ok(PreparedEngine { key: key.fingerprint(), model, flooding: self.flooding, engine })
    }

    /// Keeps an engine for the next evaluation if its key is still in memory.
    fn keep_engine(&self, prepared: PreparedEngine) {
        // The locks are taken in the order of `forget_key`, so an idle engine always has a key that is in memory.
        let keys = self.keys.lock();
        if keys.contains(prepared.key) {
            *self.idle_engine.lock() = Some(prepared);
        }
    }

    fn model(&self, fingerprint: Fingerprint) -> Result<&Model, ProtocolError> {
        let model = self.models.iter().find(|model| model.description.fingerprint == fingerprint);
        model.ok_or(ProtocolError::UnknownModel { found: fingerprint })
    }
}

/// Describes models for clients.
fn described(parameters: &Parameters, models: Vec<IntegerEnsemble>) -> Result<Vec<Model>, ProtocolError> {
    let model = |ensemble: IntegerEnsemble| {
        let packed = packed_input(parameters, ensemble.architecture())?;
        Ok(Model { description: ModelDescription::of(&ensemble, packed), ensemble })
    };
    models.into_iter().map(model).collect()
}
