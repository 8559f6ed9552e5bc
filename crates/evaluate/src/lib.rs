//! Encrypted ensemble runs over a test set, and the records they leave.
//!
//! [`evaluate_setting`] classifies a whole test set three times: in floating point, in plain integers (the
//! oracle), and under encryption, batch by batch. It counts correct answers in each domain and holds every
//! decrypted logit of every slot against the oracle. What it finds is one [`Evaluation`]; a run's folder
//! collects them as CSV files with stable columns ([`records`]), from which charts are redrawn.

pub mod bench;
mod clear;
mod encrypted;
mod evaluation;
mod progress;
mod provider;
pub mod records;
#[cfg(test)]
mod tests;

pub use evaluation::{
    EvaluateError, Evaluation, ParameterRecord, RangeRecord, Setting, Subject, evaluate_setting,
};
pub use progress::Progress;
pub use provider::Evaluator;
