//! Rows of the CSV files that describe one setting of a sweep, and how they are made from counted answers.

use std::fmt;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::LayerTime;

use crate::correctness::{Correctness, ENSEMBLE, member_name};

/// A setting as the records name it: one split method and one range of majority shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub number: usize,
    /// Lower end of the range of majority shares, as a fraction.
    pub share_low: f64,
    /// Upper end of the range of majority shares, as a fraction.
    pub share_high: f64,
    /// Seed of split and training.
    pub seed: u64,
}

/// The domain in which an accuracy was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// The trained network in floating point, before quantisation of weights, biases and pixels.
    Float,
    /// The exported network in plain integers, which is the oracle.
    Integer,
    /// The decrypted answers of the encrypted evaluation.
    Encrypted,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Encrypted => "encrypted",
        })
    }
}

/// One row of `accuracy.csv`: one voter of one setting in one domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRow {
    /// Split method: `regular`, `likewise`, `random`, or the groups such as `0.1.2-3.4.5-6.7.8.9`.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Lower end of the range of majority shares, as a fraction.
    pub share_low: f64,
    /// Upper end of the range of majority shares, as a fraction.
    pub share_high: f64,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, `member-2`, ... or `ensemble`.
    pub voter: String,
    /// Number of test images classified.
    pub images: usize,
    /// Number of test images classified correctly.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
    /// The domain in which the accuracy was measured.
    pub domain: Domain,
    /// Number of the voter's decrypted logits that differ from the integer oracle, over every class of every slot. Slots after the last
    /// image hold blank images and are included. Empty in the domains that decrypt nothing.
    pub mismatches: Option<u64>,
}

impl AccuracyRow {
    /// Makes one row for each member and one for the ensemble. `mismatches` has one count for each of them, if answers were decrypted.
    pub(crate) fn of_voters(
        setting: &Setting,
        domain: Domain,
        correctness: &Correctness,
        mismatches: Option<&[u64]>,
    ) -> Vec<Self> {
        let row = |(index, (voter, correctness)): (usize, (String, &[bool]))| {
            let (images, correct) = (correctness.len(), count_correct(correctness));
            Self {
                split: setting.split.clone(),
                setting: setting.number,
                share_low: setting.share_low,
                share_high: setting.share_high,
                seed: setting.seed,
                voter,
                images,
                correct,
                accuracy: fraction(correct, images),
                domain,
                mismatches: mismatches.and_then(|counts| counts.get(index).copied()),
            }
        };
        correctness.voters().enumerate().map(row).collect()
    }
}

/// One row of `layers.csv`: wall-clock seconds of one layer for one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// `member-1`, ... or `ensemble` for layers that the members share.
    pub voter: String,
    /// Number of the batch, from 1.
    pub batch: usize,
    /// Name of the layer as in the paper's Table 3 (`EncryptedLayer`, `ConverLayer1`, `ActivationLayer2`, `DenseLayer3`,
    /// `ActivationLayer4`, `DenseLayer5`), or `EnsembleSum` or `Decryption`, which the paper does not list.
    pub layer: String,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Number of worker threads.
    pub threads: usize,
}

impl LayerRow {
    /// Makes one row for each layer of each batch. `times` has one list for each batch.
    pub(crate) fn of_batches(setting: &Setting, times: &[Vec<LayerTime>]) -> Vec<Self> {
        let mut rows = Vec::new();
        for (times, batch) in times.iter().zip(1..) {
            rows.extend(times.iter().map(|time| Self {
                split: setting.split.clone(),
                setting: setting.number,
                voter: time.member.map_or_else(|| ENSEMBLE.to_owned(), member_name),
                batch,
                layer: time.layer.to_string(),
                seconds: time.elapsed.as_secs_f64(),
                threads: rayon::current_num_threads(),
            }));
        }
        rows
    }
}

/// One row of `validation.csv`: one voter of one setting on held-out validation images, in integers. No member trains on these images.
/// Choices that depend on accuracy are made with this accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidationRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ... or `ensemble`.
    pub voter: String,
    /// Number of held-out images classified.
    pub images: usize,
    /// Number of held-out images classified correctly.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
}

impl ValidationRow {
    /// Makes one row for each member and one for the ensemble, or no rows if there are no held-out images.
    pub(crate) fn of_voters(setting: &Setting, correctness: &Correctness) -> Vec<Self> {
        let row = |(voter, correctness): (String, &[bool])| {
            let (images, correct) = (correctness.len(), count_correct(correctness));
            Self {
                split: setting.split.clone(),
                setting: setting.number,
                seed: setting.seed,
                voter,
                images,
                correct,
                accuracy: fraction(correct, images),
            }
        };
        correctness.voters().filter(|(_, correctness)| !correctness.is_empty()).map(row).collect()
    }
}

/// One row of `recall.csv`: one voter of one setting on the test images of one label, under encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ... or `ensemble`.
    pub voter: String,
    /// The label.
    pub label: u8,
    /// Number of test images with the label.
    pub images: usize,
    /// Number of test images with the label that were classified correctly.
    pub correct: usize,
}

impl RecallRow {
    /// Makes one row for each voter and each of the labels `0..classes`. `labels` has one label for each image.
    pub(crate) fn of_voters(
        setting: &Setting,
        classes: usize,
        labels: &[u8],
        correctness: &Correctness,
    ) -> Vec<Self> {
        let mut rows = Vec::new();
        for (voter, correctness) in correctness.voters() {
            rows.extend((0..=u8::MAX).take(classes).map(|label| {
                let of_label = labels.iter().zip(correctness).filter(|(found, _)| **found == label);
                Self {
                    split: setting.split.clone(),
                    setting: setting.number,
                    seed: setting.seed,
                    voter: voter.clone(),
                    label,
                    images: of_label.clone().count(),
                    correct: of_label.filter(|(_, correct)| **correct).count(),
                }
            }));
        }
        rows
    }
}

/// One row of `pairs.csv`: the ensemble and one member on the same test images, under encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ...
    pub member: String,
    /// Number of test images that both classified correctly.
    pub both: usize,
    /// Number of test images that only the ensemble classified correctly.
    pub ensemble_only: usize,
    /// Number of test images that only the member classified correctly.
    pub member_only: usize,
    /// Number of test images that neither classified correctly.
    pub neither: usize,
}

impl PairRow {
    /// Makes one row for each member.
    pub(crate) fn of_members(setting: &Setting, correctness: &Correctness) -> Vec<Self> {
        let row = |(member, member_correct): (String, &[bool])| {
            let images = |ensemble: bool, member: bool| {
                let pairs = correctness.ensemble().iter().zip(member_correct);
                pairs.filter(|(e, m)| (**e, **m) == (ensemble, member)).count()
            };
            Self {
                split: setting.split.clone(),
                setting: setting.number,
                seed: setting.seed,
                member,
                both: images(true, true),
                ensemble_only: images(true, false),
                member_only: images(false, true),
                neither: images(false, false),
            }
        };
        correctness.voters().filter(|(voter, _)| voter != ENSEMBLE).map(row).collect()
    }
}

/// One row of `labels.csv`: the training images of one member with one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ...
    pub member: String,
    /// The label.
    pub label: u8,
    /// Number of training images of the member with the label.
    pub images: usize,
}

fn count_correct(correctness: &[bool]) -> usize {
    correctness.iter().filter(|correct| **correct).count()
}

fn fraction(correct: usize, images: usize) -> f64 {
    correct as f64 / images as f64
}
