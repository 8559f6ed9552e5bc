//! The paper's numbers, which charts and tables show beside ours.
//!
//! Source: Xiong, Nguyen, So, Chen, *Privacy Preserving Inference with Convolutional Neural Network
//! Ensemble* (2020): Figures 5 to 7 (test accuracy on 10,000 MNIST images), Table 3 (seconds per
//! layer), the second Figure 7 (elapsed seconds) and the sizes of messages. The accuracies are the labels
//! printed on the authors' slides of those figures.

use crate::data::voter::Voter;

/// Members of the paper's ensemble.
pub const MEMBERS: usize = 3;

/// Ranges of majority shares that stand for the paper's settings 1 to 6. The paper does not print its ranges. These are the
/// ranges of this project's reference experiment, `configs/paper.toml`.
pub const SHARES: [(f64, f64); 6] =
    [(0.50, 0.60), (0.60, 0.70), (0.70, 0.80), (0.80, 0.90), (0.90, 0.95), (0.95, 0.99)];

/// Numbers of MNIST images in the paper's experiments: training, test.
pub const IMAGES: (u64, u64) = (60_000, 10_000);

/// Images in one batch of the paper: one for each slot of a ciphertext of degree 8192.
pub const BATCH: usize = 8192;

/// The machine of the paper's Table 3.
pub const MACHINE: &str = "8 cores of an Intel Core i9-9900K";

/// Test accuracies of one setting, in percent as printed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperAccuracy {
    /// Accuracies of single members, in the paper's order.
    pub members: [f64; MEMBERS],
    /// Accuracy of the ensemble of all three.
    pub ensemble: f64,
}

const fn percent(first: f64, second: f64, third: f64, ensemble: f64) -> PaperAccuracy {
    PaperAccuracy { members: [first, second, third], ensemble }
}

/// Figure 5: settings 1 to 6 of the regular split.
pub const REGULAR: [PaperAccuracy; 6] = [
    percent(94.20, 74.94, 96.14, 91.24),
    percent(93.54, 94.25, 96.19, 96.86),
    percent(93.07, 94.10, 95.70, 97.31),
    percent(92.66, 91.44, 92.29, 96.34),
    percent(89.08, 91.06, 94.27, 96.18),
    percent(85.77, 85.88, 93.89, 95.49),
];

/// Figure 6: settings 1 to 6 of the likewise split.
pub const LIKEWISE: [PaperAccuracy; 6] = [
    percent(95.65, 96.64, 94.40, 97.47),
    percent(93.99, 96.49, 95.79, 97.56),
    percent(93.18, 95.94, 93.35, 97.03),
    percent(92.21, 95.86, 92.74, 96.76),
    percent(90.11, 94.87, 91.18, 96.14),
    percent(86.90, 95.96, 81.78, 96.69),
];

/// Figure 7: settings 1 to 6 of the random split.
pub const RANDOM: [PaperAccuracy; 6] = [
    percent(94.87, 94.74, 95.91, 97.39),
    percent(93.33, 95.16, 94.99, 96.98),
    percent(92.87, 93.92, 95.66, 97.26),
    percent(92.07, 93.46, 95.01, 97.06),
    percent(90.18, 91.02, 94.67, 96.62),
    percent(86.21, 86.59, 94.70, 96.40),
];

/// Table 3: seconds of each layer for one batch of 8192 images on [`MACHINE`], in the order in which
/// the layers run.
///
/// These are times of one member: one encryption plus the other layers times [`MEMBERS`] is 52.0 s, close to the time of the
/// whole ensemble, [`ELAPSED_SECONDS_PER_BATCH`].
pub const LAYER_SECONDS: [(&str, f64); 6] = [
    ("EncryptedLayer", 1.126),
    ("ConverLayer1", 2.930),
    ("ActivationLayer2", 6.308),
    ("DenseLayer3", 6.853),
    ("ActivationLayer4", 0.741),
    ("DenseLayer5", 0.117),
];

/// Elapsed seconds of the ensemble of three for one batch: a step of the staircase in the paper's second
/// Figure 7 (elapsed time over input sizes), read off the chart.
pub const ELAPSED_SECONDS_PER_BATCH: f64 = 53.5;

/// Elapsed seconds of the ensemble of three over numbers of images, on [`MACHINE`]: the paper's second Figure 7,
/// read off the chart to 5 s.
pub const ELAPSED: [(usize, f64); 11] = [
    (5_000, 52.0),
    (10_000, 105.0),
    (15_000, 110.0),
    (20_000, 160.0),
    (25_000, 212.0),
    (30_000, 218.0),
    (35_000, 270.0),
    (40_000, 272.0),
    (45_000, 322.0),
    (50_000, 375.0),
    (55_000, 382.0),
];

/// Bytes of one serialised ciphertext of the paper. For each plaintext modulus, a batch of m x m images is m^2 ciphertexts,
/// and the answer is ten, one for each class.
pub const CIPHERTEXT_BYTES: usize = 524_352;

/// Number of plaintext moduli of the paper. Logits are computed from their remainders, so images are sent once for each modulus.
pub const PLAINTEXT_MODULI: usize = 2;

/// Seconds of all members for one batch without encryption: the sum of Table 3 times [`MEMBERS`].
#[must_use]
pub fn ensemble_seconds() -> f64 {
    let member: f64 = LAYER_SECONDS.iter().map(|(_, seconds)| seconds).sum();
    MEMBERS as f64 * (member - layer_seconds("EncryptedLayer").unwrap_or(0.0))
}

/// Number of the paper's figure for a split method, if the paper has one.
#[must_use]
pub fn figure(split: &str) -> Option<u8> {
    match split {
        "regular" => Some(5),
        "likewise" => Some(6),
        "random" => Some(7),
        _ => None,
    }
}

/// Range of shares of `setting` (from 1), as fractions; see [`SHARES`].
#[must_use]
pub fn shares(setting: usize) -> Option<(f64, f64)> {
    SHARES.get(setting.checked_sub(1)?).copied()
}

/// Bytes of the paper's upload and answer for one batch of images with `pixels` pixels and for `classes` classes, for one
/// plaintext modulus. Returns `None` unless images have 28 x 28 pixels and there are ten classes, as in the paper.
#[must_use]
pub fn message_bytes(pixels: usize, classes: usize) -> Option<(usize, usize)> {
    (pixels == 28 * 28 && classes == 10).then_some((pixels * CIPHERTEXT_BYTES, classes * CIPHERTEXT_BYTES))
}

/// The paper's accuracies for `setting` (from 1) of a split method.
#[must_use]
pub fn accuracy(split: &str, setting: usize) -> Option<PaperAccuracy> {
    let settings = match split {
        "regular" => &REGULAR,
        "likewise" => &LIKEWISE,
        "random" => &RANDOM,
        _ => return None,
    };
    settings.get(setting.checked_sub(1)?).copied()
}

/// The paper's accuracy of one voter, in percent.
#[must_use]
pub fn voter_accuracy(split: &str, setting: usize, voter: Voter) -> Option<f64> {
    let accuracy = accuracy(split, setting)?;
    match voter {
        Voter::Member(number) => accuracy.members.get(number.checked_sub(1)?).copied(),
        Voter::Ensemble => Some(accuracy.ensemble),
    }
}

/// The paper's seconds for a layer of Table 3.
#[must_use]
pub fn layer_seconds(layer: &str) -> Option<f64> {
    LAYER_SECONDS.iter().find(|(name, _)| *name == layer).map(|(_, seconds)| *seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voter_is_looked_up_by_split_and_setting() {
        assert_eq!(voter_accuracy("regular", 1, Voter::Member(2)), Some(74.94));
        assert_eq!(voter_accuracy("likewise", 6, Voter::Member(3)), Some(81.78));
        assert_eq!(voter_accuracy("random", 6, Voter::Ensemble), Some(96.4));
    }

    #[test]
    fn what_the_paper_does_not_print_is_absent() {
        assert_eq!(accuracy("regular", 0), None);
        assert_eq!(accuracy("regular", 7), None);
        assert_eq!(accuracy("explicit", 1), None);
        assert_eq!(voter_accuracy("regular", 1, Voter::Member(4)), None);
        assert_eq!(layer_seconds("Decryption"), None);
        assert_eq!((shares(0), shares(7)), (None, None));
        assert_eq!(message_bytes(784, 26), None);
        assert_eq!(message_bytes(784, 10), Some((411_091_968, 5_243_520)));
    }

    #[test]
    fn table_3_is_of_one_member() {
        let ensemble = layer_seconds("EncryptedLayer").unwrap() + ensemble_seconds();
        assert!((ensemble_seconds() - 50.8).abs() < 0.06);
        assert!((ensemble / ELAPSED_SECONDS_PER_BATCH - 1.0).abs() < 0.05, "{ensemble}");
    }
}
