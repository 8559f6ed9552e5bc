//! Parameters and model, as a provider announces them to clients.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sottovoce_protocol::provider::Provider;

use crate::stored_file;

/// Bound on the memory of an announcement's parameters in bytes ([`sottovoce_protocol::size::parameters_memory_bytes`]).
pub const MAX_MEMORY_BYTES: u64 = 1 << 30;

/// The provider's first two messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Parameters message.
    pub parameters: Vec<u8>,
    /// Model message.
    pub model: Vec<u8>,
}

impl Announcement {
    /// Returns the announcement of a provider with one model.
    ///
    /// # Errors
    /// If the provider has no model.
    pub fn of(provider: &Provider) -> Result<Self> {
        let model = provider.model_messages().pop().context("the provider has no model")?;
        Ok(Self { parameters: provider.parameters_message(), model })
    }

    /// Reads the announcement in `folder`. `origin` is the stage that writes it.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn read(folder: &Path, origin: &str) -> Result<Self> {
        Ok(Self {
            parameters: stored_file::read(&parameters_path(folder), origin)?,
            model: stored_file::read(&model_path(folder), origin)?,
        })
    }

    /// Writes the announcement to `folder`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        stored_file::write(&parameters_path(folder), &self.parameters)?;
        stored_file::write(&model_path(folder), &self.model)
    }
}

fn parameters_path(folder: &Path) -> PathBuf {
    folder.join("parameters")
}

fn model_path(folder: &Path) -> PathBuf {
    folder.join("model")
}
