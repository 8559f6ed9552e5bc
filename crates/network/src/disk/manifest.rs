//! The JSON file beside a member's weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Architecture, Bounds, PixelLevels};

/// Version of the form on disk; raised whenever an older reader would misread it.
pub const FORMAT: u32 = 1;

/// Contents of a member's `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The shapes.
    pub architecture: Architecture,
    /// Grey levels of a pixel.
    pub pixel_levels: PixelLevels,
    /// The real logit that one integer unit stands for.
    pub logit_scale: f64,
    /// How large values become.
    pub ranges: Ranges,
    /// Where the network comes from: split, seed, data, versions, checksums of what it was made from.
    pub provenance: BTreeMap<String, String>,
    /// SHA-256 of every weight file, in hexadecimal.
    pub files: BTreeMap<String, String>,
}

/// How large a member's values become. Integers are decimal strings: they outgrow JSON's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    /// What any image can cause.
    pub proven: Bounds,
    /// The largest absolute logit seen on training images, where it was measured.
    pub observed_logits: Option<String>,
}
