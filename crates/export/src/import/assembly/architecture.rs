//! The architecture of a member, from its description and the shapes of its tensors.

use sottovoce_network::{Architecture, Padding};

use crate::import::description::architecture::{PaddingMode, PartialArchitecture};
use crate::import::description::axes::AxisOrder;
use crate::import::error::ImportError;
use crate::import::formats::tensor::Tensor;

/// The tensors of one member, which determine its sizes.
pub struct MemberTensors<'a> {
    /// The weights of each layer with the order of their axes. True if biases are their last values.
    pub weights: [(&'a Tensor, &'a AxisOrder, bool); 3],
    /// The separate biases of each layer.
    pub biases: [Option<&'a Tensor>; 3],
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
    let maps = given.maps.map_or_else(|| tensors.outputs(0, "maps"), Ok)?;
    let hidden = given.hidden.map_or_else(|| tensors.outputs(1, "hidden"), Ok)?;
    let classes = given.classes.map_or_else(|| tensors.outputs(2, "classes"), Ok)?;
    let kernel = given.kernel.map_or_else(|| tensors.kernel(maps), Ok)?;
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
    let inputs = tensors.inputs(hidden, given.hidden.is_some())?;
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
            "the hidden layer has {inputs} inputs, which no stride makes with {maps} maps of {side} x {side} pixels, \
             kernels of {kernel} x {kernel}, and {padding}; {fits}",
            maps = architecture.maps,
            side = architecture.image_side,
            kernel = architecture.kernel,
            padding =
                given.padding.map_or("no padding given".to_owned(), |plan| format!("padding {plan}")),
            fits = fitting_windows(given, architecture, None, inputs).unwrap_or_else(|| {
                "no stride and padding fit: are image side, kernel and maps right, and biases where the description says?"
                    .to_owned()
            }),
        ),
        several => format!("each of {several:?} fits; say which"),
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

impl MemberTensors<'_> {
    /// Returns the number of outputs of a layer.
    fn outputs(&self, layer: usize, field: &'static str) -> Result<usize, ImportError> {
        if let Some(bias) = self.biases[layer] {
            return Ok(bias.values.len());
        }
        let (tensor, axes, _) = self.weights[layer];
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
    fn doubt(&self, layer: usize) -> String {
        let bias = self.biases[layer].map_or("", |bias| &bias.doubt);
        format!("{}{bias}", self.weights[layer].0.doubt)
    }

    /// Returns the number of inputs of each of `hidden` units. `given` says whether the description gives the number of units.
    fn inputs(&self, hidden: usize, given: bool) -> Result<usize, ImportError> {
        let (tensor, _, bias_last) = self.weights[1];
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
                hint: match self.biases[1] {
                    Some(bias) if !given => {
                        format!("; {} has {hidden} values{}", bias.origin, self.doubt(1))
                    }
                    _ => format!("; is `architecture.hidden` right?{}", self.doubt(1)),
                },
            }),
        }
    }

    /// Returns the number of rows and columns of the kernel.
    fn kernel(&self, maps: usize) -> Result<usize, ImportError> {
        let (tensor, axes, bias_last) = self.weights[0];
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
                doubt = self.doubt(0),
            ),
        })
    }
}
