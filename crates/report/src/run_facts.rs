//! What `run.json` says about the data set.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;

use crate::report::ReportError;

/// The data set of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DatasetFacts {
    name: Option<String>,
    pub(crate) synthetic: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RunFacts {
    dataset: DatasetFacts,
}

impl DatasetFacts {
    /// Reads the `dataset` of a run's `run.json`. A missing file or field leaves the facts unknown; a file
    /// that is there but cannot be read is an error, since charts of synthetic data must say so.
    pub(crate) fn read(path: &Path) -> Result<Self, ReportError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|source| ReportError::RunFile { path: path.to_owned(), source })?,
        };
        let facts: RunFacts = serde_json::from_str(&text)
            .map_err(|source| ReportError::RunFile { path: path.to_owned(), source: source.into() })?;
        Ok(facts.dataset)
    }

    /// The data set's name as a chart shows it.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("Data set not recorded")
    }
}
