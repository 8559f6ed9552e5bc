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
use crate::resource::ModelEntry;

/// A provider with the names of its models. It does not change: new models replace it as a whole.
pub struct ServedModels {
    provider: Arc<Provider>,
    names: Vec<String>,
    list: Bytes,
    batch_lengths: Vec<u64>,
}

/// The names of models do not fit the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameMismatch {
    /// Number of different names.
    pub names: usize,
    /// Number of models.
    pub models: usize,
}

impl ServedModels {
    /// Returns the models of `provider` with their names, in the same order.
    pub fn new(provider: Provider, names: Vec<String>) -> Result<Self, NameMismatch> {
        let models = provider.models().count();
        let different = names.iter().collect::<HashSet<_>>().len();
        if names.len() != models || different != models {
            return Err(NameMismatch { names: different, models });
        }
        let mut batch_lengths: Vec<u64> =
            provider.models().map(|model| size::batch_bytes(provider.parameters(), model.pixels())).collect();
        batch_lengths.sort_unstable();
        batch_lengths.dedup();
        let entries = names.iter().zip(provider.models());
        let entries = entries.map(|(name, model)| ModelEntry::new(name, model.fingerprint()));
        let list = json!(entries.collect::<Vec<_>>()).to_string().into();
        Ok(Self { provider: Arc::new(provider), names, list, batch_lengths })
    }

    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// The list of models as JSON. All responses share its bytes, so that one that is not read takes no memory.
    pub fn list(&self) -> Bytes {
        self.list.clone()
    }

    /// Names and fingerprints of the models.
    pub fn entries(&self) -> Vec<(String, Fingerprint)> {
        let fingerprints = self.provider.models().map(|model| model.fingerprint());
        self.names.iter().cloned().zip(fingerprints).collect()
    }

    /// Allowed lengths of a batch message: one for every number of pixels that a model reads.
    pub fn batch_lengths(&self) -> &[u64] {
        &self.batch_lengths
    }

    /// Receives a batch of the client with the keys `key`, on two threads of its own: one reads bytes, the other one checks
    /// ciphertexts. The global thread pool is busy with evaluations, and a slow client must not delay others.
    pub fn receive(&self, key: &RegisteredKey, body: impl Read + Send) -> Result<ReceivedBatch, Refusal> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().map_err(|reason| {
            error!(%reason, "cannot start threads");
            Refusal::no_threads()
        })?;
        pool.install(|| self.provider.receive(key, body)).map_err(|error| Refusal::of_message(&error))
    }
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
        let served = ServedModels::new(provider, Vec::new()).unwrap();
        let responses = [served.list(), served.list()];
        assert_eq!(responses[0], "[]");
        assert_eq!(responses[0].as_ptr(), responses[1].as_ptr());
    }
}
