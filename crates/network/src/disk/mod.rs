//! Integer ensembles on disk.
//!
//! An exported ensemble is a folder:
//!
//! ```text
//! ensemble.json                        folders of the members, in order
//! member-1/manifest.json               architecture, pixel levels, logit scale, ranges, provenance, checksums
//! member-1/convolution.weights.csv     one line per map: kernel * kernel taps in row order
//! member-1/convolution.biases.csv      one line per map
//! member-1/hidden.weights.csv          one line per unit: activations map by map
//! member-1/hidden.biases.csv
//! member-1/output.weights.csv          one line per class
//! member-1/output.biases.csv
//! ```
//!
//! The CSV files hold integers without a header. The paper hands weights from training to encryption in the same form.
//! Reading checks shapes, integers and checksums, and every error names its file and line.

mod csv;
mod ensemble;
mod error;
mod files;
mod manifest;
mod member;

pub use ensemble::{ExportedEnsemble, Origin, read_ensemble, read_input_hash, write_ensemble};
pub use error::DiskError;
pub use files::sha256;
pub use manifest::{FORMAT, Manifest, Ranges};
pub use member::read_member;
