//! The readings of weights that a file leaves open.
//!
//! A file of weights does not say in which order the hidden layer's inputs were flattened, where the zeros around the
//! image were, or on which side of a square a BatchNorm was. No file says how pixels were normalised. The import
//! tries all combinations of the open fields, on images or against logits that the framework computed.

use sottovoce_network::{Architecture, Padding};

use crate::import::assembly::architecture::hidden_inputs;
use crate::import::description::architecture::{PaddingMode, PartialArchitecture};
use crate::import::description::fields::{Description, Flatten, Layout};
use crate::import::description::members::{BatchNormPosition, LayerSource, MemberLayers, MemberSource};
use crate::import::description::pixels::{DATA_SETS, LARGEST_BYTE, PixelNormalisation};
use crate::import::error::ImportError;
use crate::import::weight_files::WeightFiles;

/// Largest number of combinations. If there are more, a description must give some of the fields.
const MAX_READINGS: usize = 4096;

/// Largest number of rows and columns of a pooling's windows.
const MAX_POOL: usize = 4;

/// One way to read the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The fields that differ between readings, as a description has them, without those of pixels.
    pub fields: Vec<String>,
    /// True if the normalisation of pixels is open too.
    pub pixels_open: bool,
    /// The description with these fields.
    pub description: Description,
}

impl Reading {
    /// Returns all fields that differ between readings.
    #[must_use]
    pub fn text(&self) -> String {
        let pixels = self.pixels_open.then(|| self.description.pixels.to_string());
        self.fields.iter().cloned().chain(pixels).collect::<Vec<_>>().join(", ")
    }
}

/// A value for an open field: its text in a description, and the change of the description.
type Answer = (String, Box<dyn Fn(&mut Description)>);

/// Returns all readings of a completed description, the most usual first; one if nothing is open. `original` is the
/// description before it was completed; its fields are given by the user and never changed.
///
/// # Errors
/// If a file cannot be read.
pub fn possible_readings(
    original: &Description,
    completed: &Description,
    files: &mut WeightFiles,
    side: usize,
) -> Result<Vec<Reading>, ImportError> {
    let inferred = original.members.iter().any(|member| member.layers().is_none())
        && completed.members.iter().any(|member| member.layers().is_some());
    let whole = original.members.iter().any(|member| member.layers().is_none());
    let mut questions: Vec<Vec<Answer>> = Vec::new();
    if inferred && original.axes.flatten.is_none() && original.layout.is_none() {
        questions.push(flattenings(completed));
    }
    if inferred && original.architecture.padding.is_none() {
        questions.push(paddings(completed, files, side)?);
    }
    if inferred {
        questions.extend(norms(completed));
        questions.push(epsilons(completed));
    }
    let mut readings =
        vec![Reading { fields: Vec::new(), pixels_open: false, description: completed.clone() }];
    for answers in questions.into_iter().filter(|answers| !answers.is_empty()) {
        let combined = readings.iter().flat_map(|reading| {
            answers.iter().map(|(text, change)| {
                let mut combined = reading.clone();
                change(&mut combined.description);
                // A single answer leaves nothing open.
                combined.fields.extend((answers.len() > 1).then(|| text.clone()));
                combined
            })
        });
        readings = combined.take(MAX_READINGS).collect();
    }
    if whole && original.pixels == PixelNormalisation::default() {
        let usual = usual_normalisations();
        let open = readings.iter().flat_map(|reading| {
            usual.iter().map(|&pixels| {
                let description = Description { pixels, ..reading.description.clone() };
                Reading { pixels_open: true, description, ..reading.clone() }
            })
        });
        readings = open.take(MAX_READINGS).collect();
    }
    Ok(readings)
}

/// Orders of flattening, that of the layout first.
fn flattenings(description: &Description) -> Vec<Answer> {
    let orders = match description.layout {
        Some(Layout::Keras) => [Flatten::ChannelsLast, Flatten::ChannelsFirst],
        _ => [Flatten::ChannelsFirst, Flatten::ChannelsLast],
    };
    let answer = |flatten: Flatten| -> Answer {
        let word = match flatten {
            Flatten::ChannelsFirst => "channels-first",
            Flatten::ChannelsLast => "channels-last",
        };
        (format!("axes.flatten = {word:?}"), Box::new(move |d| d.axes.flatten = Some(flatten)))
    };
    orders.map(answer).into()
}

/// Strides, paddings and poolings with which the hidden layer has as many inputs as its weights, those with the
/// fewest zeros first.
fn paddings(
    description: &Description,
    files: &mut WeightFiles,
    side: usize,
) -> Result<Vec<Answer>, ImportError> {
    let Some(layers) = description.members.iter().find_map(MemberSource::layers) else {
        return Ok(Vec::new());
    };
    let file = layers.file.as_deref();
    let kernels = files.tensor(file, &layers.convolution.weights)?;
    let hidden = files.tensor(file, &layers.hidden.weights)?;
    let kernels_axes = layers.convolution.axes.as_deref().unwrap_or("OIHW");
    let size = |axes: &str, shape: &[usize], letter: char| {
        axes.chars().position(|own| own == letter).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
    };
    let (kernel, maps) = (size(kernels_axes, &kernels.shape, 'H'), size(kernels_axes, &kernels.shape, 'O'));
    let inputs = size(layers.hidden.axes.as_deref().unwrap_or("OI"), &hidden.shape, 'I');
    let mut fitting = Vec::new();
    let strides = description.architecture.stride.map_or(1..=kernel, |stride| stride..=stride);
    let pools = description.architecture.pool.map_or(1..=MAX_POOL, |pool| pool..=pool);
    for (pool, stride) in pools.flat_map(|pool| strides.clone().map(move |stride| (pool, stride))) {
        let given = PartialArchitecture { pool: Some(pool), ..description.architecture };
        for leading in 0..kernel {
            for trailing in 0..kernel {
                let padding = Padding { leading, trailing };
                let image_side = description.architecture.image_side.unwrap_or(side);
                let candidate =
                    Architecture { image_side, kernel, stride, padding, maps, hidden: 1, classes: 2 };
                // Zeros that no window reads make no difference.
                let needless = trailing > 0 && {
                    let padding = Padding { leading, trailing: trailing - 1 };
                    let fewer = Architecture { padding, ..candidate };
                    fewer.validate().is_ok() && fewer.activations() == candidate.activations()
                };
                if candidate.validate().is_ok() && hidden_inputs(&given, &candidate) == inputs && !needless {
                    fitting.push((pool, stride, padding));
                }
            }
        }
    }
    // Sorts by pooling, none first, then by the number of zeros, then by symmetry.
    fitting.sort_by_key(|(pool, _, padding)| {
        (
            *pool,
            padding.leading + padding.trailing,
            padding.leading.abs_diff(padding.trailing),
            padding.leading,
        )
    });
    let answer = |(pool, stride, padding): (usize, usize, Padding)| -> Answer {
        let Padding { leading, trailing } = padding;
        let pooling = if pool == 1 { String::new() } else { format!(", pool = {pool}") };
        let text = format!(
            "architecture = {{ stride = {stride}, padding = {{ leading = {leading}, trailing = {trailing} }}{pooling} }}"
        );
        let change = move |d: &mut Description| {
            d.architecture.pool = Some(pool);
            d.architecture.stride = Some(stride);
            d.architecture.padding = Some(PaddingMode::Sides(padding));
        };
        (text, Box::new(change))
    };
    Ok(fitting.into_iter().map(answer).collect())
}

/// Positions of BatchNorms relative to the square, for convolution and hidden layer.
fn norms(description: &Description) -> Vec<Vec<Answer>> {
    type Layer = (&'static str, fn(&MemberLayers) -> &LayerSource, fn(&mut MemberLayers) -> &mut LayerSource);
    let layers: [Layer; 2] = [
        ("convolution", |member| &member.convolution, |member| &mut member.convolution),
        ("hidden", |member| &member.hidden, |member| &mut member.hidden),
    ];
    let has_norm = |(_, source, _): &Layer| {
        let mut members = description.members.iter().filter_map(MemberSource::layers);
        members.any(|member| source(member).batch_norm.is_some())
    };
    let question = |(name, _, source): Layer| -> Vec<Answer> {
        [BatchNormPosition::BeforeSquare, BatchNormPosition::BehindSquare]
            .map(|place| -> Answer {
                let word = match place {
                    BatchNormPosition::BeforeSquare => "before-square",
                    BatchNormPosition::BehindSquare => "behind-square",
                };
                let change = move |d: &mut Description| {
                    for member in d.members.iter_mut().filter_map(MemberSource::layers_mut) {
                        if let Some(norm) = &mut source(member).batch_norm {
                            norm.place = place;
                        }
                    }
                };
                (format!("{name}.batch_norm.place = {word:?}"), Box::new(change))
            })
            .into()
    };
    layers.into_iter().filter(has_norm).map(question).collect()
}

/// Numbers that frameworks add to a BatchNorm's variances: 0.00001 in PyTorch, flax and equinox, 0.001 in Keras; that
/// of the layout first.
fn epsilons(description: &Description) -> Vec<Answer> {
    let mut members = description.members.iter().filter_map(MemberSource::layers);
    if !members.any(|member| member.convolution.batch_norm.is_some() || member.hidden.batch_norm.is_some()) {
        return Vec::new();
    }
    let usual = if description.layout == Some(Layout::Keras) { [1e-3, 1e-5] } else { [1e-5, 1e-3] };
    let answer = |epsilon: f64| -> Answer {
        let change = move |d: &mut Description| {
            for member in d.members.iter_mut().filter_map(MemberSource::layers_mut) {
                for norm in [&mut member.convolution, &mut member.hidden]
                    .into_iter()
                    .filter_map(|layer| layer.batch_norm.as_mut())
                {
                    norm.epsilon = Some(epsilon);
                }
            }
        };
        (format!("batch_norm.epsilon = {epsilon:?}"), Box::new(change))
    };
    usual.map(answer).into()
}

/// Usual normalisations of pixels: 0 to 1, raw bytes, -1 to 1, those of the data sets, and inverted ink.
pub fn usual_normalisations() -> Vec<PixelNormalisation> {
    let scaled = |scale: f64, offset: Option<f64>| PixelNormalisation {
        scale: Some(scale),
        offset,
        ..PixelNormalisation::default()
    };
    let standard = |(_, mean, std): (&str, f64, f64)| PixelNormalisation {
        mean: Some(mean),
        std: Some(std),
        ..PixelNormalisation::default()
    };
    let mut plans = vec![scaled(1.0, None), scaled(LARGEST_BYTE, None), scaled(2.0, Some(-1.0))];
    plans.extend(DATA_SETS.map(standard));
    plans.push(scaled(-1.0, Some(1.0)));
    plans
}
