//! A file as readers get it, and the whole network in a file.

use std::path::Path;

use crate::import::real_network::RealNetwork;

/// A weights file in memory.
#[derive(Debug, Clone, Copy)]
pub struct WeightsFile<'a> {
    /// The path in the description, which errors show.
    pub path: &'a Path,
    /// The path from the current folder. External data of the same network are in the same folder.
    pub location: &'a Path,
    /// The contents.
    pub bytes: &'a [u8],
}

impl WeightsFile<'_> {
    /// Returns the path in the description as text.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// A whole network that a file describes: its layers in order, with their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct FileNetwork {
    /// The network on the numbers that its input takes, which may be other numbers than pixels in `0..=1`.
    pub network: RealNetwork,
    /// The program that wrote the file, with its version if the file has it, such as "Keras 3.15.1".
    pub framework: String,
    /// Sentences for the user about layers that were left out or folded.
    pub remarks: Vec<String>,
}
