//! Encrypted ensemble runs over a test set, and their records.
//!
//! A [`Session`] holds a client and a provider that serve every ensemble of a run. The client and the provider exchange only
//! messages, as on two machines. [`EncryptedImages`] are the test images, encrypted and sent once. [`evaluate_setting`] classifies these
//! images three times: in floating point, in plain integers (the [`Oracle`]), and under encryption, batch by batch. It counts
//! correct answers in each domain and compares every decrypted logit of every slot with the oracle; logits that differ are
//! counted as mismatches. [`measure_elapsed`] measures the time from pixels to predictions over growing numbers of images,
//! and [`predict_images`] classifies a data set with any ensemble. The results become rows of CSV files with
//! stable columns ([`records`]), from which charts are redrawn.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(test)]
mod any_network_tests;
mod batch_classifier;
mod correctness;
mod elapsed_times;
mod encrypted_evaluation;
mod encrypted_images;
pub mod engine_benchmark;
mod error;
mod evaluation;
mod form_plan;
mod latency;
mod noise_measurement;
mod oracle;
mod parameter_policy;
mod pipe;
mod predictions;
pub mod records;
mod session;
mod shards;
#[cfg(test)]
mod tests;

pub use elapsed_times::{ElapsedTimes, measure_elapsed};
pub use encrypted_images::EncryptedImages;
pub use error::EvaluateError;
pub use evaluation::{Evaluation, SettingInputs, evaluate_setting};
pub use form_plan::{FormPlan, FormRule};
pub use latency::{LatencyInputs, measure_latency};
pub use noise_measurement::measure_noise;
pub use oracle::{Oracle, count_mismatches};
pub use parameter_policy::{ParameterPolicy, RangeKind, RangedEnsemble};
pub use predictions::{Prediction, PredictionSummary, encode_logits, encode_predictions, predict_images};
pub use session::Session;
pub use shards::{MergeError, Shard, merge_shards};
pub use sottovoce_protocol::Evaluator;
