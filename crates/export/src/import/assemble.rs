//! Tensors, checked and put into this project's order.

use std::collections::BTreeMap;
use std::path::Path;

use sottovoce_network::{Architecture, Block};

use super::architecture::Clues;
use super::axes::{AxisOrder, fits};
use super::layout::Conventions;
use super::source::Sources;
use super::tensor::Tensor;
use super::{BiasPlace, Description, Flatten, ImportError, LayerSource, RealNetwork};

/// Members as they were trained, on pixels in `0..=1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// At least one, all of one architecture.
    pub members: Vec<RealNetwork>,
    /// SHA-256 of every file that was read, by its path in the description.
    pub files: BTreeMap<String, String>,
}

/// The names of the layers.
pub(super) const LAYERS: [&str; 3] = ["convolution", "hidden", "output"];

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
    Ok(Imported { members, files: sources.checksums() })
}

/// One layer's tensors, as they were read.
struct Layer {
    index: usize,
    member: usize,
    weights: Tensor,
    bias: Option<Tensor>,
    /// Of a layer without a tensor of biases.
    place: BiasPlace,
    axes: AxisOrder,
}

impl Layer {
    fn read(
        sources: &mut Sources,
        file: Option<&str>,
        source: &LayerSource,
        index: usize,
        member: usize,
        conventions: &Conventions,
    ) -> Result<Self, ImportError> {
        let place = conventions.bias;
        if source.bias.is_none() && place == BiasPlace::Separate {
            return Err(ImportError::NoBias { member, layer: LAYERS[index] });
        }
        let (usual, parse): (_, fn(&str) -> Option<AxisOrder>) = match index {
            0 => (&conventions.convolution, AxisOrder::convolution),
            _ => (&conventions.dense, AxisOrder::dense),
        };
        // The description's check has refused what is no order.
        let axes = source.axes.as_deref().and_then(parse).unwrap_or_else(|| usual.clone());
        let weights = sources.tensor(file, &source.weights)?;
        let bias = source.bias.as_ref().map(|bias| sources.tensor(file, bias)).transpose()?;
        Ok(Self { index, member, weights, bias, place, axes })
    }

    /// Whether every output's bias is behind its weights.
    fn bias_last(&self) -> bool {
        self.bias.is_none() && self.place == BiasPlace::Last
    }

    fn part(&self) -> String {
        let kind =
            if self.index == 0 { "convolution" } else { ["", "hidden layer", "output layer"][self.index] };
        format!("the {kind} of member {}", self.member)
    }

    /// The block in this project's order: a row for every output, taps in row order.
    fn block(&self, architecture: &Architecture) -> Result<Block<f64>, ImportError> {
        let (rows, columns) = self.rows_and_columns(architecture);
        let needed = self.needed(&self.axes, self.bias_last(), architecture);
        if !fits(&self.weights.shape, &needed) {
            return Err(self.misfit(architecture, &needed));
        }
        let values = &self.weights.values;
        let size = size_of(self.index, architecture);
        // Where biases are among the weights, every output has one value more, or every input's row one row more.
        let first = self.axes.outputs_first() == Some(true);
        let value = |row: usize, column: usize| -> f64 {
            if self.bias_last() {
                let inner = self.axes.offset(
                    |letter| if letter == 'O' { 1 } else { size(letter) },
                    |letter| if letter == 'O' { 0 } else { self.place(letter, row, column, architecture) },
                );
                values[if first { row * (columns + 1) + inner } else { inner * rows + row }]
            } else {
                values[self.axes.offset(size, |letter| self.place(letter, row, column, architecture))]
            }
        };
        let biases = match &self.bias {
            Some(bias) if fits(&bias.shape, &[rows]) => bias.values.clone(),
            Some(bias) => {
                return Err(ImportError::Shape {
                    tensor: bias.origin.clone(),
                    found: bias.shape.clone(),
                    part: format!("the bias of {}", self.part()),
                    needed: format!("[{rows}]"),
                    hint: String::new(),
                });
            }
            None if self.bias_last() => (0..rows)
                .map(|row| values[if first { row * (columns + 1) + columns } else { columns * rows + row }])
                .collect(),
            None => vec![0.0; rows],
        };
        Ok(Block::from_fn(rows, columns, value, |row| biases[row]))
    }

    fn rows_and_columns(&self, architecture: &Architecture) -> (usize, usize) {
        let size = size_of(self.index, architecture);
        (size('O'), if self.index == 0 { architecture.taps() } else { size('I') })
    }

    /// Where the value of output `row` and input `column` is along the axis `letter`.
    fn place(&self, letter: char, row: usize, column: usize, architecture: &Architecture) -> usize {
        match (letter, self.index) {
            ('O', _) => row,
            ('H', _) => column / architecture.kernel,
            ('W', _) => column % architecture.kernel,
            // Images have one channel.
            (_, 0) => 0,
            _ => column,
        }
    }

    /// The shape that the weights need with these axes.
    fn needed(&self, axes: &AxisOrder, bias_last: bool, architecture: &Architecture) -> Vec<usize> {
        if !bias_last {
            return axes.shape(size_of(self.index, architecture));
        }
        let (rows, columns) = self.rows_and_columns(architecture);
        match axes.outputs_first() {
            Some(false) => vec![columns + 1, rows],
            _ => vec![rows, columns + 1],
        }
    }

    /// The error of weights that do not fit, with what would make them fit.
    fn misfit(&self, architecture: &Architecture, needed: &[usize]) -> ImportError {
        let names = if self.bias_last() {
            match self.axes.outputs_first() {
                Some(false) => "weights and a bias, outputs".to_owned(),
                _ => "outputs, weights and a bias".to_owned(),
            }
        } else {
            format!("in the order {}", self.axes)
        };
        ImportError::Shape {
            tensor: self.weights.origin.clone(),
            found: self.weights.shape.clone(),
            part: self.part(),
            needed: format!("{needed:?} ({names})"),
            hint: self.hint(architecture),
        }
    }

    /// Another order of axes, or place of biases, with which the weights would fit.
    fn hint(&self, architecture: &Architecture) -> String {
        for axes in [vec![self.axes.clone()], self.axes.alternatives()].concat() {
            for bias_last in [self.bias_last(), !self.bias_last()] {
                let found = &self.weights.shape;
                if (bias_last && axes.outputs_first().is_none())
                    || !fits(found, &self.needed(&axes, bias_last, architecture))
                {
                    continue;
                }
                let mut said = Vec::new();
                if axes != self.axes {
                    let field = if self.index == 0 { "convolution" } else { "dense" };
                    said.push(format!("`axes.{field} = \"{axes}\"`{}", layout_of(&axes)));
                }
                match (self.bias_last(), bias_last) {
                    (true, false) => said.push("a `bias` of its own, or `bias = \"none\"`".to_owned()),
                    (false, true) => said.push("`bias = \"last\"` and no `bias` for this layer".to_owned()),
                    _ => {}
                }
                return format!("; it would fit with {}", said.join(" and "));
            }
        }
        String::new()
    }

    /// A size that cannot be told is told by kernels in another order: then that is the mistake.
    fn advised(&self, error: ImportError) -> ImportError {
        let ImportError::Undetermined { field: "kernel", reason } = error else { return error };
        let shape = &self.weights.shape;
        let fitting = self.axes.alternatives().into_iter().find(|axes| {
            let size = |letter| axes.size_in(shape, letter);
            let bias = self.bias.as_ref().map(|bias| bias.values.len());
            size('H').is_some()
                && size('H') == size('W')
                && size('I').is_none_or(|channels| channels == 1)
                && bias.is_none_or(|maps| size('O') == Some(maps))
        });
        let hint = fitting.map_or_else(String::new, |axes| {
            format!("; its axes fit with `axes.convolution = \"{axes}\"`{}", layout_of(&axes))
        });
        ImportError::Undetermined { field: "kernel", reason: reason + &hint }
    }
}

/// The layout whose order this is.
fn layout_of(axes: &AxisOrder) -> &'static str {
    match axes.to_string().as_str() {
        "HWIO" | "IO" => " (as in `layout = \"keras\"`)",
        "OIHW" | "OI" => " (as in `layout = \"pytorch\"`)",
        _ => "",
    }
}

/// The sizes of a layer's axes.
fn size_of(layer: usize, architecture: &Architecture) -> impl Fn(char) -> usize + Copy + use<> {
    let Architecture { kernel, maps, hidden, classes, .. } = *architecture;
    let (outputs, inputs) = [(maps, 1), (hidden, architecture.activations()), (classes, hidden)][layer];
    move |letter| match letter {
        'O' => outputs,
        'I' => inputs,
        _ => kernel,
    }
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
