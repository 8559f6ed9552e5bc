//! The file of `torch.export.save`: an archive of the graph in JSON and the weights.

use super::archive::Archive;
use super::schema::Program;
use super::weights::Weights;
use crate::import::error::ImportError;

/// Version of the schema that is read.
const SCHEMA: u64 = 8;

/// What the archive calls the program unless it holds several.
const MODEL: &str = "models/model.json";

/// A program with its weights, which are read when they are asked for.
#[derive(Debug)]
pub struct Exported<'a> {
    program: Program,
    weights: Weights<'a>,
}

impl<'a> Exported<'a> {
    /// Whether an archive is one, of whichever version.
    pub fn is_one(archive: &Archive<'_>) -> bool {
        archive.contains("archive_format") || archive.contains("serialized_exported_program.json")
    }

    /// The program in an archive, a file of `file_length` bytes.
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

    /// The tensors by name.
    pub fn weights(&self) -> &Weights<'a> {
        &self.weights
    }

    /// The tensors by name, to be read.
    pub fn weights_mut(&mut self) -> &mut Weights<'a> {
        &mut self.weights
    }

    /// The program and its tensors.
    pub fn into_parts(self) -> (Program, Weights<'a>) {
        (self.program, self.weights)
    }
}
