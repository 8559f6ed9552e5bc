//! The tensors of one layer, and their conversion to a block in this project's order.

use sottovoce_network::{Architecture, Block};

use crate::import::description::axes::{AxisOrder, fits};
use crate::import::description::conventions::Conventions;
use crate::import::description::fields::BiasLocation;
use crate::import::description::members::{LayerBias, LayerSource};
use crate::import::error::ImportError;
use crate::import::formats::tensor::Tensor;
use crate::import::real_network::LayerKind;
use crate::import::weight_files::WeightFiles;

use super::architecture::LayerTensors;

/// The tensors of one layer, as they were read.
pub struct Layer {
    kind: LayerKind,
    /// The member, from 1.
    member: usize,
    weights: Tensor,
    bias: Option<Tensor>,
    /// Location of the biases.
    bias_location: BiasLocation,
    axes: AxisOrder,
    /// The order in which the weights' values are stored: that of the axes, unless the description gives another one.
    memory: AxisOrder,
}

impl Layer {
    /// Reads the tensors of a layer. `file` is the file of all tensors of the member, if there is one.
    ///
    /// # Errors
    /// If a tensor cannot be read, the description does not say where the biases are, or all weights are zero.
    pub fn read(
        files: &mut WeightFiles,
        file: Option<&str>,
        source: &LayerSource,
        kind: LayerKind,
        member: usize,
        conventions: &Conventions,
    ) -> Result<Self, ImportError> {
        let (bias_location, bias) = match &source.bias {
            Some(LayerBias::Tensor(bias)) => (BiasLocation::Separate, Some(bias)),
            Some(LayerBias::Last) => (BiasLocation::Last, None),
            Some(LayerBias::None) => (BiasLocation::None, None),
            None if conventions.bias == BiasLocation::Separate => {
                return Err(ImportError::NoBias { member, layer: kind.name() });
            }
            None => (conventions.bias, None),
        };
        let (usual, parse): (_, fn(&str) -> Option<AxisOrder>) = match kind {
            LayerKind::Convolution => (&conventions.convolution, AxisOrder::parse_convolution),
            LayerKind::Hidden | LayerKind::Output => (&conventions.dense, AxisOrder::parse_dense),
        };
        // The check of the description has already refused invalid orders.
        let axes = source.axes.as_deref().and_then(parse).unwrap_or_else(|| usual.clone());
        let memory = source.memory.as_deref().and_then(parse).unwrap_or_else(|| axes.clone());
        let weights = files.tensor(file, &source.weights)?;
        let bias = bias.map(|bias| files.tensor(file, bias).map_err(missing_bias)).transpose()?;
        let layer = Self { kind, member, weights, bias, bias_location, axes, memory };
        if layer.weights.values.iter().all(|&weight| weight == 0.0) {
            return Err(ImportError::AllZero { tensor: layer.weights.origin.clone(), part: layer.name() });
        }
        Ok(layer)
    }

    /// Returns the tensors, which determine sizes of the architecture.
    pub fn tensors(&self) -> LayerTensors<'_> {
        LayerTensors {
            weights: &self.weights,
            axes: &self.axes,
            bias_last: self.bias_last(),
            bias: self.bias.as_ref(),
        }
    }

    /// Returns whether each output's bias follows its weights.
    fn bias_last(&self) -> bool {
        self.bias.is_none() && self.bias_location == BiasLocation::Last
    }

    /// Returns the words for the layer in errors, such as "the hidden layer of member 2".
    fn name(&self) -> String {
        let kind = match self.kind {
            LayerKind::Convolution => "convolution",
            LayerKind::Hidden => "hidden layer",
            LayerKind::Output => "output layer",
        };
        format!("the {kind} of member {}", self.member)
    }

    /// Returns the block in this project's order: a row for every output, kernel values in row order.
    ///
    /// # Errors
    /// If the shape of the weights or biases does not fit the architecture.
    #[expect(
        clippy::indexing_slicing,
        reason = "the shapes of weights and biases were checked against the architecture"
    )]
    pub fn block(&self, architecture: &Architecture) -> Result<Block<f64>, ImportError> {
        let (rows, columns) = self.rows_and_columns(architecture);
        let needed = self.needed(&self.axes, self.bias_last(), architecture);
        if !fits(&self.weights.shape, &needed) {
            return Err(self.shape_error(architecture, &needed));
        }
        let values = &self.weights.values;
        let size = size_of(self.kind, architecture);
        // If biases are stored with the weights, every output has one more value, or the tensor has one more row of
        // inputs.
        let first = self.memory.outputs_first() == Some(true);
        let value = |row: usize, column: usize| -> f64 {
            if self.bias_last() {
                let inner = self.memory.offset(
                    |letter| if letter == 'O' { 1 } else { size(letter) },
                    |letter| {
                        if letter == 'O' { 0 } else { self.index_along(letter, row, column, architecture) }
                    },
                );
                values[if first { row * (columns + 1) + inner } else { inner * rows + row }]
            } else {
                values[self.memory.offset(size, |letter| self.index_along(letter, row, column, architecture))]
            }
        };
        let biases = match &self.bias {
            Some(bias) if fits(&bias.shape, &[rows]) => bias.values.clone(),
            Some(bias) => {
                return Err(ImportError::Shape {
                    tensor: bias.origin.clone(),
                    found: bias.shape.clone(),
                    part: format!("the bias of {}", self.name()),
                    needed: format!("[{rows}]"),
                    hint: bias.doubt.clone(),
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
        let size = size_of(self.kind, architecture);
        (size('O'), if self.kind == LayerKind::Convolution { architecture.taps() } else { size('I') })
    }

    /// Returns the index of output `row` and input `column` along the axis `letter`.
    fn index_along(&self, letter: char, row: usize, column: usize, architecture: &Architecture) -> usize {
        match (letter, self.kind) {
            ('O', _) => row,
            ('H', _) => column / architecture.kernel,
            ('W', _) => column % architecture.kernel,
            // Images have one channel.
            (_, LayerKind::Convolution) => 0,
            _ => column,
        }
    }

    /// Returns the shape that the weights need with these axes.
    fn needed(&self, axes: &AxisOrder, bias_last: bool, architecture: &Architecture) -> Vec<usize> {
        if !bias_last {
            return axes.shape(size_of(self.kind, architecture));
        }
        let (rows, columns) = self.rows_and_columns(architecture);
        match axes.outputs_first() {
            Some(false) => vec![columns + 1, rows],
            _ => vec![rows, columns + 1],
        }
    }

    /// Returns the error of weights that do not fit, with a suggestion.
    fn shape_error(&self, architecture: &Architecture, needed: &[usize]) -> ImportError {
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
            part: self.name(),
            needed: format!("{needed:?} ({names})"),
            hint: self.hint(architecture),
        }
    }

    /// Returns a suggestion with which the weights fit: another order of axes or another location of the biases,
    /// unless the layer's bias contradicts it. If a file may contain a mistake, the suggestion is about the file.
    fn hint(&self, architecture: &Architecture) -> String {
        let doubt = format!("{}{}", self.weights.doubt, self.bias.as_ref().map_or("", |bias| &bias.doubt));
        if !doubt.is_empty() {
            return doubt;
        }
        for axes in [vec![self.axes.clone()], self.axes.alternatives()].concat() {
            for bias_last in [self.bias_last(), !self.bias_last()] {
                let found = &self.weights.shape;
                if (bias_last && axes.outputs_first().is_none())
                    || !fits(found, &self.needed(&axes, bias_last, architecture))
                {
                    continue;
                }
                if bias_last && let Some(bias) = &self.bias {
                    return self.extra_value_hint(&axes, bias, architecture);
                }
                let mut said = Vec::new();
                if axes != self.axes {
                    let field = if self.kind == LayerKind::Convolution { "convolution" } else { "dense" };
                    said.push(format!("`axes.{field} = \"{axes}\"`{}", layout_of(&axes)));
                }
                match (self.bias_last(), bias_last) {
                    (true, false) => said.push("a separate `bias`, or `bias = \"none\"`".to_owned()),
                    (false, true) => said.push("`bias = \"last\"` and no `bias` for this layer".to_owned()),
                    _ => {}
                }
                return format!("; it would fit with {}", said.join(" and "));
            }
        }
        self.bias.as_ref().map_or_else(String::new, |bias| {
            let (rows, _) = self.rows_and_columns(architecture);
            let size = self.axes.size_in(&self.weights.shape, 'O').filter(|&outputs| outputs != rows);
            size.filter(|_| bias.values.len() == rows).map_or_else(String::new, |outputs| {
                format!("; it has {outputs} outputs, but {} has {rows} values", bias.origin)
            })
        })
    }

    /// Returns the suggestion for weights with one value too many for each output, if the biases are in a separate
    /// tensor.
    fn extra_value_hint(&self, axes: &AxisOrder, bias: &Tensor, architecture: &Architecture) -> String {
        let (rows, columns) = self.rows_and_columns(architecture);
        let first = axes.outputs_first() == Some(true);
        let place = |row: usize, column: usize| {
            if first { row * (columns + 1) + column } else { column * rows + row }
        };
        let last = (0..rows).map(|row| self.weights.values.get(place(row, columns)));
        let (layer, part) = (self.kind.name(), if first { "column" } else { "row" });
        if fits(&bias.shape, &[rows]) && last.eq(bias.values.iter().map(Some)) {
            let axes = if *axes == self.axes { String::new() } else { format!(" and `axes = \"{axes}\"`") };
            return format!(
                "; its last {part} is the bias that {} holds: it would fit with `bias = \"last\"`{axes} in the {layer} layer, in \
                 place of that bias",
                bias.origin
            );
        }
        format!(
            "; it has one {part} too many, which is not the bias that {} holds: is its first {part} an index, or the bias \
             another layer's?",
            bias.origin
        )
    }

    /// Adds a suggestion to the error of an undetermined kernel size, if another order of axes determines it.
    pub fn with_advice(&self, error: ImportError) -> ImportError {
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

/// Replaces the suggestion of a similar name, if a bias is missing: most likely the layer has no bias.
fn missing_bias(error: ImportError) -> ImportError {
    let ImportError::UnknownTensor { path, name, known, .. } = error else { return error };
    let hint = "; if the layer has no bias, write `bias = \"none\"` in place of that name".to_owned();
    ImportError::UnknownTensor { path, name, hint, known }
}

/// Returns the words for the layout with these axes.
fn layout_of(axes: &AxisOrder) -> &'static str {
    match axes.to_string().as_str() {
        "HWIO" | "IO" => " (as in `layout = \"keras\"`)",
        "OIHW" | "OI" => " (as in `layout = \"pytorch\"`)",
        _ => "",
    }
}

/// Returns the sizes of a layer's axes, as a function of the axis' letter.
fn size_of(layer: LayerKind, architecture: &Architecture) -> impl Fn(char) -> usize + Copy + use<> {
    let Architecture { kernel, maps, hidden, classes, .. } = *architecture;
    let (outputs, inputs) = match layer {
        LayerKind::Convolution => (maps, 1),
        LayerKind::Hidden => (hidden, architecture.activations()),
        LayerKind::Output => (classes, hidden),
    };
    move |letter| match letter {
        'O' => outputs,
        'I' => inputs,
        _ => kernel,
    }
}
