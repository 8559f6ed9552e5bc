//! One layer's tensors, as a file has them, to a block in this project's order.

use sottovoce_network::{Architecture, Block};

use crate::import::description::axes::{AxisOrder, fits};
use crate::import::description::conventions::Conventions;
use crate::import::description::fields::BiasLocation;
use crate::import::description::members::{LayerBias, LayerSource};
use crate::import::error::ImportError;
use crate::import::formats::tensor::Tensor;
use crate::import::real_network::LAYER_NAMES;
use crate::import::weight_files::WeightFiles;

/// One layer's tensors, as they were read.
pub struct Layer {
    index: usize,
    member: usize,
    pub weights: Tensor,
    pub bias: Option<Tensor>,
    /// Where biases are.
    place: BiasLocation,
    pub axes: AxisOrder,
    /// The order in which the weights' values lie; the axes' own unless the description says otherwise.
    memory: AxisOrder,
}

impl Layer {
    pub fn read(
        files: &mut WeightFiles,
        file: Option<&str>,
        source: &LayerSource,
        index: usize,
        member: usize,
        conventions: &Conventions,
    ) -> Result<Self, ImportError> {
        let (place, bias) = match &source.bias {
            Some(LayerBias::Tensor(bias)) => (BiasLocation::Separate, Some(bias)),
            Some(LayerBias::Last) => (BiasLocation::Last, None),
            Some(LayerBias::None) => (BiasLocation::None, None),
            None if conventions.bias == BiasLocation::Separate => {
                return Err(ImportError::NoBias { member, layer: LAYER_NAMES[index] });
            }
            None => (conventions.bias, None),
        };
        let (usual, parse): (_, fn(&str) -> Option<AxisOrder>) = match index {
            0 => (&conventions.convolution, AxisOrder::convolution),
            _ => (&conventions.dense, AxisOrder::dense),
        };
        // The description's check has refused what is no order.
        let axes = source.axes.as_deref().and_then(parse).unwrap_or_else(|| usual.clone());
        let memory = source.memory.as_deref().and_then(parse).unwrap_or_else(|| axes.clone());
        let weights = files.tensor(file, &source.weights)?;
        let bias = bias.map(|bias| files.tensor(file, bias).map_err(or_no_bias)).transpose()?;
        let layer = Self { index, member, weights, bias, place, axes, memory };
        if layer.weights.values.iter().all(|&weight| weight == 0.0) {
            return Err(ImportError::AllZero { tensor: layer.weights.origin.clone(), part: layer.part() });
        }
        Ok(layer)
    }

    /// Whether every output's bias is behind its weights.
    pub fn bias_last(&self) -> bool {
        self.bias.is_none() && self.place == BiasLocation::Last
    }

    fn part(&self) -> String {
        let kind =
            if self.index == 0 { "convolution" } else { ["", "hidden layer", "output layer"][self.index] };
        format!("the {kind} of member {}", self.member)
    }

    /// The block in this project's order: a row for every output, taps in row order.
    pub fn block(&self, architecture: &Architecture) -> Result<Block<f64>, ImportError> {
        let (rows, columns) = self.rows_and_columns(architecture);
        let needed = self.needed(&self.axes, self.bias_last(), architecture);
        if !fits(&self.weights.shape, &needed) {
            return Err(self.misfit(architecture, &needed));
        }
        let values = &self.weights.values;
        let size = size_of(self.index, architecture);
        // Where biases are among the weights, every output has one value more, or every input's row one row more.
        let first = self.memory.outputs_first() == Some(true);
        let value = |row: usize, column: usize| -> f64 {
            if self.bias_last() {
                let inner = self.memory.offset(
                    |letter| if letter == 'O' { 1 } else { size(letter) },
                    |letter| if letter == 'O' { 0 } else { self.place(letter, row, column, architecture) },
                );
                values[if first { row * (columns + 1) + inner } else { inner * rows + row }]
            } else {
                values[self.memory.offset(size, |letter| self.place(letter, row, column, architecture))]
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

    /// What would make the weights fit: another order of axes or place of biases, where the layer's bias does not say
    /// otherwise, or else what may be wrong with a file.
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
                    return self.one_too_many(&axes, bias, architecture);
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
        self.bias.as_ref().map_or_else(String::new, |bias| {
            let (rows, _) = self.rows_and_columns(architecture);
            let size = self.axes.size_in(&self.weights.shape, 'O').filter(|&outputs| outputs != rows);
            size.filter(|_| bias.values.len() == rows).map_or_else(String::new, |outputs| {
                format!("; it has {outputs} outputs, but {} has {rows} values", bias.origin)
            })
        })
    }

    /// What to say of weights that have one value more for each output, where the biases are in a tensor of their own.
    fn one_too_many(&self, axes: &AxisOrder, bias: &Tensor, architecture: &Architecture) -> String {
        let (rows, columns) = self.rows_and_columns(architecture);
        let first = axes.outputs_first() == Some(true);
        let place = |row: usize, column: usize| {
            if first { row * (columns + 1) + column } else { column * rows + row }
        };
        let last = (0..rows).map(|row| self.weights.values.get(place(row, columns)));
        let (layer, part) = (LAYER_NAMES[self.index], if first { "column" } else { "row" });
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

    /// A size that cannot be told is told by kernels in another order: then that is the mistake.
    pub fn advised(&self, error: ImportError) -> ImportError {
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

/// The error of a bias that is not in its file: most likely it is nowhere, and never another layer's or weights.
fn or_no_bias(error: ImportError) -> ImportError {
    let ImportError::UnknownTensor { path, name, known, .. } = error else { return error };
    let hint = "; if the layer has no bias, write `bias = \"none\"` in place of that name".to_owned();
    ImportError::UnknownTensor { path, name, hint, known }
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
