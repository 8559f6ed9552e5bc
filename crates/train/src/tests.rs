#![allow(clippy::disallowed_methods)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, FloatNetwork, Padding, PixelLevels, predict};

use crate::{
    Augmentation, MemberTask, Phase, TrainError, TrainingConfig, train_ensemble, train_float, train_quantised,
};

const SHAPE: Architecture = Architecture {
    image_side: 8,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 1, trailing: 0 },
    maps: 2,
    hidden: 8,
    classes: 3,
};

fn config() -> TrainingConfig {
    TrainingConfig {
        float_epochs: 12,
        quantised_epochs: 8,
        batch: 16,
        float_rate: 5e-3,
        quantised_rate: 3e-3,
        weight_decay: 1e-3,
        clip: 1.0,
        augmentation: Augmentation { rotation_degrees: 5.0, shift_pixels: 0.5, scale: 0.05 },
        pixel_levels: PixelLevels::new(4).unwrap(),
        largest_weights: [7, 7, 7],
        logit_bits: 40,
        range_penalty: 0.003,
        logit_adjustment: 1.0,
        density: 1.0,
    }
}

/// Noisy horizontal, vertical and diagonal bars.
fn bars(count: usize, seed: u64) -> LabelledImages {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (label, offset) = (rng.random_range(0..3u8), rng.random_range(2..6));
        for (y, x) in (0..8).flat_map(|y| (0..8).map(move |x| (y, x))) {
            let ink = match label {
                0 => y == offset,
                1 => x == offset,
                _ => x + offset == y + 4,
            };
            pixels.push(if ink { rng.random_range(150..=255) } else { rng.random_range(0..60) });
        }
        labels.push(label);
    }
    LabelledImages::new(8, pixels, labels).unwrap()
}

#[test]
fn an_ensemble_learns_in_floating_point_and_for_integers() {
    let parts = [bars(300, 1), bars(300, 2)];
    let trained = train_ensemble(&parts, &SHAPE, &config(), 3, &|_| ()).unwrap();
    let test = bars(300, 9);
    for member in &trained.members {
        for network in [&member.float, &member.aware] {
            let right = test.iter().zip(test.labels());
            let right =
                right.filter(|(image, label)| predict(&network.logits(image)) == usize::from(**label));
            assert!(right.count() > 270, "most of 300 bars are told apart");
        }
    }
    let scales: Vec<f64> = trained.members.iter().map(|m| m.quantisation.output_scales()[2]).collect();
    assert!((scales[0] / scales[1] - 1.0).abs() < 1e-12, "members share one logit scale: {scales:?}");
    assert_eq!(trained.curve.len(), 2 * (12 + 8));
    assert_eq!(trained.images, 2 * 300 * (12 + 8));
    let last = trained.curve.last().unwrap();
    assert_eq!((last.member, last.phase, last.attempt, last.epoch), (2, Phase::Quantised, 1, 8));
}

#[test]
fn the_result_depends_on_the_seed_and_not_on_the_threads() {
    let parts = [bars(60, 1), bars(60, 2), bars(60, 3)];
    let config = TrainingConfig { float_epochs: 2, quantised_epochs: 2, ..config() };
    let with = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train_ensemble(&parts, &SHAPE, &config, seed, &|_| ())).unwrap()
    };
    assert_eq!(with(1, 5), with(3, 5));
    assert_ne!(with(1, 5), with(1, 6));
}

/// Returns whether the recorded bits hold on this processor, and prints a line if not.
///
/// Without fused multiply-adds the matrix library rounds each product and each sum separately.
pub fn has_fused_multiply_add() -> bool {
    #[cfg(target_arch = "x86_64")]
    let found = std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let found = false;
    if !found {
        println!("not compared: the processor is no x86-64 with fused multiply-adds (FMA)");
    }
    found
}

/// FNV-1a hash of the bits of all weights and biases.
fn fingerprint<'a>(networks: impl IntoIterator<Item = &'a FloatNetwork>) -> u64 {
    let blocks = networks.into_iter().flat_map(|n| [&n.convolution, &n.hidden, &n.output]);
    let values = blocks.flat_map(|block| block.weights().iter().chain(block.biases()));
    let bytes = values.flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Sums of more than 512 products are where the matrix library depends on caches.
#[test]
fn a_small_training_gives_the_recorded_bits_on_every_machine() {
    if !has_fused_multiply_add() {
        return;
    }
    let shape = Architecture { image_side: 24, kernel: 5, maps: 5, hidden: 70, ..SHAPE };
    assert!(shape.activations() > 512);
    let config = TrainingConfig { float_epochs: 6, quantised_epochs: 4, batch: 70, ..config() };
    let small = bars(210, 1);
    let enlarged = small
        .iter()
        .flat_map(|image| (0..24 * 24).map(move |pixel| image[pixel / 24 / 3 * 8 + pixel % 24 / 3]));
    let part = LabelledImages::new(24, enlarged.collect(), small.labels().to_vec()).unwrap();
    let trained = train_ensemble(&[part], &shape, &config, 11, &|_| ()).unwrap();
    let member = &trained.members[0];
    let steps = member.quantisation.steps.map(f64::to_bits);
    let found = (fingerprint([&member.float]), fingerprint([&member.aware]), steps);
    let recorded = (
        0xdc7f_9a63_b297_7154,
        0x85f7_3c1a_e4d0_27e1,
        [0x3fc4_58ab_57c3_4859, 0x3f8e_ee6f_ff5a_a2c4, 0x3faf_14a4_539b_c0ca],
    );
    assert_eq!(found, recorded, "{found:#x?}");
}

#[test]
fn ensembles_trained_in_parallel_equal_those_trained_one_by_one() {
    let parts = [bars(60, 1), bars(60, 2), bars(60, 3)];
    let config = TrainingConfig { float_epochs: 2, quantised_epochs: 2, ..config() };
    let train = |seed| train_ensemble(&parts, &SHAPE, &config, seed, &|_| ()).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let together: Vec<_> = pool.install(|| (1..=4).into_par_iter().map(train).collect());
    assert_eq!(together, (1..=4).map(train).collect::<Vec<_>>());
}

#[test]
fn a_float_phase_is_shared_by_configurations_that_differ_in_the_quantised_phase() {
    let parts = [bars(60, 1), bars(60, 2)];
    let coarse = TrainingConfig { float_epochs: 2, quantised_epochs: 2, ..config() };
    let fine = TrainingConfig {
        quantised_epochs: 3,
        quantised_rate: 1e-3,
        pixel_levels: PixelLevels::new(16).unwrap(),
        largest_weights: [15; 3],
        logit_bits: 48,
        range_penalty: 0.0,
        ..coarse.clone()
    };
    assert_eq!(coarse.float_phase(), fine.float_phase());
    let member = |config, members| MemberTask {
        images: &parts[1],
        member: 2,
        members,
        architecture: &SHAPE,
        config,
        seed: 7,
    };
    // Only the quantised phase depends on the number of members.
    let (float, curve) = train_float(&member(&coarse, 5), &|_| ()).unwrap();
    assert!(curve.iter().all(|row| (row.member, row.phase) == (2, Phase::Float)));
    for config in [&coarse, &fine] {
        let (apart, _) = train_quantised(&member(config, 2), float.clone(), &|_| ()).unwrap();
        let together = train_ensemble(&parts, &SHAPE, config, 7, &|_| ()).unwrap();
        assert_eq!(apart, together.members[1]);
    }
    let other = Architecture { hidden: 7, ..SHAPE };
    let task = MemberTask { architecture: &other, ..member(&coarse, 2) };
    let error = train_quantised(&task, float, &|_| ()).unwrap_err();
    assert_eq!(error, TrainError::FloatNetwork { member: 2 });
}

#[test]
fn at_most_the_density_of_hidden_weights_is_not_zero() {
    let weights = SHAPE.activations() * SHAPE.hidden;
    let config = TrainingConfig { quantised_epochs: 16, density: 0.3, ..config() };
    let trained = train_ensemble(&[bars(300, 1)], &SHAPE, &config, 3, &|_| ()).unwrap();
    let member = &trained.members[0];
    let kept = member.aware.hidden.weights().iter().filter(|weight| **weight != 0.0).count();
    assert_eq!(kept, weights * 3 / 10);
    let test = bars(300, 9);
    let right = test.iter().zip(test.labels());
    let right = right.filter(|(image, label)| predict(&member.aware.logits(image)) == usize::from(**label));
    assert!(right.count() > 240, "most of 300 bars are told apart");
}

#[test]
fn a_density_of_one_is_not_written_and_is_the_default() {
    let written = serde_json::to_value(config()).unwrap();
    assert!(written.get("density").is_none());
    assert_eq!(serde_json::from_value::<TrainingConfig>(written).unwrap(), config());
    let sparse = TrainingConfig { density: 0.25, ..config() };
    assert_eq!(serde_json::to_value(&sparse).unwrap()["density"], 0.25);
}

/// White images of label 0 and black images of labels 1 and 2, which look alike. Label 1 is nine times as frequent as label 2.
fn indistinct() -> LabelledImages {
    let labels: Vec<u8> = (0..200).map(|i| if i % 2 == 0 { 0 } else { 1 + u8::from(i % 20 == 1) }).collect();
    let pixels = labels.iter().flat_map(|&label| [if label == 0 { 255 } else { 0 }; 64]).collect();
    LabelledImages::new(8, pixels, labels).unwrap()
}

#[test]
fn a_member_learns_how_rare_a_label_is_only_without_logit_adjustment() {
    let difference = |logit_adjustment| {
        // Integers so fine that the network before rounding gives the logits that training has seen.
        let largest_weights = [2000; 3];
        let config = TrainingConfig {
            float_epochs: 60,
            quantised_epochs: 60,
            largest_weights,
            logit_bits: 60,
            logit_adjustment,
            ..config()
        };
        let trained = train_ensemble(&[indistinct()], &SHAPE, &config, 1, &|_| ()).unwrap();
        let member = &trained.members[0];
        [&member.float, &member.aware].map(|network| {
            let logits = network.logits(&[0; 64]);
            f64::from(logits[1] - logits[2])
        })
    };
    for (strength, expected) in [(0.0, 9f64.ln()), (0.5, 0.5 * 9f64.ln()), (1.0, 0.0)] {
        for found in difference(strength) {
            assert!((found - expected).abs() < 0.2, "{found} at {strength}, not {expected}");
        }
    }
}

#[test]
fn a_member_that_sees_one_label_only_does_not_count_as_diverged() {
    let bars = bars(60, 1);
    let label: Vec<usize> = (0..bars.len()).filter(|&i| bars.labels()[i] == 1).collect();
    let trained = train_ensemble(&[bars.select(&label)], &SHAPE, &config(), 1, &|_| ()).unwrap();
    assert!(trained.curve.iter().all(|row| row.attempt == 1));
}

#[test]
fn a_member_that_diverges_in_every_attempt_is_reported_and_not_returned() {
    let config = TrainingConfig { float_rate: 1e4, clip: 1e9, ..config() };
    let error = train_ensemble(&[bars(60, 1)], &SHAPE, &config, 1, &|_| ()).unwrap_err();
    assert!(
        matches!(error, TrainError::Diverged { member: 1, phase: Phase::Float, attempts: 3, .. }),
        "{error}"
    );
}

#[test]
fn too_few_steps_are_not_called_divergence() {
    // Steps that change next to nothing: whether random weights do worse than zeros in all three tries is chance.
    let config =
        TrainingConfig { float_epochs: 1, quantised_epochs: 1, float_rate: 1e-9, batch: 60, ..config() };
    let errors: Vec<TrainError> = (0..40)
        .filter_map(|seed| train_ensemble(&[bars(60, 1)], &SHAPE, &config, seed, &|_| ()).err())
        .collect();
    assert!(!errors.is_empty());
    for error in errors {
        assert!(matches!(error, TrainError::TooFewSteps { member: 1, steps: 1, .. }), "{error}");
        assert!(
            error.to_string().contains("train for more epochs, with a smaller batch or at a higher rate")
        );
    }
}

#[test]
fn a_batch_may_have_all_of_a_members_images_and_no_more() {
    let train = |batch| {
        let config = TrainingConfig { batch, float_epochs: 60, quantised_epochs: 60, ..config() };
        train_ensemble(&[bars(60, 1), bars(50, 2)], &SHAPE, &config, 1, &|_| ())
    };
    assert!(train(50).is_ok());
    let error = train(51).unwrap_err();
    assert_eq!(error, TrainError::Batch { member: 2, images: 50, batch: 51 });
    assert_eq!(
        error.to_string(),
        "a batch has 51 images, but member 2 has 50 training images; the batch must not be larger than that"
    );
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let train =
        |parts: &[LabelledImages], shape| train_ensemble(parts, &shape, &config(), 1, &|_| ()).unwrap_err();
    let larger = Architecture { image_side: 9, ..SHAPE };
    assert_eq!(
        train(&[bars(4, 1)], larger).to_string(),
        "the images are 8 x 8 pixels, but the architecture reads 9 x 9"
    );
    let fewer = Architecture { classes: 2, ..SHAPE };
    assert_eq!(
        train(&[bars(40, 1)], fewer).to_string(),
        "a label is 2, but the architecture has 2 classes (0 to 1)"
    );
    assert_eq!(train(&[bars(40, 1), bars(0, 1)], SHAPE), TrainError::NoImages { member: 2 });
}
