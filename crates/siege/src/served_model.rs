//! Models as a provider describes them.

use sottovoce_protocol::client::Client;
use sottovoce_protocol::{ModelDescription, ParseFingerprintError, ProtocolError};
use sottovoce_service::remote::{RemoteError, RemoteProvider};

/// A provider's description of a model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadModelError {
    /// The provider does not answer, or refuses the request.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The provider names the model by something that is no fingerprint.
    #[error(transparent)]
    Name(#[from] ParseFingerprintError),
    /// The description is not one for this client.
    #[error(transparent)]
    Message(#[from] ProtocolError),
    /// The provider has no such model.
    #[error("the provider has no model {name}; its models are: {models}")]
    Missing {
        /// Name of the model, or "at all".
        name: String,
        /// Names of the provider's models.
        models: String,
    },
}

/// Returns the description of the model that a provider serves as `name`, or of its first model.
///
/// # Errors
/// If the provider does not have the model, or its description cannot be read.
pub fn read_model(
    client: &Client,
    remote: &RemoteProvider,
    name: Option<&str>,
) -> Result<ModelDescription, ReadModelError> {
    let models = remote.models()?;
    let found = models.iter().find(|model| name.is_none_or(|name| model.name.as_str() == name));
    let found = found.ok_or_else(|| ReadModelError::Missing {
        name: name.unwrap_or("at all").to_owned(),
        models: models.iter().map(|model| model.name.to_string()).collect::<Vec<_>>().join(", "),
    })?;
    let message = remote.model(found.model.parse()?)?;
    Ok(client.read_model(&message[..])?)
}
