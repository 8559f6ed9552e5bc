//! Encrypted ensemble runs over a test set, and the records they leave.
//!
//! A [`Session`] has parameters and keys that serve every ensemble of a run, and an [`EncryptedSet`] the test images
//! encrypted once under them. [`evaluate_setting`] classifies these images three times: in floating point, in plain
//! integers (the oracle), and under encryption, batch by batch. It counts correct answers in each domain and holds
//! every decrypted logit of every slot against the oracle. [`measure_elapsed`] classifies growing numbers of images
//! from pixels to predictions by the clock, and [`predict_images`] does so for networks from anywhere. What is found becomes the rows of a run's CSV files with stable columns
//! ([`records`]), from which charts are redrawn.

#[cfg(test)]
mod any_network_tests;
mod batch_run;
pub mod bench;
mod clear;
mod elapsed;
mod encrypted;
mod evaluation;
pub mod noise;
mod noise_row;
mod policy;
mod predictions;
mod progress;
mod provider;
pub mod records;
mod rows;
mod session;
#[cfg(test)]
mod tests;

pub use elapsed::{Elapsed, measure_elapsed};
pub use evaluation::{
    EvaluateError, Evaluation, ParameterRecord, RangeRecord, Setting, Subject, evaluate_setting,
};
pub use policy::{Need, Policy, RangeRule};
pub use predictions::{Prediction, PredictionSummary, encode_predictions, predict_images};
pub use progress::Progress;
pub use provider::Evaluator;
pub use session::{EncryptedSet, Session};
