//! The fields of a description at its top level, and the small tables among them.

use serde::Deserialize;
use sottovoce_dataset::Orientation;

use super::architecture::PartialArchitecture;
use super::members::MemberSource;
use super::pixels::PixelNormalisation;
use super::quantisation::QuantisationOptions;

/// Float weights, and how they become an integer ensemble. `docs/import.md` explains every field.
///
/// ```rust
/// use sottovoce_export::import::{Description, MemberSource};
///
/// let description = Description::of_members(vec![MemberSource::File("net.keras".to_owned())]);
/// assert_eq!(description.data.name, "mnist");
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Name of the result's folder; the description's own name if absent.
    pub name: Option<String>,
    /// The framework whose conventions the tensors follow; required where members name tensors.
    pub layout: Option<Layout>,
    /// The activation after convolution and hidden layer. Only `square` can be encrypted. Required where members name
    /// tensors.
    pub activation: Option<String>,
    /// Location of the biases of layers that do not give it.
    pub bias: Option<BiasLocation>,
    /// Sizes that the tensors' shapes do not determine.
    #[serde(default)]
    pub architecture: PartialArchitecture,
    /// Orders of axes that differ from the layout's.
    #[serde(default)]
    pub axes: AxisOrders,
    /// The normalisation of pixels before the float network.
    #[serde(default)]
    pub pixels: PixelNormalisation,
    /// Locations of the members' weights.
    pub members: Vec<MemberSource>,
    /// Rounding of the weights.
    #[serde(default)]
    pub quantisation: QuantisationOptions,
    /// The images for measurements.
    #[serde(default)]
    pub data: DataOptions,
}

/// The framework whose conventions apply where a description does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Kernels `HWIO`, dense layers `IO`, flattened channels last, separate biases.
    Keras,
    /// Kernels `OIHW`, dense layers `OI`, flattened channels first, separate biases.
    Pytorch,
    /// Kernels `OHW`, dense layers `OI`, flattened channels first, each output's bias after its weights.
    Cryptonets,
}

/// Order of the convolution's outputs as inputs of the hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flatten {
    /// Map by map, positions in row order.
    ChannelsFirst,
    /// Position by position in row order, all maps at each position.
    ChannelsLast,
}

/// Location of a layer's biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BiasLocation {
    /// Biases in a separate tensor.
    Separate,
    /// A bias after the weights of each output.
    Last,
    /// The layer has no biases.
    None,
}

/// Orders of axes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisOrders {
    /// Axes of the convolution's kernels, such as `HWIO`.
    pub convolution: Option<String>,
    /// Axes of both dense layers, `IO` or `OI`.
    pub dense: Option<String>,
    /// Order of the hidden layer's inputs.
    pub flatten: Option<Flatten>,
}

/// Images for measurements.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataOptions {
    /// `mnist`, `synthetic`, or any other data set of the same form.
    pub name: String,
    /// Number of training images for ranges and search; the last ones are taken.
    pub images: usize,
    /// Number of test images for the reported accuracy; the first ones are taken.
    pub test_images: usize,
    /// Orientation of the images; that of the data set if absent and known.
    pub orientation: Option<Orientation>,
    /// The label of the first class; if absent, the smallest label where labels have no gap and begin at 0 or 1.
    pub first_label: Option<u8>,
    /// True if images are dark ink on light paper.
    pub invert: bool,
}

impl Description {
    /// Returns a description that only says where the members are.
    #[must_use]
    pub fn of_members(members: Vec<MemberSource>) -> Self {
        Self {
            name: None,
            layout: None,
            activation: None,
            bias: None,
            architecture: PartialArchitecture::default(),
            axes: AxisOrders::default(),
            pixels: PixelNormalisation::default(),
            members,
            quantisation: QuantisationOptions::default(),
            data: DataOptions::default(),
        }
    }
}

impl Default for DataOptions {
    fn default() -> Self {
        Self {
            name: "mnist".to_owned(),
            images: 5000,
            test_images: 10_000,
            orientation: None,
            first_label: None,
            invert: false,
        }
    }
}
