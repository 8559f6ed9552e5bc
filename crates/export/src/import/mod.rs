//! Import of float weights that were trained elsewhere, to an integer ensemble.
//!
//! A [`Description`] (TOML, `docs/import.md`), or only a list of files, says where the weights of each member are. The import has
//! four steps:
//!
//! 1. `formats` reads files. A file may hold a whole network (Keras, ONNX, PyTorch's exported programs), or tensors by name.
//! 2. `assembly` makes float networks of them: [`complete_description`] finds the layer of each tensor, and [`read_members`] puts
//!    axes into this project's order and folds the pixel normalisation into the convolution. The [`RealNetwork`]s on pixels in
//!    `0..=1` compute exactly the function that was trained.
//! 3. `readings` decides what the file leaves open: [`possible_readings`] lists the ways to read it, [`choose_reading`] takes the
//!    one that classifies best, and [`verify_readings`] the one that gives the logits that the framework computed.
//! 4. `quantise` rounds the members: [`quantise()`] uses given scales, or searches for the cheapest scales that keep their
//!    accuracy on images.
//!
//! ```rust
//! use std::path::Path;
//!
//! use sottovoce_export::import::{Description, MemberSource, WeightFiles, complete_description};
//!
//! let description = Description::of_members(vec![MemberSource::File("no-such-file.npz".to_owned())]);
//! let mut files = WeightFiles::new(Path::new("."), 28);
//! let error = complete_description(&description, &mut files).unwrap_err();
//! assert_eq!(error.to_string(), "cannot read the weights ./no-such-file.npz");
//! ```

mod assembly;
mod description;
mod error;
mod formats;
mod quantise;
mod readings;
mod real_network;
mod remarks;
mod weight_files;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use assembly::members::{ImportedMembers, complete_description, read_members};
pub use description::architecture::{PaddingMode, PartialArchitecture};
pub use description::axes::AxisOrder;
pub use description::check::check_description;
pub use description::error::FieldError;
pub use description::fields::{AxisOrders, BiasLocation, DataOptions, Description, Flatten, Layout};
pub use description::members::{
    BatchNormPosition, BatchNormSource, LayerBias, LayerSource, MemberLayers, MemberSource,
};
pub use description::pixels::{PixelMap, PixelNormalisation, PixelPadding};
pub use description::quantisation::{PixelLevelsChoice, QuantisationOptions, Scales, ScalesChoice};
pub use error::{ImportError, LayerError};
pub use formats::registry::format_help;
pub use quantise::accuracy::AccuracySummary;
pub use quantise::candidate::Candidate;
pub use quantise::ensemble::{AccuracyRow, AccuracyRowKind, QuantisedEnsemble, quantise};
pub use quantise::error::QuantiseError;
pub use readings::alternatives::{better_readings, float_accuracy};
pub use readings::choice::{ChosenReading, choose_reading};
pub use readings::framework_logits::{FrameworkLogits, LogitComparison};
pub use readings::reading::{Reading, possible_readings};
pub use readings::verification::{VerifiedReading, verify_readings};
pub use real_network::RealNetwork;
pub use remarks::{remark_on_classes, remark_on_normalisation};
pub use weight_files::WeightFiles;
