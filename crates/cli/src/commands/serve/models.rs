//! The models that `serve` reads from folders.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use sottovoce_evaluate::RangedEnsemble;
use sottovoce_network::disk::ExportedEnsemble;
use sottovoce_network::{IntegerEnsemble, UntrustedText};
use sottovoce_protocol::Fingerprint;
use sottovoce_service::NamedModel;

use super::served_parameters::ServedParameters;
use crate::commands::exported_networks;

/// A model to serve.
struct Model {
    name: String,
    folder: PathBuf,
    exported: ExportedEnsemble,
}

/// All models of a service, with different names.
pub struct Models(Vec<Model>);

impl Models {
    /// Reads the models that the arguments of `--models` name.
    pub fn read(arguments: &[String]) -> Result<Self> {
        let models = arguments.iter().map(|argument| Model::read(argument)).collect::<Result<Vec<_>>>()?;
        check_names(&models)?;
        Ok(Self(models))
    }

    pub fn ranged(&self) -> Vec<RangedEnsemble<'_>> {
        self.0.iter().map(|model| RangedEnsemble::from(&model.exported)).collect()
    }

    /// Returns every model with its name.
    pub fn named_and_ranged(&self) -> Vec<(&str, RangedEnsemble<'_>)> {
        self.0.iter().map(|model| (model.name.as_str(), RangedEnsemble::from(&model.exported))).collect()
    }

    /// Returns the names of the models with the costs that are predicted under `parameters`. The models' shares of the time are as their
    /// numbers of members.
    pub fn named(&self, parameters: &ServedParameters) -> Vec<NamedModel> {
        let members = |model: &Model| model.exported.ensemble.members().len() as f64;
        let all: f64 = self.0.iter().map(members).sum();
        let named = |model: &Model| {
            let pixels = model.exported.ensemble.architecture().pixels();
            let costs = Some(parameters.model_costs(pixels, members(model) / all));
            NamedModel { name: model.name.clone(), costs }
        };
        self.0.iter().map(named).collect()
    }

    pub fn ensembles(&self) -> Vec<IntegerEnsemble> {
        self.0.iter().map(|model| model.exported.ensemble.clone()).collect()
    }

    /// Returns the name and the fingerprint of every model.
    pub fn fingerprints(&self) -> impl Iterator<Item = (&str, Fingerprint)> {
        self.0.iter().map(|model| (model.name.as_str(), Fingerprint::of_ensemble(&model.exported.ensemble)))
    }

    /// Returns the largest number of pixels that a model reads.
    pub fn pixels(&self) -> usize {
        let pixels = |model: &Model| model.exported.ensemble.architecture().pixels();
        self.0.iter().map(pixels).max().unwrap_or(0)
    }
}

impl Model {
    /// Reads the model that `argument` names: FOLDER or NAME=FOLDER.
    fn read(argument: &str) -> Result<Self> {
        let whole = Path::new(argument);
        // A folder may be called `lr=0.01`; a model's name has no path separators.
        let named = argument.split_once('=').filter(|(name, _)| {
            !whole.exists() && !name.is_empty() && !name.contains(std::path::is_separator)
        });
        let (name, folder) = match named {
            Some((name, folder)) => {
                ensure!(!folder.is_empty(), "--models {argument}: there is no folder after {name}=");
                ensure!(
                    Path::new(folder).exists(),
                    "--models {argument}: there is neither a folder {argument} nor a folder {folder} for the model {name}"
                );
                (Some(name.to_owned()), Path::new(folder))
            }
            None => (None, whole),
        };
        let exported = exported_networks::read(folder)?;
        let name = name.map_or_else(|| exported_networks::name(folder), Ok)?;
        let shown = UntrustedText::new(&name);
        ensure!(
            shown.as_str() == name,
            "--models {argument}: the name {shown} has control characters or more than 500 characters, so clients could not choose \
             the model; give it another name with --models NAME={}",
            folder.display()
        );
        Ok(Self { name, folder: folder.to_owned(), exported })
    }
}

/// Refuses two models with the same name, because clients choose models by name.
fn check_names(models: &[Model]) -> Result<()> {
    for (index, model) in models.iter().enumerate() {
        if let Some(earlier) = models.iter().take(index).find(|earlier| earlier.name == model.name) {
            bail!(
                "{} and {} have the same name {}, but clients choose models by name; give one of them another name with --models \
                 NAME={}",
                earlier.folder.display(),
                model.folder.display(),
                model.name,
                model.folder.display(),
            );
        }
    }
    Ok(())
}
