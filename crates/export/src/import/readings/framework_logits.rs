//! Comparison of the float network with logits that the framework computed.
//!
//! The framework saves an archive of arrays (`numpy.savez`): its network's inputs (`inputs`), its answers (`logits`),
//! and optionally outputs of its layers. Equal logits prove that every weight, order of axes, stride, padding and
//! activation was read correctly. If the archive also has the bytes of the images (`pixels`), the inputs prove the
//! normalisation of pixels.

use std::path::Path;

use crate::import::description::pixels::{PixelMap, PixelNormalisation};
use crate::import::error::ImportError;
use crate::import::formats::npz;
use crate::import::formats::tensor::Tensor;
use crate::import::formats::weights_file::WeightsFile;
use crate::import::real_network::RealNetwork;

/// Largest difference of equal logits, as a fraction of the largest logit: frameworks compute in 32 bits.
const TOLERANCE: f64 = 1e-4;

/// Largest distance of an input from a whole byte, in bytes.
const BYTE_TOLERANCE: f64 = 0.01;

/// Names of the array with the framework's answers.
const LOGITS: [&str; 4] = ["logits", "outputs", "predictions", "output"];

/// The logits that a framework computed for some images.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameworkLogits {
    /// The path of the archive.
    file: String,
    /// Number of images.
    images: usize,
    /// The network's inputs, one image after the other, if they were saved.
    inputs: Option<Vec<f64>>,
    /// The images' bytes, one image after the other, if they were saved.
    pixels: Option<Vec<f64>>,
    /// The logits, one image after the other.
    logits: Vec<f64>,
    /// Outputs of layers: name and values, one image after the other.
    layers: Vec<(String, Vec<f64>)>,
}

/// Differences between a network's logits and the framework's.
#[derive(Debug, Clone, PartialEq)]
pub struct LogitComparison {
    /// Number of images that were compared.
    pub images: usize,
    /// Number of images whose logits differ.
    pub differing_images: usize,
    /// The first of these images, from 0.
    pub first_image: Option<usize>,
    /// The largest difference of a logit, as a fraction of the largest logit.
    pub largest_difference: f64,
    /// The largest difference of logits that count as equal, as a fraction of the largest logit.
    pub tolerance: f64,
    /// Layers whose outputs were saved, in order, with the largest difference of an output as a fraction of the
    /// largest output.
    pub layers: Vec<(String, f64)>,
}

impl LogitComparison {
    /// Returns whether all logits are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing_images == 0
    }

    /// Returns the first layer whose outputs differ, if outputs were saved.
    #[must_use]
    pub fn first_layer(&self) -> Option<&str> {
        self.layers.iter().find(|(_, difference)| *difference > TOLERANCE).map(|(name, _)| name.as_str())
    }

    /// Returns a sentence about the first layer that differs, as far as saved outputs show it.
    pub(crate) fn describe_location(&self) -> String {
        match (self.first_layer(), self.layers.is_empty()) {
            (Some(layer), _) => format!("the first layer that differs is the {layer}"),
            (None, false) => "the layers whose outputs were saved are equal, so a later layer differs".to_owned(),
            (None, true) => {
                "outputs of layers in the same archive would show the first layer that differs (docs/import.md)".to_owned()
            }
        }
    }
}

impl FrameworkLogits {
    /// Returns the path of the archive.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Reads an archive for a network of images of `pixels` numbers and `classes` logits.
    ///
    /// # Errors
    /// If the file is no such archive, holds no logits or images, or holds arrays of other sizes.
    pub fn read(path: &Path, classes: usize, pixels: usize) -> Result<Self, ImportError> {
        let bytes =
            std::fs::read(path).map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
        let file = path.display().to_string();
        let malformed = |reason: String| ImportError::Malformed { file: file.clone(), reason };
        let archive = WeightsFile { path, location: path, bytes: &bytes };
        let names = npz::names(&archive)?;
        let read = |name: &str| npz::tensor(&archive, name, &format!("the array {name:?} of {file}"));
        let Some(answers) = LOGITS.iter().find(|name| names.iter().any(|own| own == *name)) else {
            return Err(malformed(format!(
                "it holds no array `logits` with the framework's answers; it holds {}. Save it with numpy.savez({file:?}, \
                 inputs=x, logits=y)",
                names.join(", ")
            )));
        };
        let logits = read(answers)?;
        let images = *logits.shape.first().unwrap_or(&0);
        let check_shape = |tensor: &Tensor, each: usize, of: &str| {
            if tensor.shape.first() == Some(&images) && Some(tensor.values.len()) == images.checked_mul(each)
            {
                return Ok(());
            }
            Err(malformed(format!(
                "its array {of:?} has the shape {:?}; {images} images of {each} numbers each are needed",
                tensor.shape
            )))
        };
        check_shape(&logits, classes, answers)?;
        let mut found = Self {
            file: file.clone(),
            images,
            inputs: None,
            pixels: None,
            logits: logits.values,
            layers: Vec::new(),
        };
        for name in &names {
            if name == answers {
                continue;
            }
            let Ok(tensor) = read(name) else { continue };
            match name.as_str() {
                "inputs" | "x" | "input" => {
                    check_shape(&tensor, pixels, name)?;
                    found.inputs = Some(tensor.values);
                }
                "pixels" => {
                    check_shape(&tensor, pixels, name)?;
                    found.pixels = Some(tensor.values);
                }
                _ if tensor.shape.first() == Some(&images) => {
                    found.layers.push((name.clone(), tensor.values))
                }
                _ => {}
            }
        }
        if found.inputs.is_none() && found.pixels.is_none() {
            return Err(malformed(format!(
                "it holds no array `inputs` with the images that the logits belong to; it holds {}",
                names.join(", ")
            )));
        }
        Ok(found)
    }

    /// Compares the network's logits with those of the archive. The network reads the numbers that it was trained on.
    ///
    /// `pixels` maps bytes to the network's inputs. The bytes are those of the archive, or are recovered from its
    /// inputs by inverting `saved`. Without bytes and maps, the inputs are taken from the archive.
    #[must_use]
    pub fn compare(
        &self,
        network: &RealNetwork,
        pixels: Option<PixelMap>,
        saved: Option<PixelMap>,
    ) -> LogitComparison {
        let size = network.architecture().pixels();
        let mapped: Vec<f64>;
        let inputs = match (pixels, &self.pixels, &self.inputs, saved) {
            (Some(map), Some(bytes), ..) => {
                mapped = bytes.iter().map(|byte| map.scale * byte / 255.0 + map.offset).collect();
                &mapped
            }
            (Some(map), None, Some(inputs), Some(saved)) => {
                let pixel = |input: &f64| (input - saved.offset) / saved.scale;
                mapped = inputs.iter().map(|input| map.scale * pixel(input) + map.offset).collect();
                &mapped
            }
            (_, _, inputs, _) => inputs.as_deref().unwrap_or_default(),
        };
        let classes = network.architecture().classes;
        let largest = self.logits.iter().fold(f64::MIN_POSITIVE, |largest, logit| largest.max(logit.abs()));
        let mut comparison = LogitComparison {
            images: self.images,
            differing_images: 0,
            first_image: None,
            largest_difference: 0.0,
            tolerance: TOLERANCE,
            layers: Vec::new(),
        };
        let own: Vec<[Vec<f64>; 3]> =
            inputs.chunks_exact(size).map(|image| network.layer_outputs(image)).collect();
        for (index, ([_, _, own], theirs)) in own.iter().zip(self.logits.chunks_exact(classes)).enumerate() {
            let difference = relative_difference(own, theirs, largest).min(relative_difference(
                &softmax(own),
                theirs,
                1.0,
            ));
            comparison.largest_difference = comparison.largest_difference.max(difference);
            if difference > TOLERANCE {
                comparison.differing_images += 1;
                comparison.first_image.get_or_insert(index);
            }
        }
        comparison.layers = self.compare_layers(&own, network);
        comparison
    }

    /// Compares the arrays that have the size of a layer's outputs, in the order of the layers.
    fn compare_layers(&self, own: &[[Vec<f64>; 3]], network: &RealNetwork) -> Vec<(String, f64)> {
        let positions = network.architecture().positions();
        let maps = network.architecture().maps;
        let mut compared = Vec::new();
        // Maps may be in either order, but units are in one.
        type OutputsOf = fn(&[Vec<f64>; 3]) -> &[f64];
        let layers: [(&str, &[bool], OutputsOf); 2] = [
            ("convolution", &[false, true], |[convolution, _, _]| convolution),
            ("hidden layer", &[false], |[_, hidden, _]| hidden),
        ];
        for (what, orders, outputs_of) in layers {
            for (name, values) in &self.layers {
                let size = own.first().map_or(0, |outputs| outputs_of(outputs).len());
                if size == 0 || values.len() != size * self.images {
                    continue;
                }
                let largest =
                    values.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
                // Frameworks save a layer's outputs before or after its square, and maps in either order.
                let difference = |squared: bool, channels_last: bool| {
                    own.iter().zip(values.chunks_exact(size)).fold(0.0, |most: f64, (outputs, theirs)| {
                        let one = |index: usize| {
                            let place =
                                if channels_last { index % maps * positions + index / maps } else { index };
                            let value = outputs_of(outputs).get(place).copied().unwrap_or(f64::NAN);
                            if squared { value * value } else { value }
                        };
                        let own: Vec<f64> = (0..size).map(one).collect();
                        most.max(relative_difference(&own, theirs, largest))
                    })
                };
                let least =
                    [false, true].iter().flat_map(|&squared| orders.iter().map(move |&last| (squared, last)));
                let least =
                    least.map(|(squared, last)| difference(squared, last)).fold(f64::INFINITY, f64::min);
                compared.push((format!("{what} ({name})"), least));
            }
        }
        compared
    }

    /// Returns the normalisation `scale * byte / 255 + offset` of the archive's inputs. Without bytes, it assumes
    /// that most pixels are blank and that one pixel has full ink; then it is `None` if the inputs are not multiples
    /// of a byte's step.
    ///
    /// # Errors
    /// If the archive has bytes, and no scale and offset map them to its inputs.
    pub fn pixel_normalisation(&self) -> Result<Option<PixelNormalisation>, ImportError> {
        let Some(inputs) = &self.inputs else { return Ok(None) };
        let plan = |scale: f64, offset: f64| PixelNormalisation {
            scale: Some(scale),
            offset: Some(offset),
            ..PixelNormalisation::default()
        };
        let (least, most) =
            inputs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &value| {
                (least.min(value), most.max(value))
            });
        if let Some(bytes) = &self.pixels {
            let pairs = || bytes.iter().zip(inputs);
            let (Some(dark), Some(light)) =
                (pairs().min_by(|a, b| a.0.total_cmp(b.0)), pairs().max_by(|a, b| a.0.total_cmp(b.0)))
            else {
                return Ok(None);
            };
            if dark.0 == light.0 {
                return Ok(None);
            }
            let scale = (light.1 - dark.1) / (light.0 - dark.0) * 255.0;
            let offset = dark.1 - scale * dark.0 / 255.0;
            let fits = pairs().all(|(byte, input)| {
                (scale * byte / 255.0 + offset - input).abs() <= TOLERANCE * (most - least).abs()
            });
            if !fits {
                return Err(ImportError::Malformed {
                    file: self.file.clone(),
                    reason: "its `inputs` are not one scale and offset of its `pixels`: they belong to other images, or were \
                             cropped, resized or augmented"
                        .to_owned(),
                });
            }
            return Ok(Some(plan(scale, offset)));
        }
        let range = most - least;
        // Without a pixel of full ink this scale would be too small.
        let on_grid = |value: &f64| {
            let byte = (value - least) / range * 255.0;
            (byte - byte.round()).abs() <= BYTE_TOLERANCE
        };
        if range <= 0.0 || !range.is_finite() || !inputs.iter().all(on_grid) {
            return Ok(None);
        }
        let low = inputs.iter().filter(|value| **value - least < range / 2.0).count();
        Ok(Some(if 2 * low >= inputs.len() { plan(range, least) } else { plan(-range, most) }))
    }

    /// Returns whether the archive has the network's inputs.
    pub(crate) fn has_inputs(&self) -> bool {
        self.inputs.is_some()
    }

    /// Returns whether the archive has bytes beside the inputs, which show the normalisation of pixels.
    #[must_use]
    pub fn shows_normalisation(&self) -> bool {
        self.pixels.is_some() && self.inputs.is_some()
    }
}

/// Returns the largest difference as a fraction of `largest`.
fn relative_difference(own: &[f64], theirs: &[f64], largest: f64) -> f64 {
    let difference = |(own, theirs): (&f64, &f64)| (own - theirs).abs() / largest;
    let most = own.iter().zip(theirs).map(difference).fold(0.0, f64::max);
    if own.len() == theirs.len() && most.is_finite() { most } else { f64::INFINITY }
}

/// Returns the softmax, because frameworks may save probabilities instead of logits.
fn softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
