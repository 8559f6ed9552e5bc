//! Errors of the import of float weights.

use std::fmt;
use std::io;
use std::path::PathBuf;

use sottovoce_network::{Architecture, ArchitectureError};

use super::description::pixels::PixelNormalisation;

/// Weights that cannot be read, or do not fit together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read the weights {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file's extension belongs to no format of the registry.
    #[error(
        "{path} has an unknown format; files can end in {known}. Weights of other programs can be saved as arrays with numpy.savez"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The extensions that can be read.
        known: String,
    },
    /// A reference to a file of several tensors does not name one.
    #[error("{path} holds several tensors; name one as \"{path}::NAME\": it holds {known}")]
    NoName {
        /// The file.
        path: PathBuf,
        /// The tensors in the file.
        known: String,
    },
    /// A reference names a tensor in a file of one unnamed array.
    #[error("{path} holds one array without a name, so {name:?} cannot be found in it")]
    Unnamed {
        /// The file.
        path: PathBuf,
        /// The name in the reference.
        name: String,
    },
    /// A file has no tensor of the given name.
    #[error("{path} holds no tensor {name:?}{hint}; it holds {known}")]
    UnknownTensor {
        /// The file.
        path: PathBuf,
        /// The name in the reference.
        name: String,
        /// A suggestion: the most similar name.
        hint: String,
        /// The tensors in the file.
        known: String,
    },
    /// A value in a CSV file is not a number.
    #[error("{path}, line {line}, value {column}: {found:?} is not a number")]
    NotNumber {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The value in the line, from 1.
        column: usize,
        /// The text of the value.
        found: String,
    },
    /// A line of a CSV file has another number of values than the lines before.
    #[error("{path}, line {line}: {found} values, but the lines before it have {expected}")]
    UnevenLines {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Number of values in the line.
        found: usize,
        /// Number of values in each line before.
        expected: usize,
    },
    /// A file is damaged, or is not of the format that its extension says.
    #[error("{file} cannot be used: {reason}")]
    Malformed {
        /// The file, or a tensor in it.
        file: String,
        /// The reason, a whole sentence.
        reason: String,
    },
    /// Names and shapes do not identify the layers of a file of weights.
    #[error(
        "{path} holds weights without a network, and its layers cannot be identified: {reason}. A description can name the tensor of \
         each layer (docs/import.md)"
    )]
    Unidentified {
        /// The file.
        path: PathBuf,
        /// The reason, with the tensors that were found.
        reason: String,
    },
    /// A layer of a whole network cannot be read, or cannot be evaluated on ciphertexts.
    #[error("{file}: the layer {layer:?} {reason}")]
    Layer {
        /// The file.
        file: String,
        /// The layer's name in the file.
        layer: String,
        /// The reason.
        reason: LayerError,
    },
    /// A tensor has no values.
    #[error("{tensor} is empty")]
    Empty {
        /// File and tensor.
        tensor: String,
    },
    /// A weight is infinite or not a number.
    #[error("{tensor} holds {value} at {position:?}; every weight must be a finite number")]
    NotFinite {
        /// File and tensor.
        tensor: String,
        /// Index along every axis, from 0.
        position: Vec<usize>,
        /// The value.
        value: f64,
    },
    /// All weights of a layer are zero.
    #[error(
        "{tensor} holds only zeros, so {part} ignores its inputs and the network gives the same answer for every image; \
         was the file saved before the network was trained or loaded?"
    )]
    AllZero {
        /// File and tensor.
        tensor: String,
        /// The layer, such as "the hidden layer of member 2".
        part: String,
    },
    /// A tensor has another shape than the architecture needs.
    #[error("{tensor} has the shape {found:?}, but {part} needs {needed}{hint}")]
    Shape {
        /// File and tensor.
        tensor: String,
        /// The tensor's shape.
        found: Vec<usize>,
        /// The layer, such as "the hidden layer of member 2".
        part: String,
        /// The needed shape, with the names of its axes.
        needed: String,
        /// A suggestion of a change with which the tensor fits.
        hint: String,
    },
    /// The tensors' shapes do not determine a size of the architecture.
    #[error("`architecture.{field}` is not given and the weights do not determine it: {reason}")]
    Undetermined {
        /// The field.
        field: &'static str,
        /// The reason, with suggestions.
        reason: String,
    },
    /// The description does not say where a layer's biases are.
    #[error(
        "the {layer} layer of member {member} names no `bias`. Name it, or write `bias = \"last\"` if each output's bias is its \
         last weight, or `bias = \"none\"` if the layer has none: in this layer, as {layer} = {{ weights = ..., \
         bias = \"none\" }}, or at the top of the description for all layers without a `bias`"
    )]
    NoBias {
        /// The member, from 1.
        member: usize,
        /// The layer.
        layer: &'static str,
    },
    /// A member has another architecture than the first one.
    #[error(
        "member {member} has {found}, but the first one has {first}; all members of an ensemble have one shape"
    )]
    OtherShape {
        /// The member, from 1.
        member: usize,
        /// The member's architecture.
        found: Box<Architecture>,
        /// The first member's architecture.
        first: Box<Architecture>,
    },
    /// The imported network's logits differ from those that the framework computed.
    #[error(
        "{file}: the logits of {differing_images} of {images} images differ from the imported network's by up to {largest_difference:.1e} \
         of the largest logit (allowed is {tolerance:.0e}), first at image {first_image}; {location}"
    )]
    OtherLogits {
        /// The archive of the framework's logits.
        file: String,
        /// Number of images that were compared.
        images: usize,
        /// Number of images whose logits differ.
        differing_images: usize,
        /// The first of these images, from 0.
        first_image: usize,
        /// The largest difference of a logit, as a fraction of the largest logit.
        largest_difference: f64,
        /// The largest allowed difference, as a fraction of the largest logit.
        tolerance: f64,
        /// The first layer that differs, if the archive shows it.
        location: String,
    },
    /// The framework's inputs have another normalisation than the description.
    #[error("{file}: its inputs are its bytes with `{found}`, but the description has `{said}`")]
    OtherPixels {
        /// The archive of the framework's inputs.
        file: String,
        /// The normalisation that maps the archive's bytes to its inputs.
        found: Box<PixelNormalisation>,
        /// The description's normalisation.
        said: Box<PixelNormalisation>,
    },
    /// The data set's images have another size than the network's.
    #[error(
        "the data set has images of {images} x {images} pixels, but the network reads {network} x {network}; name a data set of that size \
         with --data and --data-dir"
    )]
    OtherImages {
        /// Rows and columns of the network's images, in pixels.
        network: usize,
        /// Rows and columns of the data set's images, in pixels.
        images: usize,
    },
    /// The sizes do not belong to any network of this family.
    #[error("the weights have an impossible architecture")]
    Architecture(#[from] ArchitectureError),
    /// Pixels have an offset, and windows read zeros around the image.
    #[error(
        "the pixels' offset {offset} cannot be folded into one bias for each map, because windows read the zeros \
         around the image (padding {leading} leading, {trailing} trailing): inside the image a zero pixel is {offset} to \
         the float network, but the padding is 0 to it. Use instead: the same network trained without padding \
         (\"valid\"), or on pixels without an offset (x = p / 255). If the image was padded before its pixels were normalised, \
         so that the padding is blank pixels, write `padding = \"blank\"` in [pixels]"
    )]
    PaddedOffset {
        /// The float network's number for a blank pixel.
        offset: f64,
        /// Number of zeros before the image.
        leading: usize,
        /// Number of zeros after the image.
        trailing: usize,
    },
}

impl ImportError {
    /// Returns the description's field that caused the error, as names of tables and the field; `None` if a file caused it.
    #[must_use]
    pub fn field(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Undetermined { field, .. } => Some(vec!["architecture", field]),
            Self::PaddedOffset { .. } | Self::OtherPixels { .. } => Some(vec!["pixels"]),
            Self::Architecture(_) => Some(vec!["architecture"]),
            Self::UnknownFormat { .. }
            | Self::Unidentified { .. }
            | Self::NoName { .. }
            | Self::Unnamed { .. }
            | Self::UnknownTensor { .. }
            | Self::Shape { .. }
            | Self::NoBias { .. } => Some(vec!["members"]),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(vec!["members"]),
            _ => None,
        }
    }
}

/// The reason why a layer of a whole network cannot be read, or cannot be evaluated on ciphertexts: a sentence without its
/// subject, the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerError(String);

impl LayerError {
    /// Creates a reason such as "divides by zero".
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Creates the reason for an activation, or another layer, that is neither affine nor a square.
    pub(crate) fn not_a_square(kind: &str) -> Self {
        Self(format!(
            "is {kind}, which cannot be evaluated on ciphertexts, because these only allow additions and multiplications. Use instead: the \
             same network trained again with x * x in its place (an average pooling in place of a maximum)"
        ))
    }

    /// Returns the import error with the layer's name.
    pub(crate) fn at(self, file: &str, layer: &str) -> ImportError {
        ImportError::Layer { file: file.to_owned(), layer: layer.to_owned(), reason: self }
    }
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
