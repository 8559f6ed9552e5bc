//! A client's connection to a provider's server.
//!
//! Keys and batches are named by their fingerprints, so a client can send every request again without changing its result. A
//! request that fails for a temporary reason (a broken connection, a provider that restarts or is busy) is sent again with
//! the same bytes, until it has made no progress for as long as the [`RetryBudget`] allows. The provider learns nothing about
//! decrypted answers: no request and no retry depends on a decryption.

mod address;
mod connection;
mod error;
mod evaluation;
mod requester;
mod upload_body;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use rustls::ClientConfig;
use sottovoce_protocol::client::{Client, PendingAnswer};
use sottovoce_protocol::{Fingerprint, size};

pub use address::{AddressError, DEFAULT_PORT, ProviderAddress};
use connection::HttpRequest;
pub use error::RemoteError;
pub use evaluation::{RemoteProgress, RemoteTimes};
use requester::Requester;
pub use requester::{RetryBudget, RetryNotice, RetryObserver};

use crate::resource::{
    MODELS_PATH, ModelEntry, PACKED_PARAMETERS_PATH, PARAMETERS_PATH, keys_path, model_path,
    packed_model_path,
};
use crate::tls::model_manifest::RequiredModel;

/// A provider's server. Every call blocks until it has finished. Connections are opened as needed.
pub struct RemoteProvider {
    requester: Requester,
}

impl RemoteProvider {
    /// Returns the server at `address`. The configuration of TLS ([`load_client_tls`](crate::tls::load_client_tls)) must be given
    /// exactly if the address starts with `https://`.
    ///
    /// # Errors
    /// If the configuration of TLS is missing or not needed, or no thread can be started.
    pub fn new(
        address: ProviderAddress,
        tls: Option<Arc<ClientConfig>>,
        retry_budget: RetryBudget,
    ) -> Result<Self, RemoteError> {
        Ok(Self { requester: Requester::new(address, tls, retry_budget)? })
    }

    /// Calls `observe` when a request has failed for some seconds and is sent again, once for every request and
    /// reason, and at most every ten seconds for a request.
    #[must_use]
    pub fn with_retry_observer(mut self, observe: RetryObserver) -> Self {
        self.requester.observe_retries(observe);
        self
    }

    /// Returns the provider's address.
    #[must_use]
    pub fn address(&self) -> &ProviderAddress {
        self.requester.address()
    }

    /// Ends the connection. A client must call this before it decrypts, because the time of its next request could depend on
    /// what decrypts.
    pub fn disconnect(&self) {
        self.requester.disconnect();
    }

    /// Fetches the parameters message.
    ///
    /// # Errors
    /// If the provider does not send it.
    pub fn parameters(&self) -> Result<Bytes, RemoteError> {
        self.requester.fetch("tell its parameters", PARAMETERS_PATH, size::MAX_PARAMETERS_BYTES)
    }

    /// Fetches the message of packed parameters.
    ///
    /// # Errors
    /// If the provider does not send it. One that serves only batched evaluation refuses with status 404.
    pub fn packed_parameters(&self) -> Result<Bytes, RemoteError> {
        let action = "tell its packed parameters";
        self.requester.fetch(action, PACKED_PARAMETERS_PATH, size::MAX_PARAMETERS_BYTES)
    }

    /// Fetches the list of models.
    ///
    /// # Errors
    /// If the provider does not send it.
    pub fn models(&self) -> Result<Vec<ModelEntry>, RemoteError> {
        let action = "list its models";
        self.requester.parse_json(action, &self.requester.fetch(action, MODELS_PATH, 0)?)
    }

    /// Requires that the provider's certificate lists the model `fingerprint` under `name`, if it lists models at all, or in any
    /// case if `is_list_required`. The requirement holds for the present connection and all later ones.
    ///
    /// # Errors
    /// If the certificate of the present connection does not list the model.
    pub fn require_model(
        &self,
        name: &str,
        fingerprint: Fingerprint,
        is_list_required: bool,
    ) -> Result<(), RemoteError> {
        self.requester.require_model(RequiredModel::new(name, fingerprint, is_list_required))
    }

    /// Fetches the message of a model.
    ///
    /// # Errors
    /// If the provider does not send it.
    pub fn model(&self, model: Fingerprint) -> Result<Bytes, RemoteError> {
        self.requester.fetch("describe its model", &model_path(model), size::MODEL_BYTES)
    }

    /// Fetches the message of a model under packed parameters.
    ///
    /// # Errors
    /// If the provider does not send it.
    pub fn packed_model(&self, model: Fingerprint) -> Result<Bytes, RemoteError> {
        let action = "describe its model for packed evaluation";
        self.requester.fetch(action, &packed_model_path(model), size::PACKED_MODEL_BYTES)
    }

    /// Returns whether a client's keys are registered.
    ///
    /// # Errors
    /// If the provider does not say, or not to this client.
    pub fn is_registered(&self, key: Fingerprint) -> Result<bool, RemoteError> {
        let action = "say whether keys are registered";
        let response = self.requester.send(action, HttpRequest::new(Method::GET, keys_path(key)), &|_| ())?;
        match response.status {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.requester.refused(action, &response)),
        }
    }

    /// Registers a client's keys ([`Client::registration_message`]).
    ///
    /// # Errors
    /// If the provider refuses.
    pub fn register(&self, key: Fingerprint, registration: &[u8]) -> Result<(), RemoteError> {
        evaluation::register(&self.requester, key, registration)
    }

    /// Asks the provider to delete a client's keys, batches and answers.
    ///
    /// # Errors
    /// If the provider refuses.
    pub fn delete_keys(&self, key: Fingerprint) -> Result<(), RemoteError> {
        let action = "delete the client's keys";
        let request = HttpRequest::new(Method::DELETE, keys_path(key));
        let response = self.requester.send(action, request, &|_| ())?;
        match response.status {
            StatusCode::NO_CONTENT => Ok(()),
            _ => Err(self.requester.refused(action, &response)),
        }
    }

    /// Sends a batch message, waits for its evaluation, and fetches the answer message. Calls `observe` as it proceeds. If the
    /// provider has lost the batch or the client's keys because it was restarted, they are sent again.
    ///
    /// The provider may delete the answer after that. Decrypting it involves the client only.
    ///
    /// # Errors
    /// If the provider refuses, or makes no progress for too long.
    pub fn evaluate(
        &self,
        client: &Client,
        pending: &PendingAnswer,
        message: &Bytes,
        observe: &(dyn Fn(RemoteProgress) + Sync),
    ) -> Result<(Bytes, RemoteTimes), RemoteError> {
        evaluation::evaluate(&self.requester, client, pending, message, observe)
    }
}
