use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sottovoce_network::{
    Architecture, IntegerEnsemble, IntegerNetwork, NetworkSampler, Padding, PixelLevels,
};

use super::noise_measurement::{NoiseExperiment, NoiseMeasurement};
use crate::evaluation::EvaluatorKind;
use crate::noise::{NoiseStage, TailBound, WeightNorms};
use crate::parameters::{Encryption, PrimeSizes};

const NONE: Padding = Padding { leading: 0, trailing: 0 };

fn subject(
    ensemble: &IntegerEnsemble,
    evaluation: EvaluatorKind,
    encryption: Encryption,
) -> NoiseExperiment<'_> {
    let primes = match evaluation {
        EvaluatorKind::Engine => PrimeSizes { upload: vec![36, 36, 44], hidden: 2 },
        // There are so few bits that the noise of relinearisation does not hide all other noise.
        EvaluatorKind::Reference => PrimeSizes { upload: vec![26; 4], hidden: 3 },
    };
    NoiseExperiment { ensemble, evaluator: evaluation, encryption, degree: 8192, plaintext_bits: 18, primes }
}

/// A network with the same row of hidden weights, times `multiples`, for every unit.
fn network_of_multiples(multiples: [i64; 2], output: [i64; 2]) -> IntegerEnsemble {
    let shape =
        Architecture { image_side: 3, kernel: 2, stride: 1, padding: NONE, maps: 1, hidden: 2, classes: 2 };
    let weight = |block: &str, row: usize, column: usize| match block {
        "convolution" => [1, -2, 1, 1][column],
        "hidden" => multiples[row] * [1, -1, 2, 1][column],
        _ => output[column],
    };
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 0).unwrap();
    IntegerEnsemble::new(vec![network]).unwrap()
}

#[test]
fn measured_noise_stays_within_the_prediction_and_the_prediction_within_four_bits() {
    let mut rng = StdRng::seed_from_u64(7);
    let kinds = [[1, 1, 3], [3, 3, 7], [7, 40, 15], [1, 1000, 1], [1, 1, 1], [0, 0, 0]];
    let mut measured = 0;
    for index in 0..30 {
        let shape = Architecture {
            image_side: rng.random_range(1..=4),
            kernel: 2,
            stride: rng.random_range(1..=2),
            padding: Padding { leading: 1, trailing: 0 },
            maps: rng.random_range(1..=2),
            hidden: rng.random_range(1..=4),
            classes: 2,
        };
        let members = rng.random_range(1..=2);
        let mut sampler = NetworkSampler::with_rng(shape, &mut rng)
            .with_pixel_levels(PixelLevels::BINARY)
            .with_largest_weights(kinds[index % kinds.len()])
            .with_random_biases(9);
        let ensemble = sampler.ensemble(members).unwrap();
        let encryption = [Encryption::PublicKey, Encryption::SecretKey][index % 2];
        let mut images = sampler.images(64);
        if encryption == Encryption::SecretKey {
            // Blank images are rounded exactly. The mean of other images' rounding strays further than the tail bound.
            images.fill(0);
        }
        for evaluation in [EvaluatorKind::Engine, EvaluatorKind::Reference] {
            // With the secret key the mean of the reference's digits may count, and its noise strays further.
            if evaluation == EvaluatorKind::Engine || encryption == Encryption::PublicKey {
                measured += assert_within(&subject(&ensemble, evaluation, encryption), &images);
            }
        }
    }
    // Some networks leave more noise than can be measured at these parameters.
    assert!(measured >= 30, "{measured} measurements");
}

/// Measures noise and compares it with its bound. Returns 0 if the noise is too large to be measured, else 1.
///
/// `tail` proves that noise is below the bound, but for one case in 2^40. Bounds are up to 23 deviations high. So a largest coefficient
/// four bits below the bound needs a key and ciphertexts whose mean over 2048 roots is less than half of its expectation.
fn assert_within(subject: &NoiseExperiment<'_>, images: &[u8]) -> usize {
    let norms = WeightNorms::of(subject.ensemble);
    let estimate = subject.estimate(&norms).unwrap();
    if estimate.largest_bound(&TailBound::new(-40.0, subject.degree, 1e7)) > subject.limit_bits() {
        return 0;
    }
    let any_unit = norms.members.iter().flat_map(|member| &member.hidden).any(|unit| unit.reads_pixels());
    for noise in subject.measure(images).unwrap() {
        let gap = noise.bound - noise.largest;
        assert!(gap >= 0.0, "{subject:?}: {noise:?}");
        let constant = match noise.stage {
            NoiseStage::Fresh => false,
            NoiseStage::Hidden => !any_unit,
            NoiseStage::Logits | NoiseStage::Answer => !estimate.reads_pixels(),
        };
        assert!(gap <= 4.0 || constant, "{subject:?}: {noise:?}");
    }
    1
}

#[test]
fn dependent_hidden_units_are_counted_as_such() {
    for (multiples, output) in
        [([1, 1], [1, 1]), ([1, -1], [1, 1]), ([1, -1], [1, -1]), ([2, 1], [1, 1]), ([3, 1], [1, -1])]
    {
        let ensemble = network_of_multiples(multiples, output);
        for evaluation in [EvaluatorKind::Engine, EvaluatorKind::Reference] {
            // With the secret key the mean of the reference's digits would count.
            let encryption = match evaluation {
                EvaluatorKind::Engine => Encryption::SecretKey,
                EvaluatorKind::Reference => Encryption::PublicKey,
            };
            // The reference's noise depends on the key by more than the difference that this test looks for.
            let (keys, most) = if evaluation == EvaluatorKind::Engine { (2, 0.7) } else { (12, 1.0) };
            let subject = subject(&ensemble, evaluation, encryption);
            let measured: Vec<Vec<NoiseMeasurement>> =
                (0..keys).map(|_| subject.measure(&[1; 9]).unwrap()).collect();
            for stage in 0..measured[0].len() {
                let off = |stages: &Vec<NoiseMeasurement>| {
                    let noise = stages[stage];
                    // Only a rounding is left if the reference's squares cancel.
                    if noise.deviation > 0.0 { noise.deviation - noise.predicted } else { 0.0 }
                };
                let mean = measured.iter().map(off).sum::<f64>() / f64::from(keys);
                assert!(
                    mean.abs() < most,
                    "{multiples:?} {output:?} {evaluation:?}: {:?}",
                    measured[0][stage]
                );
            }
        }
    }
}

#[test]
fn a_network_of_zeros_leaves_the_noise_of_a_rounding() {
    let ensemble = network_of_multiples([0, 0], [0, 0]);
    for evaluation in [EvaluatorKind::Engine, EvaluatorKind::Reference] {
        for noise in &subject(&ensemble, evaluation, Encryption::PublicKey).measure(&[1; 9]).unwrap()[1..] {
            assert!(noise.largest == 0.0 && noise.predicted < 0.0, "{noise:?}");
        }
    }
}

#[test]
fn noise_that_cannot_be_measured_is_refused() {
    let ensemble = network_of_multiples([1, 1], [1, 1]);
    let subject = subject(&ensemble, EvaluatorKind::Engine, Encryption::PublicKey);
    let refused = |subject: NoiseExperiment<'_>| subject.measure(&[1; 9]).unwrap_err().to_string();
    let primes = PrimeSizes::new(&[48; 4]);
    assert!(refused(NoiseExperiment { primes, ..subject.clone() }).contains("not 128-bit secure"));
    let none = refused(NoiseExperiment { plaintext_bits: 64, ..subject });
    assert_eq!(none, "there is no plaintext modulus of 64 bits for ring degree 8192");
}
