//! The description of an import: a TOML file that says how float weights are read and rounded (`docs/import.md`).

pub mod architecture;
pub mod axes;
pub mod check;
pub mod conventions;
pub mod error;
pub mod fields;
pub mod members;
pub mod pixels;
pub mod quantisation;
