//! The JSON file beside a member's weights.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::disk::error::DiskError;
use crate::layer_bounds::LayerBounds;
use crate::pixel_levels::PixelLevels;

/// Version of the format on disk. It is raised whenever an older reader would misread the files.
pub const FORMAT: u32 = 1;

/// Contents of a member's `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// Sizes of the layers.
    pub architecture: Architecture,
    /// Grey levels of a pixel.
    pub pixel_levels: PixelLevels,
    /// Real logit that one integer unit stands for.
    pub logit_scale: f64,
    /// Largest absolute values.
    pub ranges: Ranges,
    /// Origin of the network: split, seed, data, versions, checksums of its inputs.
    pub provenance: BTreeMap<String, String>,
    /// SHA-256 of every weight file, in hexadecimal.
    pub files: BTreeMap<String, String>,
}

/// Largest absolute values of a member. Integers are decimal strings, because JSON numbers are too small for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    /// Bounds for every image.
    pub proven: LayerBounds,
    /// Largest absolute logit on training images, if it was measured.
    pub observed_logits: Option<String>,
}

/// Checks that the file at `path` has the format that this version reads.
pub(crate) fn check_format(path: &Path, found: u32) -> Result<(), DiskError> {
    if found == FORMAT {
        Ok(())
    } else {
        Err(DiskError::Format { path: path.to_owned(), found, supported: FORMAT })
    }
}
