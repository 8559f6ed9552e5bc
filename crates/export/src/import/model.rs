//! A whole network from a file.

use super::RealNetwork;

/// A network that a file describes completely: its layers in order, with their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The network on the numbers that its input takes, which need not be pixels in `0..=1`.
    pub network: RealNetwork,
    /// The program that wrote the file, with its version where the file has it, such as "Keras 3.15.1".
    pub framework: String,
    /// Sentences about what was left out or folded, for the user.
    pub remarks: Vec<String>,
}
