//! Paths and JSON bodies of the service's resources (docs/protocol.md), as server and clients use them.

use std::fmt::Display;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use sottovoce_network::UntrustedText;
use sottovoce_protocol::Fingerprint;

/// Path of the parameters message.
pub const PARAMETERS_PATH: &str = "/v1/parameters";

/// Path of the message of packed parameters.
pub const PACKED_PARAMETERS_PATH: &str = "/v1/packed/parameters";

/// Path of the list of models.
pub const MODELS_PATH: &str = "/v1/models";

/// Returns the path of a model message.
pub fn model_path(model: impl Display) -> String {
    format!("{MODELS_PATH}/{model}")
}

/// Returns the path of a model message under packed parameters.
pub fn packed_model_path(model: impl Display) -> String {
    format!("/v1/packed/models/{model}")
}

/// Returns the path of a client's keys.
pub fn keys_path(keys: impl Display) -> String {
    format!("/v1/keys/{keys}")
}

/// Returns the path of a batch.
pub fn batch_path(keys: impl Display, batch: impl Display) -> String {
    format!("{}/batches/{batch}", keys_path(keys))
}

/// Returns the path of the answer to the batch with the path `batch_path`.
pub fn answer_path(batch_path: &str) -> String {
    format!("{batch_path}/answer")
}

/// Statuses after which a client sends its request again.
pub const RETRYABLE_STATUSES: [StatusCode; 6] = [
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// A model in the list of models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Name by which clients choose the model.
    pub name: UntrustedText,
    /// Fingerprint of the model.
    pub model: String,
    /// Predicted costs, if the provider tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<ModelCosts>,
}

/// Facts about a model by which a client chooses between batched and packed evaluation, before it has keys. Nothing but this choice depends
/// on them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ModelCosts {
    /// Number of pixels that the model reads.
    pub pixels: u32,
    /// Costs of batched evaluation.
    pub batched: BatchCost,
    /// Costs of packed evaluation, if the provider serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<BatchCost>,
}

/// Predicted costs of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchCost {
    /// The most images of a batch.
    pub images: u32,
    /// Seconds of encryption, evaluation and decryption.
    pub seconds: f64,
    /// The provider's part of these seconds.
    pub evaluate_seconds: f64,
    /// Bytes of the batch.
    pub upload_bytes: u64,
    /// Bytes of the answer.
    pub download_bytes: u64,
    /// Bytes of the keys, which a client registers once.
    pub key_bytes: u64,
}

/// A model's name, with its predicted costs if they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedModel {
    /// Name by which clients choose the model.
    pub name: String,
    /// Predicted costs.
    pub costs: Option<ModelCosts>,
}

impl From<String> for NamedModel {
    fn from(name: String) -> Self {
        Self { name, costs: None }
    }
}

impl ModelEntry {
    /// Returns the entry of a model.
    pub(crate) fn new(named: &NamedModel, model: Fingerprint) -> Self {
        let NamedModel { name, costs } = named;
        Self { name: UntrustedText::new(name), model: model.to_string(), costs: *costs }
    }
}

/// State of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum BatchState {
    /// The service is receiving the batch.
    Receiving,
    /// The batch waits for its evaluation.
    Waiting {
        /// Number of batches before it.
        ahead: usize,
        /// Finished share of the evaluation that is running now, from 0 to 1.
        done: f64,
    },
    /// The service is evaluating the batch.
    Computing {
        /// Finished share of the evaluation, from 0 to 1.
        done: f64,
    },
    /// The answer can be fetched.
    Answered,
}

/// Body of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Reason, in a sentence.
    pub error: String,
}
