//! How other programs lay out their weights.

use serde::Deserialize;

use super::{AxisOrder, Description, FieldProblem};

/// A program's way, which sets everything that a description does not say itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Kernels `HWIO`, dense layers `IO`, flattened channels last, biases apart.
    Keras,
    /// Kernels `OIHW`, dense layers `OI`, flattened channels first, biases apart.
    Pytorch,
    /// Kernels `OHW`, dense layers `OI`, flattened channels first, every output's bias behind its weights.
    Cryptonets,
}

/// How the convolution's outputs are numbered as inputs of the hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flatten {
    /// Map by map, positions in row order.
    ChannelsFirst,
    /// Position by position in row order, every map's value there.
    ChannelsLast,
}

/// Where a layer's biases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BiasPlace {
    /// In a tensor of their own.
    Separate,
    /// Each behind its output's weights.
    Last,
    /// There are none.
    None,
}

impl Layout {
    /// Kernel, dense layers, flattening and biases.
    fn conventions(self) -> (&'static str, &'static str, Flatten, BiasPlace) {
        match self {
            Self::Keras => ("HWIO", "IO", Flatten::ChannelsLast, BiasPlace::Separate),
            Self::Pytorch => ("OIHW", "OI", Flatten::ChannelsFirst, BiasPlace::Separate),
            Self::Cryptonets => ("OHW", "OI", Flatten::ChannelsFirst, BiasPlace::Last),
        }
    }
}

/// A layout with everything that a description says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conventions {
    pub convolution: AxisOrder,
    pub dense: AxisOrder,
    pub flatten: Flatten,
    pub bias: BiasPlace,
    /// Added to a BatchNorm's variances.
    pub epsilon: f64,
}

impl Conventions {
    pub fn of(description: &Description) -> Result<Self, FieldProblem> {
        // Files that tell which tensor is which come with orders of axes of their own.
        let layout = description.layout.unwrap_or(Layout::Pytorch);
        let (convolution, dense, flatten, bias) = layout.conventions();
        let axes = &description.axes;
        Ok(Self {
            convolution: convolution_axes(axes.convolution.as_deref().unwrap_or(convolution))
                .map_err(|message| FieldProblem::new(&["axes", "convolution"], message))?,
            dense: dense_axes(axes.dense.as_deref().unwrap_or(dense))
                .map_err(|message| FieldProblem::new(&["axes", "dense"], message))?,
            flatten: axes.flatten.unwrap_or(flatten),
            bias: description.bias.unwrap_or(bias),
            epsilon: if layout == Layout::Keras { 1e-3 } else { 1e-5 },
        })
    }
}

pub(super) fn convolution_axes(letters: &str) -> Result<AxisOrder, String> {
    AxisOrder::convolution(letters).ok_or_else(|| {
        format!(
            "is {letters:?}, but must be the letters O (maps), H (rows), W (columns) and, where the tensor has that \
             axis, I (input channel) in the tensor's order, such as \"HWIO\" (Keras) or \"OIHW\" (PyTorch)"
        )
    })
}

pub(super) fn dense_axes(letters: &str) -> Result<AxisOrder, String> {
    AxisOrder::dense(letters)
        .ok_or_else(|| format!("is {letters:?}, but must be \"IO\" (Keras) or \"OI\" (PyTorch)"))
}
