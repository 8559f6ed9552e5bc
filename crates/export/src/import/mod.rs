//! Float weights that were trained elsewhere, to an integer ensemble.
//!
//! A [`Description`] (TOML, `docs/import.md`), or a list of files alone, says where every member's weights are. A file may
//! hold a whole network, which is traced (Keras, ONNX, PyTorch's exported programs), or weights by name, for which
//! [`complete`] finds the layer of each tensor. [`read_members`] puts axes into this project's order and folds the pixel
//! normalisation into the convolution: the [`RealNetwork`]s on pixels in `0..=1` compute exactly the function that was
//! trained. Where a file leaves open how it is to be read, [`readings`] lists the ways, [`choose`] takes the one that
//! classifies best, and [`prove`] the one that gives logits which the framework computed. [`quantise`] rounds the members
//! at chosen scales, or searches for the cheapest scales that keep their accuracy on images.

mod architecture;
mod assemble;
mod axes;
mod batch_network;
mod batch_norm;
mod candidate;
mod check;
mod classes;
mod csv;
mod description;
mod equalise;
mod error;
mod format;
mod framework_check;
mod hdf5;
mod infer;
mod judge;
mod keras;
mod layer;
mod layout;
mod model;
mod normalise;
mod npy;
mod npz;
mod onnx;
mod outcome;
mod pool;
mod prove;
mod readings;
mod real_network;
mod safetensors;
mod search;
mod source;
mod suspects;
mod tensor;
mod torch;
mod trace;
mod written;

#[cfg(test)]
mod advice_tests;
#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod judge_tests;
#[cfg(test)]
mod prove_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

pub use architecture::{PaddingPlan, PartialArchitecture};
pub use assemble::{Imported, complete, read_members};
pub use axes::AxisOrder;
pub use batch_norm::{BatchNormPlace, BatchNormSource};
pub use candidate::{Candidate, Scales};
pub use check::FieldProblem;
pub use classes::unseen_classes;
pub use description::{
    AxesPlan, DataPlan, Description, LayerBias, LayerSource, LevelsPlan, MemberLayers, MemberSource,
    PixelPlan, QuantisationPlan, ScalesPlan,
};
pub use error::{ImportError, QuantiseError};
pub use framework_check::{Comparison, FrameworkLogits};
pub use judge::Judgement;
pub use layout::{BiasPlace, Flatten, Layout};
pub use normalise::{PixelMap, PixelPadding};
pub use outcome::{Outcome, Row, RowKind, quantise};
pub use prove::{Proof, prove};
pub use readings::{Chosen, Reading, choose, readings};
pub use real_network::RealNetwork;
pub use source::Sources;
pub use suspects::{float_accuracy, likelier_readings};
