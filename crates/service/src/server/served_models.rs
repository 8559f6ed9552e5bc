//! The models that a service serves, with the names and lengths that follow from them.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use axum::body::Bytes;
use serde_json::json;
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::provider::{Provider, ReceivedBatch, RegisteredKey};
use sottovoce_protocol::size;
use tracing::error;

use super::refusal::Refusal;
use crate::resource::{ModelEntry, NamedModel};

/// The providers of one service: the same models under batched parameters and, if all of them fit, under packed ones.
pub struct Providers {
    /// The provider with batched parameters.
    pub batched: Provider,
    /// The provider with packed parameters.
    pub packed: Option<Provider>,
}

impl From<Provider> for Providers {
    /// Returns the providers of a service that serves only batched evaluation.
    fn from(batched: Provider) -> Self {
        Self { batched, packed: None }
    }
}

/// The providers with the names of their models. A value does not change: new models replace it as a whole.
pub struct ServedModels {
    batched: Arc<Provider>,
    packed: Option<Arc<Provider>>,
    names: Vec<String>,
    list: Bytes,
    batch_lengths: Vec<u64>,
}

/// Providers and names that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServedModelsError {
    /// There must be a different name for every model.
    #[error("{models} models need as many different names, but have {names}")]
    Names {
        /// Number of different names.
        names: usize,
        /// Number of models.
        models: usize,
    },
    /// Clients choose between batched and packed evaluation, so both must have every model.
    #[error("the providers for batched and for packed evaluation have different models")]
    OtherPackedModels,
    /// One provider has the other one's kind of parameters.
    #[error("the providers do not have batched and packed parameters, in this order")]
    OtherKinds,
}

impl ServedModels {
    /// Returns the models of `providers` with their names, in the same order.
    pub fn new(providers: Providers, named: &[NamedModel]) -> Result<Self, ServedModelsError> {
        let Providers { batched, packed } = providers;
        let names: Vec<String> = named.iter().map(|model| model.name.clone()).collect();
        let models = batched.models().count();
        let different = names.iter().collect::<HashSet<_>>().len();
        if names.len() != models || different != models {
            return Err(ServedModelsError::Names { names: different, models });
        }
        let is_packed = |provider: &Provider| provider.parameters().packed().is_some();
        if is_packed(&batched) || packed.as_ref().is_some_and(|packed| !is_packed(packed)) {
            return Err(ServedModelsError::OtherKinds);
        }
        if packed.as_ref().is_some_and(|packed| !fingerprints(packed).eq(fingerprints(&batched))) {
            return Err(ServedModelsError::OtherPackedModels);
        }
        let lengths = |provider: &Provider| {
            let length = |pixels| size::batch_bytes(provider.parameters(), pixels);
            provider.models().map(|model| length(model.pixels())).collect::<Vec<_>>()
        };
        let mut batch_lengths: Vec<u64> = [&batched].into_iter().chain(&packed).flat_map(lengths).collect();
        batch_lengths.sort_unstable();
        batch_lengths.dedup();
        let entries = named.iter().zip(fingerprints(&batched));
        let entries = entries.map(|(named, model)| ModelEntry::new(named, model));
        let list = json!(entries.collect::<Vec<_>>()).to_string().into();
        Ok(Self { batched: Arc::new(batched), packed: packed.map(Arc::new), names, list, batch_lengths })
    }

    /// The provider for batched evaluation.
    pub fn batched(&self) -> &Arc<Provider> {
        &self.batched
    }

    /// The provider for packed evaluation, if the service has one.
    pub fn packed(&self) -> Option<&Arc<Provider>> {
        self.packed.as_ref()
    }

    fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        [&self.batched].into_iter().chain(&self.packed)
    }

    /// The fingerprints of the parameters under which clients can register keys.
    pub fn parameters(&self) -> impl Iterator<Item = Fingerprint> {
        self.providers().map(|provider| provider.parameters_fingerprint())
    }

    /// The provider that a registration message is for, by the fingerprint of the parameters in its header.
    pub fn provider_of(&self, registration: &[u8]) -> Option<&Arc<Provider>> {
        let parameters = Provider::parameters_of(registration)?;
        self.providers().find(|provider| provider.parameters_fingerprint() == parameters)
    }

    /// The keys of a client if they are in memory, with the provider that they are for. Notes their use.
    pub fn loaded(&self, key: Fingerprint) -> Option<(&Arc<Provider>, RegisteredKey)> {
        self.providers().find_map(|provider| Some((provider, provider.key(key)?)))
    }

    /// Returns whether a client's keys are in memory, and notes their use.
    pub fn is_loaded(&self, key: Fingerprint) -> bool {
        self.loaded(key).is_some()
    }

    /// Forgets the keys of a client.
    pub fn forget_key(&self, key: Fingerprint) {
        for provider in self.providers() {
            provider.forget_key(key);
        }
    }

    /// The list of models as JSON. All responses share its bytes, so that one that is not read takes no memory.
    pub fn list(&self) -> Bytes {
        self.list.clone()
    }

    /// Names and fingerprints of the models.
    pub fn entries(&self) -> Vec<(String, Fingerprint)> {
        self.names.iter().cloned().zip(fingerprints(&self.batched)).collect()
    }

    /// Allowed lengths of a batch message: one for every number of pixels that a model reads, and those of packed batches.
    pub fn batch_lengths(&self) -> &[u64] {
        &self.batch_lengths
    }

    /// Allowed lengths of a registration message: for batched parameters, and for packed ones.
    pub fn registration_lengths(&self) -> Vec<u64> {
        self.providers().map(|provider| size::registration_bytes(provider.parameters())).collect()
    }
}

fn fingerprints(provider: &Provider) -> impl Iterator<Item = Fingerprint> {
    provider.models().map(|model| model.fingerprint())
}

/// Receives a batch of the client with the keys `key`, on two threads of its own: one reads bytes, the other one checks
/// ciphertexts. The global thread pool is busy with evaluations, and a slow client must not delay others.
pub fn receive(
    provider: &Provider,
    key: &RegisteredKey,
    body: impl Read + Send,
) -> Result<ReceivedBatch, Refusal> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().map_err(|reason| {
        error!(%reason, "cannot start threads");
        Refusal::no_threads()
    })?;
    pool.install(|| provider.receive(key, body)).map_err(|error| Refusal::of_message(&error))
}

#[cfg(test)]
mod tests {
    use sottovoce_bfv::parameters::PrimeSizes;
    use sottovoce_bfv::{Encryption, Parameters};

    use super::*;

    #[test]
    fn responses_share_the_list_of_models() {
        let parameters =
            Parameters::new(4096, &[65_537], &PrimeSizes::new(&[32, 31]), Encryption::SecretKey).unwrap();
        let provider = Provider::new(&parameters, Vec::new(), 1).unwrap();
        let served = ServedModels::new(provider.into(), &[]).unwrap();
        let responses = [served.list(), served.list()];
        assert_eq!(responses[0], "[]");
        assert_eq!(responses[0].as_ptr(), responses[1].as_ptr());
    }
}
