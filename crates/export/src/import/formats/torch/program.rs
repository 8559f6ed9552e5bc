//! The file of `torch.export.save`: an archive of the graph in JSON and the weights.

use super::archive::Archive;
use super::schema::Program;
use super::weights::Weights;
use crate::import::error::ImportError;

/// The version of the schema that can be read.
const SCHEMA: u64 = 8;

/// The entry of the program, unless the archive holds several.
const MODEL: &str = "models/model.json";

/// A program with its weights, which are read on demand.
#[derive(Debug)]
pub struct ExportedProgram<'a> {
    program: Program,
    weights: Weights<'a>,
}

impl<'a> ExportedProgram<'a> {
    /// Returns whether an archive is an exported program, of any version.
    pub fn is_program(archive: &Archive<'_>) -> bool {
        archive.contains("archive_format") || archive.contains("serialized_exported_program.json")
    }

    /// Opens the program in an archive, a file of `file_length` bytes.
    ///
    /// # Errors
    /// If it is of another version, holds several programs or none, or is damaged.
    pub fn open(file: &str, mut archive: Archive<'a>, file_length: usize) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let old = || {
            malformed(format!(
                "it is an exported program of an older PyTorch; PyTorch 2.15 makes one that can be read: \
                 `torch.export.save(torch.export.load({file:?}), \"net.pt2\")`"
            ))
        };
        if !archive.contains(MODEL) {
            if archive.contains("serialized_exported_program.json") {
                return Err(old());
            }
            let programs: Vec<&str> = archive.names().filter(|name| name.starts_with("models/")).collect();
            return Err(malformed(format!(
                "it holds the programs {programs:?}; one called {MODEL:?} is read, as `torch.export.save` writes it"
            )));
        }
        if !archive.contains("data/weights/model_weights_config.json") {
            return Err(old());
        }
        let program: Program = archive.read_json(MODEL)?;
        if program.schema_version.major != SCHEMA {
            return Err(malformed(format!(
                "it has version {} of the schema of exported programs; version {SCHEMA} is read, of PyTorch 2.15",
                program.schema_version.major
            )));
        }
        let weights = Weights::open(archive, file_length)?;
        Ok(Self { program, weights })
    }

    /// Returns the tensors by name.
    pub fn weights(&self) -> &Weights<'a> {
        &self.weights
    }

    /// Returns the tensors by name, for reading.
    pub fn weights_mut(&mut self) -> &mut Weights<'a> {
        &mut self.weights
    }

    /// Returns the program and its tensors.
    pub fn into_parts(self) -> (Program, Weights<'a>) {
        (self.program, self.weights)
    }
}
