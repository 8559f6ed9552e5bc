//! The architecture, from what a description says and what the tensors' shapes tell.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sottovoce_network::{Architecture, Padding};

use super::ImportError;
use super::axes::AxisOrder;
use super::tensor::Tensor;

/// Sizes that a description gives; the others are told by the tensors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialArchitecture {
    /// Pixels on a side; the data set's where it is absent.
    pub image_side: Option<usize>,
    /// Taps on a side of the kernel.
    pub kernel: Option<usize>,
    /// Pixels between windows.
    pub stride: Option<usize>,
    /// Zeros around the image.
    pub padding: Option<PaddingPlan>,
    /// Rows and columns that an average pooling behind the first square makes one; 1 where there is none.
    pub pool: Option<usize>,
    /// Convolution maps.
    pub maps: Option<usize>,
    /// Hidden units.
    pub hidden: Option<usize>,
    /// Classes.
    pub classes: Option<usize>,
}

/// Zeros around the image, in any of the ways in which programs say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaddingPlan {
    /// None.
    Valid,
    /// As many as make the output's side that of the image over the stride, rounded up; an odd one behind the image.
    Same,
    /// So many before and behind.
    Both(usize),
    /// Each side its own.
    Sides(Padding),
}

/// The tensors that tell sizes: one member's, with the order of their axes, and whether biases are their last values.
pub(super) struct Clues<'a> {
    pub weights: [(&'a Tensor, &'a AxisOrder, bool); 3],
    pub biases: [Option<&'a Tensor>; 3],
}

impl PartialArchitecture {
    /// Everything that is not given, from `clues`; `data_side` is the side of the images at hand.
    ///
    /// # Errors
    /// If a size cannot be told, or sizes are impossible together. Whether every tensor fits is not asked here.
    pub(super) fn complete(&self, clues: &Clues, data_side: usize) -> Result<Architecture, ImportError> {
        let maps = self.maps.map_or_else(|| clues.outputs(0, "maps"), Ok)?;
        let hidden = self.hidden.map_or_else(|| clues.outputs(1, "hidden"), Ok)?;
        let classes = self.classes.map_or_else(|| clues.outputs(2, "classes"), Ok)?;
        let kernel = self.kernel.map_or_else(|| clues.kernel(maps), Ok)?;
        let image_side = self.image_side.unwrap_or(data_side);
        // The shapes' own check names fields and limits, and keeps what follows from overflowing.
        let mut architecture = Architecture {
            image_side,
            kernel,
            stride: self.stride.unwrap_or(1),
            padding: Padding { leading: 0, trailing: 0 },
            maps,
            hidden: 1,
            classes,
        };
        architecture.validate()?;
        architecture.hidden = hidden;
        let inputs = clues.inputs(hidden, self.hidden.is_some())?;
        architecture.stride = match self.stride {
            Some(stride) => stride,
            None => self.stride_for(architecture, inputs)?,
        };
        architecture.padding = self.padding(&architecture);
        architecture.validate()?;
        if self.padding.is_none() && self.hidden_inputs(&architecture) != inputs {
            let fits = what_fits(self, architecture, Some(architecture.stride), inputs);
            // Where no padding fits, the tensors' shapes tell more.
            if let Some(fits) = fits {
                let reason = format!(
                    "the hidden layer has {inputs} inputs, but without padding the convolution has {} outputs; {fits}",
                    self.hidden_inputs(&architecture),
                );
                return Err(ImportError::Undetermined { field: "padding", reason });
            }
        }
        Ok(architecture)
    }

    /// Rows and columns that a pooling behind the first square makes one.
    pub(super) fn pool(&self) -> usize {
        self.pool.unwrap_or(1).max(1)
    }

    /// The inputs of the hidden layer of a network of sound sizes.
    pub(super) fn hidden_inputs(&self, architecture: &Architecture) -> usize {
        let side = architecture.convolution_side() / self.pool();
        architecture.maps.saturating_mul(side).saturating_mul(side)
    }

    fn padding(&self, architecture: &Architecture) -> Padding {
        let Architecture { image_side, kernel, stride, .. } = *architecture;
        match self.padding.unwrap_or(PaddingPlan::Valid) {
            PaddingPlan::Valid => Padding { leading: 0, trailing: 0 },
            PaddingPlan::Both(zeros) => Padding { leading: zeros, trailing: zeros },
            PaddingPlan::Sides(padding) => padding,
            PaddingPlan::Same => {
                let side = image_side.div_ceil(stride.max(1));
                let all = (side.saturating_sub(1) * stride + kernel).saturating_sub(image_side);
                Padding { leading: all / 2, trailing: all.div_ceil(2) }
            }
        }
    }

    /// The only stride with which the hidden layer's inputs are as many as its weights want.
    fn stride_for(&self, architecture: Architecture, inputs: usize) -> Result<usize, ImportError> {
        let fitting: Vec<usize> = (1..=architecture.kernel)
            .filter(|&stride| {
                let mut candidate = Architecture { stride, ..architecture };
                candidate.padding = self.padding(&candidate);
                candidate.validate().is_ok() && self.hidden_inputs(&candidate) == inputs
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
                    self.padding.map_or("no padding given".to_owned(), |plan| format!("padding {plan}")),
                fits = what_fits(self, architecture, None, inputs).unwrap_or_else(|| {
                    "no stride and padding fit: are image side, kernel and maps right, and biases where the description says?"
                        .to_owned()
                }),
            ),
            several => format!("each of {several:?} fits; say which"),
        };
        Err(ImportError::Undetermined { field: "stride", reason })
    }
}

/// The strides and numbers of zeros that make `inputs` activations, if any do.
fn what_fits(
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
                candidate.validate().is_ok() && given.hidden_inputs(&candidate) == inputs
            })
            .map(|zeros| zeros.to_string())
            .collect();
        if !zeros.is_empty() {
            let zeros = zeros.join(" or ");
            fitting.push(format!("stride {stride} with {zeros} zeros (leading and trailing together)"));
        }
    }
    (!fitting.is_empty()).then(|| format!("what fits: {}", fitting.join("; ")))
}

impl Clues<'_> {
    /// The outputs of a layer.
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

    /// What may be wrong with a layer's files.
    fn doubt(&self, layer: usize) -> String {
        let bias = self.biases[layer].map_or("", |bias| &bias.doubt);
        format!("{}{bias}", self.weights[layer].0.doubt)
    }

    /// The inputs of each of `hidden` units, whose number is `given` or told by the tensors.
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

    /// The side of the kernel.
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

impl fmt::Display for PaddingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("\"valid\""),
            Self::Same => f.write_str("\"same\""),
            Self::Both(zeros) => write!(f, "{zeros} on all sides"),
            Self::Sides(Padding { leading, trailing }) => write!(f, "{leading} leading, {trailing} trailing"),
        }
    }
}

impl<'de> Deserialize<'de> for PaddingPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Plan;
        impl<'de> Visitor<'de> for Plan {
            type Value = PaddingPlan;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"valid\" (none), \"same\", the zeros on every side, or { leading = ..., trailing = ... }",
                )
            }

            fn visit_i64<E: Error>(self, zeros: i64) -> Result<PaddingPlan, E> {
                let unexpected = serde::de::Unexpected::Signed(zeros);
                zeros.try_into().map(PaddingPlan::Both).map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<PaddingPlan, E> {
                match word {
                    "valid" => Ok(PaddingPlan::Valid),
                    "same" => Ok(PaddingPlan::Same),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PaddingPlan, A::Error> {
                Padding::deserialize(MapAccessDeserializer::new(map)).map(PaddingPlan::Sides)
            }
        }
        deserializer.deserialize_any(Plan)
    }
}
