//! Models that a client has used: the file `known-models.json` in its folder.
//!
//! The first model of a provider is trusted. Another model under the same name, or a name that the user did not give, is refused
//! later, until the user accepts it.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sottovoce_bfv::planner::EvaluationForm;
use sottovoce_network::access_rights::check_trusted_file;
use sottovoce_network::atomic_file;
use sottovoce_protocol::Fingerprint;

use crate::output;

/// Maximum length of the file in bytes: some thousand models.
const MAX_BYTES: u64 = 1 << 22;

/// A model as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// Address of the provider.
    pub provider: String,
    /// Name by which the client chose the model.
    pub name: String,
    pub model: Fingerprint,
    /// The form of evaluation.
    pub form: EvaluationForm,
    /// Fingerprint of the encryption's parameters for this form.
    pub parameters: Fingerprint,
}

/// Treatment of a model that a client does not know from a provider of which it knows another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewModel {
    /// The model is refused, also under another name: otherwise a provider could rename what it exchanges.
    Refused,
    /// The user gave the name, which may be new. Another model under a known name is refused.
    Named,
    /// The model replaces the known one, because the user gave its fingerprint or accepts any.
    Accepted,
}

/// An entry of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownModel {
    provider: String,
    name: String,
    model: String,
    /// Fingerprint of the parameters for batched evaluation, or nothing before its first use.
    #[serde(default)]
    parameters: String,
    /// Fingerprint of the parameters for packed evaluation, or nothing before its first use.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    packed_parameters: String,
    /// Time of the first use of this model.
    first_seen: String,
}

impl KnownModel {
    fn is_for(&self, identity: &ModelIdentity) -> bool {
        self.provider == identity.provider && self.name == identity.name
    }

    fn is_same(&self, identity: &ModelIdentity) -> bool {
        self.model == identity.model.to_string()
            && self.parameters_of(identity.form) == identity.parameters.to_string()
    }

    /// Returns whether this model was used only in the other form of evaluation.
    fn is_new_form(&self, identity: &ModelIdentity) -> bool {
        self.model == identity.model.to_string() && self.parameters_of(identity.form).is_empty()
    }

    fn parameters_of(&self, form: EvaluationForm) -> &str {
        match form {
            EvaluationForm::Batched => &self.parameters,
            EvaluationForm::Packed => &self.packed_parameters,
        }
    }

    fn set_parameters(&mut self, identity: &ModelIdentity) {
        let parameters = identity.parameters.to_string();
        match identity.form {
            EvaluationForm::Batched => self.parameters = parameters,
            EvaluationForm::Packed => self.packed_parameters = parameters,
        }
    }
}

/// Compares a model with the known one, in the file `known-models.json` of the client's `folder`. A model under a new name is
/// added to the file.
///
/// # Errors
/// If the model differs from the known ones and is refused, or the file cannot be used.
pub fn recognise(folder: &Path, identity: &ModelIdentity, new: NewModel) -> Result<()> {
    let path = folder.join("known-models.json");
    // Two commands that add models at the same time wait for each other.
    let lock = folder.join("known-models.lock");
    let locked = File::options().create(true).write(true).truncate(false).open(&lock);
    let _locked = locked
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("cannot lock {}", lock.display()))?;
    let mut models = read(&path)?;
    match models.iter_mut().find(|known| known.is_for(identity)) {
        Some(known) if known.is_same(identity) => return Ok(()),
        Some(known) if known.is_new_form(identity) => known.set_parameters(identity),
        Some(known) => {
            if new != NewModel::Accepted {
                bail!("{}", change(known, identity, &path));
            }
            output::remark(&format!(
                "the model {} of {} is now {}; it was {}, first seen {}",
                identity.name, identity.provider, identity.model, known.model, known.first_seen
            ));
            *known = entry(identity);
        }
        None => {
            if new == NewModel::Refused {
                check_new_name(&models, identity, &path)?;
            }
            output::remark(&format!(
                "first use of the model {} of {}: its fingerprint {} is kept in {}, and other models under this name will be \
                 refused",
                identity.name,
                identity.provider,
                identity.model,
                path.display()
            ));
            models.push(entry(identity));
        }
    }
    write(&path, &models)
}

/// Refuses an unknown model under a name that the user did not give, of a provider of which other models are known.
fn check_new_name(models: &[KnownModel], identity: &ModelIdentity, path: &Path) -> Result<()> {
    let of_provider = || models.iter().filter(|known| known.provider == identity.provider);
    let names: Vec<&str> = of_provider().map(|known| known.name.as_str()).collect();
    ensure!(
        names.is_empty() || of_provider().any(|known| known.is_same(identity) || known.is_new_form(identity)),
        "{} now offers the model {} with the fingerprint\n  {}\nwhich was not used before, and nothing was sent; known from it: {} \
         ({})\nIf this is the right model, choose it with --model {}",
        identity.provider,
        identity.name,
        identity.model,
        names.join(", "),
        path.display(),
        identity.name
    );
    Ok(())
}

fn entry(identity: &ModelIdentity) -> KnownModel {
    let mut known = KnownModel {
        provider: identity.provider.clone(),
        name: identity.name.clone(),
        model: identity.model.to_string(),
        parameters: String::new(),
        packed_parameters: String::new(),
        first_seen: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    known.set_parameters(identity);
    known
}

fn change(known: &KnownModel, identity: &ModelIdentity, path: &Path) -> String {
    let what = if known.model == identity.model.to_string() { "parameters" } else { "model" };
    format!(
        "the {what} behind the name {} at {} changed, and nothing was sent:\n  model {}, parameters {} before, first seen {} \
         ({})\n  model {}, parameters {} now\nAsk the provider over another channel which fingerprint is right, and give it with \
         --model-fingerprint. --accept-new-model accepts whatever the provider has now",
        identity.name,
        identity.provider,
        known.model,
        known.parameters_of(identity.form),
        known.first_seen,
        path.display(),
        identity.model,
        identity.parameters,
    )
}

fn read(path: &Path) -> Result<Vec<KnownModel>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.with_context(unreadable)?,
    };
    check_trusted_file(path, &file)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(unreadable)?;
    ensure!(bytes.len() as u64 <= MAX_BYTES, "{} is larger than {MAX_BYTES} bytes", path.display());
    serde_json::from_slice(&bytes).with_context(|| {
        format!(
            "{} is damaged; restore it, or move it away to trust the providers' present models",
            path.display()
        )
    })
}

fn write(path: &Path, models: &[KnownModel]) -> Result<()> {
    let mut text = serde_json::to_string_pretty(models).context("cannot encode the known models")?;
    text.push('\n');
    atomic_file::write_private(path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}
