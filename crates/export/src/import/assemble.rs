//! Tensors, checked and put into this project's order.

use std::collections::BTreeMap;
use std::path::Path;

use sottovoce_network::{Architecture, Block};

use super::architecture::Clues;
use super::layer::Layer;
use super::layout::Conventions;
use super::source::Sources;
use super::{Description, Flatten, ImportError, RealNetwork};

/// Members as they were trained, on pixels in `0..=1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// At least one, all of one architecture.
    pub members: Vec<RealNetwork>,
    /// SHA-256 of every file that was read, by its path in the description.
    pub files: BTreeMap<String, String>,
    /// Tensors of these files that no layer reads, by the file's path: of layers that this family does not have, perhaps.
    pub unread: BTreeMap<String, Vec<String>>,
}

/// Reads the members of a checked description. Paths in it are relative to `folder`; `image_side` is the
/// architecture's where the description does not say.
///
/// # Errors
/// If a file cannot be read, a tensor is missing or does not fit, or the pixel normalisation cannot be folded.
pub fn read_members(
    description: &Description,
    folder: &Path,
    image_side: usize,
) -> Result<Imported, ImportError> {
    // A checked description has both; the fields are named all the same where it was not checked.
    let unchecked = |problem: super::FieldProblem| ImportError::Malformed {
        file: "the description".to_owned(),
        reason: problem.to_string(),
    };
    let conventions = Conventions::of(description).map_err(unchecked)?;
    let pixels = description.pixels.map().map_err(unchecked)?;
    let mut sources = Sources::new(folder);
    let mut members: Vec<RealNetwork> = Vec::new();
    for (source, number) in description.members.iter().zip(1..) {
        let file = source.file.as_deref();
        let mut layer = |index, source| Layer::read(&mut sources, file, source, index, number, &conventions);
        let layers = [layer(0, &source.convolution)?, layer(1, &source.hidden)?, layer(2, &source.output)?];
        let architecture = match members.first() {
            Some(first) => *first.architecture(),
            None => {
                let clues = Clues {
                    weights: [0, 1, 2].map(|i| (&layers[i].weights, &layers[i].axes, layers[i].bias_last())),
                    biases: [0, 1, 2].map(|i| layers[i].bias.as_ref()),
                };
                description
                    .architecture
                    .complete(&clues, image_side)
                    .map_err(|error| layers[0].advised(error))?
            }
        };
        let [convolution, hidden, output] = &layers;
        let blocks = [
            pixels.fold(&convolution.block(&architecture)?, &architecture)?,
            flattened(&hidden.block(&architecture)?, &architecture, conventions.flatten),
            output.block(&architecture)?,
        ];
        members.push(RealNetwork::new(architecture, blocks));
    }
    Ok(Imported { members, files: sources.checksums(), unread: sources.unread()? })
}

/// The hidden layer with its inputs map by map.
fn flattened(block: &Block<f64>, architecture: &Architecture, flatten: Flatten) -> Block<f64> {
    let (maps, positions) = (architecture.maps, architecture.positions());
    let row = |row: usize| block.row(row);
    match flatten {
        Flatten::ChannelsFirst => block.clone(),
        Flatten::ChannelsLast => Block::from_fn(
            block.rows(),
            block.columns(),
            |r, column| row(r)[column % positions * maps + column / positions],
            |r| block.biases()[r],
        ),
    }
}
