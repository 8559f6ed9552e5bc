//! The choice of a provider's model.

use anyhow::{Context, Result, bail, ensure};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::{Fingerprint, ModelDescription};
use sottovoce_service::remote::RemoteProvider;
use sottovoce_service::{ModelCosts, ModelEntry};

/// A model that was chosen from the provider's list.
pub struct ChosenModel {
    pub name: String,
    pub fingerprint: Fingerprint,
    /// Costs that the provider predicts.
    pub costs: Option<ModelCosts>,
}

/// Returns the provider's model called `name`, the model with the fingerprint `pinned`, or its only model.
///
/// # Errors
/// If the provider has no such model or several, or has another one under the name.
pub fn choose(
    remote: &RemoteProvider,
    name: Option<&str>,
    pinned: Option<Fingerprint>,
) -> Result<ChosenModel> {
    let models = remote.models()?;
    let entry = find(&models, remote, name, pinned)?;
    let fingerprint: Fingerprint = entry.model.parse().context("the provider's list of models is damaged")?;
    if let Some(pinned) = pinned {
        ensure!(
            fingerprint == pinned,
            "the model {} of {} has the fingerprint\n  {fingerprint}, but --model-fingerprint is\n  {pinned}",
            entry.name,
            remote.address(),
        );
    }
    Ok(ChosenModel { name: entry.name.to_string(), fingerprint, costs: entry.costs })
}

/// Fetches the description of a model for the client's parameters.
///
/// # Errors
/// If the provider describes another model.
pub fn describe(
    client: &Client,
    remote: &RemoteProvider,
    fingerprint: Fingerprint,
) -> Result<ModelDescription> {
    let message = match client.parameters().packed() {
        Some(_) => remote.packed_model(fingerprint)?,
        None => remote.model(fingerprint)?,
    };
    let model = client.read_model(&message[..])?;
    ensure!(
        model.fingerprint() == fingerprint,
        "{} was asked for the model {fingerprint}, but described {}",
        remote.address(),
        model.fingerprint()
    );
    Ok(model)
}

fn find<'a>(
    models: &'a [ModelEntry],
    remote: &RemoteProvider,
    name: Option<&str>,
    pinned: Option<Fingerprint>,
) -> Result<&'a ModelEntry> {
    let address = remote.address();
    let listed = || {
        let names: Vec<&str> = models.iter().map(|entry| entry.name.as_str()).collect();
        names.join(", ")
    };
    let is_pinned = |entry: &&ModelEntry| pinned.is_some() && entry.model.parse().ok() == pinned;
    match (name, models) {
        (Some(name), models) => {
            let mut named = models.iter().filter(|entry| entry.name.as_str() == name);
            match (named.next(), named.next()) {
                (Some(entry), None) => Ok(entry),
                (Some(_), Some(_)) => bail!("{address} lists several models with the name {name}"),
                (None, _) => bail!("{address} has no model {name}; its models are: {}", listed()),
            }
        }
        (None, [only]) => Ok(only),
        (None, []) => bail!("{address} has no models"),
        (None, models) => match models.iter().find(is_pinned) {
            Some(entry) => Ok(entry),
            None if pinned.is_some() => {
                bail!(
                    "{address} has no model with the fingerprint of --model-fingerprint; its models are: {}",
                    listed()
                )
            }
            None => bail!("{address} has several models; choose one with --model: {}", listed()),
        },
    }
}
