//! The conventions that a description's tensors follow: its layout's, changed by its other fields.

use super::axes::AxisOrder;
use super::error::FieldError;
use super::fields::{BiasLocation, Description, Flatten, Layout};

/// The conventions of a layout: kernel axes, dense axes, flattening and biases.
fn conventions_of(layout: Layout) -> (&'static str, &'static str, Flatten, BiasLocation) {
    match layout {
        Layout::Keras => ("HWIO", "IO", Flatten::ChannelsLast, BiasLocation::Separate),
        Layout::Pytorch => ("OIHW", "OI", Flatten::ChannelsFirst, BiasLocation::Separate),
        Layout::Cryptonets => ("OHW", "OI", Flatten::ChannelsFirst, BiasLocation::Last),
    }
}

/// The conventions of a layout with the changes that a description makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Conventions {
    pub convolution: AxisOrder,
    pub dense: AxisOrder,
    pub flatten: Flatten,
    pub bias: BiasLocation,
    /// Number added to a BatchNorm's variances.
    pub epsilon: f64,
}

impl Conventions {
    /// Returns the conventions of a description.
    ///
    /// # Errors
    /// If an order of axes is not a permutation of its letters.
    pub fn of(description: &Description) -> Result<Self, FieldError> {
        // Layers that were identified by names and shapes have their own orders of axes.
        let layout = description.layout.unwrap_or(Layout::Pytorch);
        let (convolution, dense, flatten, bias) = conventions_of(layout);
        let axes = &description.axes;
        Ok(Self {
            convolution: convolution_axes(axes.convolution.as_deref().unwrap_or(convolution))
                .map_err(|message| FieldError::new(&["axes", "convolution"], message))?,
            dense: dense_axes(axes.dense.as_deref().unwrap_or(dense))
                .map_err(|message| FieldError::new(&["axes", "dense"], message))?,
            flatten: axes.flatten.unwrap_or(flatten),
            bias: description.bias.unwrap_or(bias),
            epsilon: if layout == Layout::Keras { 1e-3 } else { 1e-5 },
        })
    }
}

/// Parses an order of a convolution's axes.
///
/// # Errors
/// If the letters are not a permutation of `OIHW` or `OHW`.
pub fn convolution_axes(letters: &str) -> Result<AxisOrder, String> {
    AxisOrder::parse_convolution(letters).ok_or_else(|| {
        format!(
            "is {letters:?}, but must be the letters O (maps), H (rows), W (columns) and, if the tensor has that \
             axis, I (input channel) in the tensor's order, such as \"HWIO\" (Keras) or \"OIHW\" (PyTorch)"
        )
    })
}

/// Parses an order of a dense layer's axes.
///
/// # Errors
/// If the letters are neither `IO` nor `OI`.
pub fn dense_axes(letters: &str) -> Result<AxisOrder, String> {
    AxisOrder::parse_dense(letters)
        .ok_or_else(|| format!("is {letters:?}, but must be \"IO\" (Keras) or \"OI\" (PyTorch)"))
}
