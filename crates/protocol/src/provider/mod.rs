//! The provider: owns models and computes.

mod keys;

use std::io::Read;
use std::sync::{Arc, Mutex};

use sottovoce_bfv::{
    EncryptedBatch, Engine, EvaluationKey, Flood, Kernel, LayerTime, Parameters, ProgressObserver,
    ReferenceEvaluator,
};
use sottovoce_network::IntegerEnsemble;

use crate::lock::lock;
use crate::message::{answer, batch, field, model, parameters, registration};
use crate::{Evaluator, Fingerprint, Kind, ModelDescription, ProtocolError};
use keys::Keys;

/// Evaluates models on batches of registered clients.
///
/// Bytes go in and bytes come out; what a client has beyond them, its secret above all, has no place here. All of its
/// methods can be called from several threads.
pub struct Provider {
    parameters: Parameters,
    fingerprint: Fingerprint,
    models: Vec<Model>,
    evaluator: Evaluator,
    flood: Option<Flood>,
    keys: Mutex<Keys>,
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
    model: Fingerprint,
    engine: Engine,
}

/// A batch that was read and checked, with the key that it named.
pub struct ReceivedBatch {
    pub(crate) batch: EncryptedBatch,
    key: Arc<EvaluationKey>,
    pub(crate) address: batch::Address,
    fingerprint: Fingerprint,
}

/// Answers to a batch, as messages.
pub struct Evaluated {
    /// The ensemble's logits.
    pub answer: Vec<u8>,
    /// Every member's, in messages of the same form, where they were asked for. A service does not give them away.
    pub members: Vec<Vec<u8>>,
    /// Wall-clock time of every layer.
    pub times: Vec<LayerTime>,
}

impl Provider {
    /// A provider of `models` under `parameters`, which must hold all of their logits and noise
    /// ([`Request`](sottovoce_bfv::planner::Request)). It has at most so many clients' keys at hand.
    #[must_use]
    pub fn new(parameters: &Parameters, models: Vec<IntegerEnsemble>, most_keys: usize) -> Self {
        let model = |ensemble| Model { description: ModelDescription::of(&ensemble), ensemble };
        Self {
            parameters: parameters.clone(),
            fingerprint: Fingerprint::of_parameters(parameters),
            models: models.into_iter().map(model).collect(),
            evaluator: Evaluator::default(),
            flood: None,
            keys: Mutex::new(Keys::new(most_keys)),
            idle: Mutex::default(),
        }
    }

    /// The same with an evaluator of one's choice.
    #[must_use]
    pub fn evaluated_by(self, evaluator: Evaluator) -> Self {
        Self { evaluator, ..self }
    }

    /// The same with answers that say nothing of the weights but the logits, if there is a flood. The parameters must have been chosen for that
    /// flood ([`Request::hide_model`](sottovoce_bfv::planner::Request)).
    #[must_use]
    pub fn hiding(self, flood: Option<Flood>) -> Self {
        Self { flood, ..self }
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What clients may know of the models.
    pub fn models(&self) -> impl Iterator<Item = &ModelDescription> {
        self.models.iter().map(|model| &model.description)
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

    /// Registers a client's keys, and says what batches shall name them by. Registering them again changes nothing. Where as
    /// many keys as are kept are there, those that have been idle longest are forgotten.
    ///
    /// # Errors
    /// If the message is no registration under these parameters.
    pub fn register(&self, message: impl Read) -> Result<Fingerprint, ProtocolError> {
        let (key, fingerprint) = registration::read(message, &self.parameters, self.fingerprint)?;
        let mut keys = lock(&self.keys);
        if let Some(gone) = keys.insert(fingerprint, key) {
            self.idle_without(gone);
        }
        Ok(fingerprint)
    }

    /// Whether a key is at hand.
    #[must_use]
    pub fn has(&self, key: Fingerprint) -> bool {
        lock(&self.keys).contains(key)
    }

    /// Forgets a key, and says whether it was there. Evaluations that are under way still end.
    pub fn forget(&self, key: Fingerprint) -> bool {
        let mut keys = lock(&self.keys);
        self.idle_without(key);
        keys.remove(key)
    }

    /// Lets the idle engine go, if it is for that key.
    fn idle_without(&self, key: Fingerprint) {
        let mut idle = lock(&self.idle);
        if idle.as_ref().is_some_and(|ready| ready.key == key) {
            *idle = None;
        }
    }

    /// Reads and checks a batch. It takes memory as its ciphertexts come, and stays as it came
    /// ([`size::batch_memory_bytes`](crate::size::batch_memory_bytes)).
    ///
    /// # Errors
    /// If the message is no batch under these parameters, for one of the models, of a registered client.
    pub fn receive(&self, message: impl Read) -> Result<ReceivedBatch, ProtocolError> {
        let incoming = batch::Incoming::begin(message, self.fingerprint)?;
        let address = incoming.address;
        let pixels = self.model(address.model)?.description.pixels;
        let key = lock(&self.keys).get(address.key);
        let key = key.ok_or_else(|| unknown(field::KEY, address.key))?;
        let (batch, fingerprint) = incoming.ciphertexts(&self.parameters, pixels)?;
        Ok(ReceivedBatch { batch, key, address, fingerprint })
    }

    /// Evaluates the model that the batch is for and gives the answer's message, using the threads of the current
    /// `rayon` pool; `observer` is told of finished work ([`work`](Self::work)), and may cancel it.
    ///
    /// # Errors
    /// If the engine refuses the model, or `observer` cancels the evaluation.
    pub fn evaluate(
        &self,
        received: &ReceivedBatch,
        observer: &dyn ProgressObserver,
    ) -> Result<Vec<u8>, ProtocolError> {
        Ok(self.evaluate_for(received, received.model(), false, observer)?.answer)
    }

    /// Evaluates any of the models that read such images, and gives the members' answers as well where they are asked for.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), or if there is no such model.
    pub fn evaluate_for(
        &self,
        received: &ReceivedBatch,
        model: Fingerprint,
        with_members: bool,
        observer: &dyn ProgressObserver,
    ) -> Result<Evaluated, ProtocolError> {
        let answer = match self.evaluator {
            Evaluator::Engine(kernel) => {
                let ready = self.engine(received.address.key, &received.key, model, kernel)?;
                let answer = ready.engine.evaluate(&received.batch, with_members, observer);
                self.put_away(ready);
                answer?
            }
            Evaluator::Reference if self.flood.is_some() => return Err(ProtocolError::Hiding),
            Evaluator::Reference => {
                let ensemble = &self.model(model)?.ensemble;
                let reference = ReferenceEvaluator::new(&received.key, ensemble);
                reference.evaluate(&received.batch, observer)?
            }
        };
        let address = answer::Address { parameters: self.fingerprint, model, batch: received.fingerprint };
        let message = |logits| answer::write(logits, &self.parameters, address);
        Ok(Evaluated {
            answer: message(&answer.ensemble)?,
            members: if with_members {
                answer.members.iter().map(message).collect::<Result<_, _>>()?
            } else {
                Vec::new()
            },
            times: answer.times,
        })
    }

    /// The work of one batch, in the units that evaluations report. What the evaluation needs is ready after that.
    ///
    /// # Errors
    /// If there is no such key or model, or the engine refuses the model.
    pub fn work(&self, key: Fingerprint, model: Fingerprint) -> Result<u64, ProtocolError> {
        let known = lock(&self.keys).get(key).ok_or_else(|| unknown(field::KEY, key))?;
        self.work_under(key, &known, model)
    }

    /// [`work`](Self::work) for a batch's own key and model.
    ///
    /// # Errors
    /// If the engine refuses the model.
    pub fn work_of(&self, received: &ReceivedBatch) -> Result<u64, ProtocolError> {
        self.work_under(received.key(), &received.key, received.model())
    }

    fn work_under(
        &self,
        fingerprint: Fingerprint,
        key: &EvaluationKey,
        model: Fingerprint,
    ) -> Result<u64, ProtocolError> {
        Ok(match self.evaluator {
            Evaluator::Engine(kernel) => {
                let ready = self.engine(fingerprint, key, model, kernel)?;
                let work = ready.engine.work();
                self.put_away(ready);
                work
            }
            Evaluator::Reference => ReferenceEvaluator::new(key, &self.model(model)?.ensemble).work(),
        })
    }

    /// The idle engine, if it is for that key and model; its weights and memory under another key; or a new one.
    fn engine(
        &self,
        fingerprint: Fingerprint,
        key: &EvaluationKey,
        model: Fingerprint,
        kernel: Kernel,
    ) -> Result<ReadyEngine, ProtocolError> {
        let idle = lock(&self.idle).take();
        let engine = match idle {
            Some(ready) if ready.model == model && ready.key == fingerprint => return Ok(ready),
            Some(ready) if ready.model == model => ready.engine.with_key(key)?,
            other => {
                // Its memory goes first.
                drop(other);
                let engine = Engine::with_kernel(key, &self.model(model)?.ensemble, kernel)?;
                match self.flood {
                    Some(flood) => engine.hiding(flood),
                    None => engine,
                }
            }
        };
        Ok(ReadyEngine { key: fingerprint, model, engine })
    }

    fn put_away(&self, ready: ReadyEngine) {
        // Locked in the order of `forget`: an engine that is put away has its key.
        let keys = lock(&self.keys);
        if keys.contains(ready.key) {
            *lock(&self.idle) = Some(ready);
        }
    }

    fn model(&self, fingerprint: Fingerprint) -> Result<&Model, ProtocolError> {
        let model = self.models.iter().find(|model| model.description.fingerprint == fingerprint);
        model.ok_or_else(|| unknown(field::MODEL, fingerprint))
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

fn unknown(field: &'static str, found: Fingerprint) -> ProtocolError {
    ProtocolError::Unknown { message: Kind::Batch, field, found }
}
