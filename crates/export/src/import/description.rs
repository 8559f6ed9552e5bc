//! What a description file says.

use std::fmt;

use serde::Deserialize;
use sottovoce_dataset::Orientation;

use super::{BatchNormSource, BiasPlace, Flatten, Layout, PartialArchitecture, PixelPadding};

/// Float weights, and how they are to become an integer ensemble. `docs/import.md` explains every field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Names the folder of the result; the description's own name where it is absent.
    pub name: Option<String>,
    /// Whose conventions the tensors follow where nothing else is said; needed where members name tensors.
    pub layout: Option<Layout>,
    /// The activation behind convolution and hidden layer; `square` is the only one that can be encrypted. Needed where
    /// members name tensors.
    pub activation: Option<String>,
    /// Where the biases of layers without one of their own are.
    pub bias: Option<BiasPlace>,
    /// Sizes that the tensors' shapes do not tell.
    #[serde(default)]
    pub architecture: PartialArchitecture,
    /// Orders of axes that differ from the layout's.
    #[serde(default)]
    pub axes: AxesPlan,
    /// What the float network saw of a pixel.
    #[serde(default)]
    pub pixels: PixelPlan,
    /// Where the weights are.
    pub members: Vec<MemberSource>,
    /// How they are rounded.
    #[serde(default)]
    pub quantisation: QuantisationPlan,
    /// Images to measure on.
    #[serde(default)]
    pub data: DataPlan,
}

impl Description {
    /// The description that says nothing but where the members are.
    #[must_use]
    pub fn of_members(members: Vec<MemberSource>) -> Self {
        Self {
            name: None,
            layout: None,
            activation: None,
            bias: None,
            architecture: PartialArchitecture::default(),
            axes: AxesPlan::default(),
            pixels: PixelPlan::default(),
            members,
            quantisation: QuantisationPlan::default(),
            data: DataPlan::default(),
        }
    }
}

impl fmt::Display for PixelPlan {
    /// As a description has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, std, scale, offset, padding } = *self;
        let fields = [("mean", mean), ("std", std), ("scale", scale), ("offset", offset)];
        let mut fields: Vec<String> = fields
            .iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name} = {value:?}")))
            .collect();
        if padding == PixelPadding::Blank {
            fields.push("padding = \"blank\"".to_owned());
        }
        write!(f, "pixels = {{ {} }}", fields.join(", "))
    }
}

/// Orders of axes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxesPlan {
    /// Of the convolution's kernels, such as `HWIO`.
    pub convolution: Option<String>,
    /// Of both dense layers, `IO` or `OI`.
    pub dense: Option<String>,
    /// Of the hidden layer's inputs.
    pub flatten: Option<Flatten>,
}

/// What the float network saw of a pixel `p` in `0..=1`: `(p - mean) / std`, or `scale * p + offset`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixelPlan {
    /// Taken off first.
    pub mean: Option<f64>,
    /// Divided by then.
    pub std: Option<f64>,
    /// Multiplied by first.
    pub scale: Option<f64>,
    /// Added then.
    pub offset: Option<f64>,
    /// What it saw around the image.
    #[serde(default)]
    pub padding: PixelPadding,
}

/// Where one member's weights are.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberSource {
    /// A file that holds a whole network, or weights whose names and shapes tell which is which.
    File(String),
    /// Tensors by name.
    Layers(Box<MemberLayers>),
}

impl MemberSource {
    /// The layers, where they are named.
    #[must_use]
    pub fn layers(&self) -> Option<&MemberLayers> {
        match self {
            Self::File(_) => None,
            Self::Layers(layers) => Some(&**layers),
        }
    }

    /// The layers, where they are named, to be changed.
    pub fn layers_mut(&mut self) -> Option<&mut MemberLayers> {
        match self {
            Self::File(_) => None,
            Self::Layers(layers) => Some(&mut **layers),
        }
    }
}

/// One member's tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberLayers {
    /// A file that holds all of them, by name.
    pub file: Option<String>,
    /// Of the convolution.
    pub convolution: LayerSource,
    /// Of the hidden dense layer.
    pub hidden: LayerSource,
    /// Of the last dense layer.
    pub output: LayerSource,
}

/// One layer's tensors: names in the member's file, or files, or `FILE::NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSource {
    /// The weights.
    pub weights: String,
    /// The biases, where the layer says it.
    pub bias: Option<LayerBias>,
    /// The order of the weights' axes, where it differs from the other layers'.
    pub axes: Option<String>,
    /// A BatchNorm behind the layer, on either side of its square.
    pub batch_norm: Option<BatchNormSource>,
    /// The order in which the weights' values lie, where their shape does not say it.
    pub memory: Option<String>,
}

/// Where one layer's biases are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerBias {
    /// In this tensor or file.
    Tensor(String),
    /// Each behind its output's weights.
    Last,
    /// There are none.
    None,
}

impl LayerBias {
    /// As it is written: the two words, or the name of a tensor.
    pub(super) fn named(name: String) -> Self {
        match name.as_str() {
            "last" => Self::Last,
            "none" => Self::None,
            _ => Self::Tensor(name),
        }
    }
}

/// How weights become integers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantisationPlan {
    /// Grey levels of a pixel.
    #[serde(default)]
    pub pixel_levels: LevelsPlan,
    /// Integer units in a real weight of 1, by layer.
    #[serde(default)]
    pub scales: ScalesPlan,
    /// Whether weights are equalised before they are rounded, so that scales refer to equalised weights; where nothing
    /// is said, for a search alone.
    pub equalise: Option<bool>,
    /// Points of accuracy that a search may lose.
    #[serde(default = "default_tolerance")]
    pub tolerance: f64,
}

/// Chosen or searched for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LevelsPlan {
    /// The fewest that are good enough.
    #[default]
    Search,
    /// So many.
    Fixed(u16),
}

/// Chosen or searched for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ScalesPlan {
    /// The cheapest that are good enough.
    #[default]
    Search,
    /// These, of convolution, hidden and output layer.
    Fixed([f64; 3]),
}

/// Images to measure on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataPlan {
    /// `mnist`, `synthetic`, or any other data set of the same form.
    pub name: String,
    /// The last so many training images, for ranges and search.
    pub images: usize,
    /// The first so many test images, for the accuracy that is reported.
    pub test_images: usize,
    /// Whether images are upright or transposed; the data set's own where it is known.
    pub orientation: Option<Orientation>,
    /// The label of the first class; the smallest one of labels without a gap where it is 0 or 1.
    pub first_label: Option<u8>,
    /// Whether images are dark ink on light paper.
    pub invert: bool,
}

impl Default for DataPlan {
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

impl Default for QuantisationPlan {
    fn default() -> Self {
        Self {
            pixel_levels: LevelsPlan::default(),
            scales: ScalesPlan::default(),
            equalise: None,
            tolerance: default_tolerance(),
        }
    }
}

/// 10 of 5000 images: so many more or fewer are chance between two networks that decide 100 images differently, which
/// a rounded network and its original usually do. (If each of these is as likely to be lost as won, the difference has a
/// standard deviation of sqrt(100).)
fn default_tolerance() -> f64 {
    0.2
}

impl QuantisationPlan {
    /// Whether weights are equalised before they are rounded.
    #[must_use]
    pub fn equalises(&self) -> bool {
        self.equalise.unwrap_or(self.scales == ScalesPlan::Search)
    }
}
