//! The architecture of a member, from its description and the shapes of its tensors.

use sottovoce_network::{Architecture, Padding};

use crate::import::description::architecture::{PaddingMode, PartialArchitecture};
use crate::import::description::axes::AxisOrder;
use crate::import::error::ImportError;
use crate::import::formats::tensor::Tensor;

/// The tensors of one member, whose shapes determine its sizes.
pub struct MemberTensors<'a> {
    /// Tensors of the convolution.
    pub convolution: LayerTensors<'a>,
    /// Tensors of the hidden layer.
    pub hidden: LayerTensors<'a>,
    /// Tensors of the output layer.
    pub output: LayerTensors<'a>,
}

/// The tensors of one layer.
pub struct LayerTensors<'a> {
    /// The weights.
    pub weights: &'a Tensor,
    /// The order of the weights' axes.
    pub axes: &'a AxisOrder,
    /// True if each output's bias follows its weights.
    pub bias_last: bool,
    /// The separate biases.
    pub bias: Option<&'a Tensor>,
}

/// Returns the architecture: the sizes that the description gives, and the absent ones from the tensors. `data_side` is the
/// number of rows and columns of the data set's images, in pixels.
///
/// # Errors
/// If the tensors do not determine a size, or the sizes are impossible together. Other tensors' shapes are not checked.
pub fn complete_architecture(
    given: &PartialArchitecture,
    tensors: &MemberTensors<'_>,
    data_side: usize,
) -> Result<Architecture, ImportError> {
    let maps = given.maps.map_or_else(|| tensors.convolution.outputs("maps"), Ok)?;
    let hidden = given.hidden.map_or_else(|| tensors.hidden.outputs("hidden"), Ok)?;
    let classes = given.classes.map_or_else(|| tensors.output.outputs("classes"), Ok)?;
    let kernel = given.kernel.map_or_else(|| tensors.convolution.kernel(maps), Ok)?;
    let image_side = given.image_side.unwrap_or(data_side);
    // Validation names the wrong field, and bounds the sizes so that the products below do not overflow.
    let mut architecture = Architecture {
        image_side,
        kernel,
        stride: given.stride.unwrap_or(1),
        padding: Padding { leading: 0, trailing: 0 },
        maps,
        hidden: 1,
        classes,
    };
    architecture.validate()?;
    architecture.hidden = hidden;
    let inputs = tensors.hidden.inputs(hidden, given.hidden.is_some())?;
    architecture.stride = match given.stride {
        Some(stride) => stride,
        None => find_stride(given, architecture, inputs)?,
    };
    architecture.padding = padding(given, &architecture);
    architecture.validate()?;
    if given.padding.is_none() && hidden_inputs(given, &architecture) != inputs {
        let fits = fitting_windows(given, architecture, Some(architecture.stride), inputs);
        // If no padding fits, the later check of the shapes has the better error.
        if let Some(fits) = fits {
            let reason = format!(
                "the hidden layer has {inputs} inputs, but without padding the convolution has {} outputs; {fits}",
                hidden_inputs(given, &architecture),
            );
            return Err(ImportError::Undetermined { field: "padding", reason });
        }
    }
    Ok(architecture)
}

/// Returns the number of inputs of the hidden layer, for an architecture that was validated.
pub fn hidden_inputs(given: &PartialArchitecture, architecture: &Architecture) -> usize {
    let side = architecture.convolution_side() / given.pool();
    architecture.maps.saturating_mul(side).saturating_mul(side)
}

/// Returns the padding that the description gives; none if absent.
fn padding(given: &PartialArchitecture, architecture: &Architecture) -> Padding {
    let Architecture { image_side, kernel, stride, .. } = *architecture;
    match given.padding.unwrap_or(PaddingMode::Valid) {
        PaddingMode::Valid => Padding { leading: 0, trailing: 0 },
        PaddingMode::Both(zeros) => Padding { leading: zeros, trailing: zeros },
        PaddingMode::Sides(padding) => padding,
        PaddingMode::Same => {
            let side = image_side.div_ceil(stride.max(1));
            let all = (side.saturating_sub(1) * stride + kernel).saturating_sub(image_side);
            Padding { leading: all / 2, trailing: all.div_ceil(2) }
        }
    }
}

/// Returns the only stride with which the hidden layer has `inputs` inputs.
///
/// # Errors
/// If no stride or several strides do.
fn find_stride(
    given: &PartialArchitecture,
    architecture: Architecture,
    inputs: usize,
) -> Result<usize, ImportError> {
    let fitting: Vec<usize> = (1..=architecture.kernel)
        .filter(|&stride| {
            let mut candidate = Architecture { stride, ..architecture };
            candidate.padding = padding(given, &candidate);
            candidate.validate().is_ok() && hidden_inputs(given, &candidate) == inputs
        })
        .collect();
    if let [stride] = *fitting {
        return Ok(stride);
    }
    let reason = match fitting.as_slice() {
        [] => format!(
            "the hidden layer has {inputs} inputs, which does not follow from any stride with {maps} maps of {side} x {side} pixels, \
             kernels of {kernel} x {kernel}, and {padding}; {fits}",
            maps = architecture.maps,
            side = architecture.image_side,
            kernel = architecture.kernel,
            padding = given.padding.map_or("no padding given".to_owned(), |plan| format!("padding {plan}")),
            fits = fitting_windows(given, architecture, None, inputs).unwrap_or_else(|| {
                "no stride and padding fit; check the image side, kernel, maps and location of the biases"
                    .to_owned()
            }),
        ),
        several => format!("{several:?} all fit; choose one"),
    };
    Err(ImportError::Undetermined { field: "stride", reason })
}

/// Returns a sentence about the strides and numbers of zeros with which the hidden layer has `inputs` inputs; `None` if there
/// are none.
fn fitting_windows(
    given: &PartialArchitecture,
    architecture: Architecture,
    stride: Option<usize>,
    inputs: usize,
) -> Option<String> {
    let mut fitting = Vec::new();
    let strides = stride.map_or(1..=architecture.kernel, |stride| stride..=stride);
    for stride in strides {
        let zeros: Vec<String> = (0..2 * architecture.kernel - 1)
            .filter(|&zeros| {
                let padding = Padding { leading: zeros / 2, trailing: zeros.div_ceil(2) };
                let candidate = Architecture { stride, padding, ..architecture };
                candidate.validate().is_ok() && hidden_inputs(given, &candidate) == inputs
            })
            .map(|zeros| zeros.to_string())
            .collect();
        if !zeros.is_empty() {
            let zeros = zeros.join(" or ");
            fitting.push(format!("stride {stride} with {zeros} zeros (leading and trailing together)"));
        }
    }
    (!fitting.is_empty()).then(|| format!("these fit: {}", fitting.join("; ")))
}

impl LayerTensors<'_> {
    /// Returns the number of outputs of a layer.
    fn outputs(&self, field: &'static str) -> Result<usize, ImportError> {
        if let Some(bias) = self.bias {
            return Ok(bias.values.len());
        }
        let Self { weights: tensor, axes, .. } = self;
        let shape = &tensor.shape;
        let outputs = axes.size_in(shape, 'O').or_else(|| match (axes.outputs_first(), shape.as_slice()) {
            (Some(true), [outputs, _, ..]) | (Some(false), [.., _, outputs]) => Some(*outputs),
            _ => None,
        });
        outputs.ok_or_else(|| ImportError::Undetermined {
            field,
            reason: format!("{} is a list of {} values", tensor.origin, tensor.values.len()),
        })
    }

    /// Returns the doubts about a layer's files.
    fn doubt(&self) -> String {
        let bias = self.bias.map_or("", |bias| &bias.doubt);
        format!("{}{bias}", self.weights.doubt)
    }

    /// Returns the number of inputs of each of `hidden` units. `given` says whether the description gives the number of units.
    fn inputs(&self, hidden: usize, given: bool) -> Result<usize, ImportError> {
        let &Self { weights: tensor, bias_last, .. } = self;
        let (count, bias) = (tensor.values.len(), usize::from(bias_last));
        match count.checked_div(hidden).and_then(|each| each.checked_sub(bias)) {
            Some(inputs) if inputs > 0 && (inputs + bias).checked_mul(hidden) == Some(count) => Ok(inputs),
            _ => Err(ImportError::Shape {
                tensor: tensor.origin.clone(),
                found: tensor.shape.clone(),
                part: "the hidden layer".to_owned(),
                needed: format!(
                    "as many values{} for each of its {hidden} units, and {count} are not {hidden} times as many",
                    if bias_last { ", and a bias," } else { "" }
                ),
                hint: match self.bias {
                    Some(bias) if !given => {
                        format!("; {} has {hidden} values{}", bias.origin, self.doubt())
                    }
                    _ => format!("; is `architecture.hidden` right?{}", self.doubt()),
                },
            }),
        }
    }

    /// Returns the number of rows and columns of the kernel.
    fn kernel(&self, maps: usize) -> Result<usize, ImportError> {
        let &Self { weights: tensor, axes, bias_last, .. } = self;
        let (count, bias) = (tensor.values.len(), usize::from(bias_last));
        let taps = (count / maps.max(1)).saturating_sub(bias);
        let kernel = taps.isqrt();
        if kernel * kernel == taps && (taps + bias) * maps == count {
            return Ok(kernel);
        }
        let channels = axes.size_in(&tensor.shape, 'I').filter(|&channels| channels > 1);
        let colour = channels.map_or_else(String::new, |channels| {
            format!("; read as {axes} it has {channels} input channels, and grey images have 1")
        });
        Err(ImportError::Undetermined {
            field: "kernel",
            reason: format!(
                "{} has the shape {:?}, of which {maps} maps{} make no square kernels{colour}{doubt}",
                tensor.origin,
                tensor.shape,
                if bias_last { " with a bias each" } else { "" },
                doubt = self.doubt(),
            ),
        })
    }
}
