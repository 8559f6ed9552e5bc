//! What can be wrong with foreign weights.

use std::io;
use std::path::PathBuf;

use sottovoce_network::{
    Architecture, ArchitectureError, EnsembleError, ForwardError, NetworkError, PixelLevelsError,
};

use super::format::endings;
use super::{Comparison, PixelPlan, Scales};

/// Weights that cannot be read, or do not fit together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read the weights {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file's name does not say what it is.
    #[error(
        "{path} is of no kind that can be read; there are {}. Weights of other programs can be saved as arrays with numpy.savez",
        endings()
    )]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// A file of tensors without the name of one.
    #[error("{path} holds several tensors; say which one is meant as \"{path}::NAME\": it holds {known}")]
    NoName {
        /// The file.
        path: PathBuf,
        /// The tensors in it.
        known: String,
    },
    /// A name of a tensor in a file that holds only one.
    #[error("{path} holds one tensor without a name, so {name:?} cannot be found in it")]
    Nameless {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// No tensor of that name.
    #[error("{path} holds no tensor {name:?}{hint}; it holds {known}")]
    UnknownTensor {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The nearest name.
        hint: String,
        /// The tensors in it.
        known: String,
    },
    /// A value in a CSV file that is no number.
    #[error("{path}, line {line}, value {column}: {found:?} is not a number")]
    NotNumber {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The value in it, from 1.
        column: usize,
        /// What is there.
        found: String,
    },
    /// A line of a CSV file with another number of values than the lines before.
    #[error("{path}, line {line}: {found} values, but the lines before it have {expected}")]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Values in it.
        found: usize,
        /// Values in the lines before.
        expected: usize,
    },
    /// A file that is not what its name says.
    #[error("{file} cannot be used: {reason}")]
    Malformed {
        /// The file, and the tensor where it is one's fault.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A file of weights whose names and shapes do not tell which tensor is which.
    #[error(
        "{path} holds weights without a network, and they cannot be told apart: {reason}. A description says which tensor is which \
         (docs/import.md)"
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A layer of a whole network that cannot be evaluated on ciphertexts, or read.
    #[error("{file}: the layer {layer:?} {reason}")]
    Layer {
        /// The file.
        file: String,
        /// The layer's own name in it.
        layer: String,
        /// The rest of the sentence.
        reason: String,
    },
    /// Nothing in it.
    #[error("{tensor} is empty")]
    Empty {
        /// File and tensor.
        tensor: String,
    },
    /// A weight that is no finite number.
    #[error("{tensor} holds {value} at {position:?}; every weight must be a finite number")]
    NotFinite {
        /// File and tensor.
        tensor: String,
        /// Its place along every axis, from 0.
        position: Vec<usize>,
        /// Its value.
        value: f64,
    },
    /// A layer that makes nothing of its inputs.
    #[error(
        "{tensor} holds zeros alone, so {part} makes nothing of its inputs and the network answers the same for every image; \
         was it saved before it was trained or loaded?"
    )]
    AllZero {
        /// File and tensor.
        tensor: String,
        /// What it is to be, such as "the hidden layer of member 2".
        part: String,
    },
    /// A tensor of another shape than the architecture needs.
    #[error("{tensor} has the shape {found:?}, but {part} needs {needed}{hint}")]
    Shape {
        /// File and tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// What it is to be, such as "the hidden layer of member 2".
        part: String,
        /// The shape that is needed, with the names of its axes.
        needed: String,
        /// What would make it fit.
        hint: String,
    },
    /// A size that shapes do not tell.
    #[error("`architecture.{field}` is not given and cannot be told from the weights: {reason}")]
    Undetermined {
        /// The field.
        field: &'static str,
        /// Why, and what to say.
        reason: String,
    },
    /// A layer without a bias where one is needed.
    #[error(
        "the {layer} layer of member {member} names no `bias`; name it, or say `bias = \"last\"` where every output's \
         bias is its last weight, or `bias = \"none\"` where there is none: in this layer, as {layer} = {{ weights = ..., \
         bias = \"none\" }}, or at the top for all that name none"
    )]
    NoBias {
        /// The member, from 1.
        member: usize,
        /// The layer.
        layer: &'static str,
    },
    /// A member of another shape than the first.
    #[error(
        "member {member} has {found}, but the first one has {first}; all members of an ensemble have one shape"
    )]
    OtherShape {
        /// The member, from 1.
        member: usize,
        /// Its shape.
        found: Box<Architecture>,
        /// The first member's.
        first: Box<Architecture>,
    },
    /// Logits that the framework computed are other ones.
    #[error(
        "{file}: the logits of {} of {} images differ from the imported network's by up to {:.1e} of the largest logit (allowed is {:.0e}), \
         first at image {}; {place}",
        comparison.differing, comparison.images, comparison.largest, comparison.tolerance, comparison.first.unwrap_or(0)
    )]
    OtherLogits {
        /// The archive.
        file: String,
        /// How they differ.
        comparison: Box<Comparison>,
        /// Where the difference begins.
        place: String,
    },
    /// The framework's inputs are other ones than the description says.
    #[error("{file}: its inputs are its bytes with `{found}`, but the description has `{said}`")]
    OtherPixels {
        /// The archive.
        file: String,
        /// By its inputs and bytes.
        found: Box<PixelPlan>,
        /// By the description.
        said: Box<PixelPlan>,
    },
    /// Images of another size than the network's.
    #[error(
        "the data set has images of {images} x {images} pixels, but the network reads {network} x {network}; name a data set of that size \
         with --data and --data-dir"
    )]
    OtherImages {
        /// Pixels on a side of what the network reads.
        network: usize,
        /// Pixels on a side of the data set's images.
        images: usize,
    },
    /// The sizes are impossible.
    #[error("the weights make an impossible architecture")]
    Architecture(#[from] ArchitectureError),
    /// A pixel offset where zeros are padded.
    #[error(
        "the pixels' offset {offset} cannot be folded into one bias for each map, because windows read the zeros \
         around the image (padding {leading} leading, {trailing} trailing): inside the image a zero pixel is {offset} to \
         the float network, but the padding is 0 to it. What fits: the same network trained without padding \
         (\"valid\"), or on pixels without an offset (x = p / 255). If the image was padded before its pixels were normalised, \
         so that the padding is blank pixels, say `padding = \"blank\"` in [pixels]"
    )]
    PaddedOffset {
        /// What a blank pixel is to the float network.
        offset: f64,
        /// Zeros before the image.
        leading: usize,
        /// Zeros behind the image.
        trailing: usize,
    },
}

impl ImportError {
    /// The field at fault, by the tables on the way to it, where the description is wrong about files that are sound;
    /// `None` where a file is.
    #[must_use]
    pub fn field(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Undetermined { field, .. } => Some(vec!["architecture", field]),
            Self::PaddedOffset { .. } | Self::OtherPixels { .. } => Some(vec!["pixels"]),
            Self::Architecture(_) => Some(vec!["architecture"]),
            Self::Kind { .. }
            | Self::Unrecognised { .. }
            | Self::NoName { .. }
            | Self::Nameless { .. }
            | Self::UnknownTensor { .. }
            | Self::Shape { .. }
            | Self::NoBias { .. } => Some(vec!["members"]),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(vec!["members"]),
            _ => None,
        }
    }
}

/// Float members that make no integer ensemble as wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantiseError {
    /// The rounded weights make no network.
    #[error(
        "member {member} makes no integer network with {levels} pixel levels and the scales {scales}; smaller scales or fewer \
         pixel levels give smaller values, and `scales = \"search\"` finds what is enough"
    )]
    Network {
        /// The member, from 1.
        member: usize,
        /// Pixel levels.
        levels: u16,
        /// The scales.
        scales: Scales,
        /// What is wrong.
        source: NetworkError,
    },
    /// A weight that outgrows its integer.
    #[error(
        "a {what} in the {layer} layer of member {member} would be {value:e} as an integer, which takes more than {bits} \
         bits; use smaller scales, or `scales = \"search\"`"
    )]
    TooLarge {
        /// The member, from 1.
        member: usize,
        /// The layer.
        layer: &'static str,
        /// Weight or bias.
        what: &'static str,
        /// The number to be rounded.
        value: f64,
        /// What an integer holds.
        bits: u32,
    },
    /// The members do not belong together.
    #[error("the members make no ensemble with the scales {scales}; smaller scales give smaller values")]
    Ensemble {
        /// The scales.
        scales: Scales,
        /// What is wrong.
        source: EnsembleError,
    },
    /// No scales are good enough.
    #[error(
        "no scales keep the accuracy within {tolerance} points of the float network's {float:.2} % on {images} images; the \
         best that was found has {best:.2} % with {levels} pixel levels. Raise `quantisation.tolerance`{advice}"
    )]
    NotWithinTolerance {
        /// Points that may be lost.
        tolerance: f64,
        /// The float network's accuracy in per cent.
        float: f64,
        /// Images that it was measured on.
        images: usize,
        /// The best candidate's accuracy in per cent.
        best: f64,
        /// Its pixel levels.
        levels: u16,
        /// What else may help.
        advice: &'static str,
    },
    /// A number of pixel levels that a byte cannot have.
    #[error(transparent)]
    Levels(#[from] PixelLevelsError),
    /// An image that does not fit.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}
