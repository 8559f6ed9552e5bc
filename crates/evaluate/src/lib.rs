//! Encrypted ensemble runs over a test set, and the records they leave.
//!
//! A run is one folder of files with stable columns ([`records`]); charts and tables are redrawn from
//! those files alone.

pub mod records;
