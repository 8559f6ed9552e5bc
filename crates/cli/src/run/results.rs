//! Results of the stages of a run.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sottovoce_evaluate::{ElapsedTimes, Evaluation};

/// All results of a run so far.
#[derive(Default)]
pub struct Results {
    pub settings: Vec<SettingResult>,
    /// Logit bits and the evaluation of the ensemble that was trained for them.
    pub logit_ranges: Vec<(u32, Evaluation)>,
    pub elapsed: Option<ElapsedTimes>,
}

/// The result of one setting.
#[derive(Clone)]
pub struct SettingResult {
    pub evaluation: Evaluation,
    /// Speed of the members' training.
    pub training: Option<Throughput>,
    /// The members' votes, if they are weighted.
    pub votes: Option<String>,
}

/// Images that went through training steps, and the wall-clock seconds of these steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    pub images: u64,
    /// Seconds for one setting, while other settings are trained at the same time.
    pub seconds: f64,
    pub images_per_second: f64,
}

impl Throughput {
    pub fn new(images: u64, seconds: f64) -> Self {
        Self { images, seconds, images_per_second: images as f64 / seconds }
    }

    /// The throughput of `images` that were trained on since `start`.
    pub fn since(start: Instant, images: u64) -> Self {
        Self::new(images, start.elapsed().as_secs_f64())
    }
}
