//! Encrypted ensemble runs over a test set, and the records they leave.
//!
//! A [`Session`] is a client and a provider that serve every ensemble of a run and meet in messages alone, as they
//! would on two machines; an [`EncryptedSet`] is the test images, encrypted and sent once. [`evaluate_setting`]
//! classifies these images three times: in floating point, in plain integers (the oracle), and under encryption, batch
//! by batch. It counts correct answers in each domain and holds every decrypted logit of every slot against the oracle.
//! [`measure_elapsed`] classifies growing numbers of images from pixels to predictions by the clock, and
//! [`predict_images`] does so for networks from anywhere. What is found becomes the rows of a run's CSV files with
//! stable columns ([`records`]), from which charts are redrawn.

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
mod pipe;
mod policy;
mod predictions;
mod received;
pub mod records;
mod rows;
mod session;
mod shard;
#[cfg(test)]
mod tests;

pub use elapsed::{Elapsed, measure_elapsed};
pub use evaluation::{
    EvaluateError, Evaluation, ParameterRecord, RangeRecord, Setting, Subject, evaluate_setting,
};
pub use policy::{Need, Policy, RangeRule};
pub use predictions::{Prediction, PredictionSummary, encode_predictions, predict_images};
pub use received::EncryptedSet;
pub use session::Session;
pub use shard::{MergeError, Shard, merge_shards};
pub use sottovoce_protocol::Evaluator;
