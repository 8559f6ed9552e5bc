use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sottovoce_network::{Architecture, NetworkSampler, Padding, PixelLevels};

use super::*;
use crate::noise::{NoiseEstimate, WeightNorms};
use crate::planner::{FixedParameters, ParameterRequest, choose_parameters};
use crate::testing::assert_exact;
use crate::{ClientKey, Encryption, Parameters};

/// Checks the reference's answers and the work that it reports.
fn assert_reference_exact(parameters: &Parameters, ensemble: &IntegerEnsemble, images: &[u8]) {
    assert_exact(parameters, ensemble, images, |key, batch| {
        let evaluator = ReferenceEvaluator::new(key, ensemble);
        let done = AtomicU64::new(0);
        let answer = evaluator.evaluate(batch, &|work| {
            done.fetch_add(work, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), evaluator.work());
        answer.unwrap()
    });
}

#[test]
fn the_reference_equals_the_oracle_in_every_slot_of_a_small_ring() {
    let mut rng = StdRng::seed_from_u64(1);
    let shapes = [
        Architecture { image_side: 5, kernel: 3, maps: 2, hidden: 3, classes: 4, ..Architecture::default() },
        Architecture {
            image_side: 4,
            kernel: 2,
            stride: 2,
            padding: Padding { leading: 0, trailing: 0 },
            maps: 1,
            hidden: 1,
            classes: 2,
        },
        Architecture {
            image_side: 3,
            kernel: 3,
            stride: 1,
            padding: Padding { leading: 1, trailing: 1 },
            maps: 3,
            hidden: 5,
            classes: 3,
        },
    ];
    for shape in shapes {
        for (members, largest) in [(1, [1, 1, 1]), (2, [3, 3, 7]), (3, [7, 20, 9])] {
            let mut sampler =
                NetworkSampler::with_rng(shape, &mut rng).with_largest_weights(largest).with_random_biases(9);
            let (ensemble, images) = (sampler.ensemble(members).unwrap(), sampler.images(37));
            let largest = ensemble.proven_logits();
            // Logits that need more than one channel get two.
            let fewest = if largest < 1 << 48 { 1 } else { 2 };
            for channels in fewest..=2 {
                let parameters = Parameters::insecure_channels(64, largest, channels, &[50; 5]);
                assert_reference_exact(&parameters, &ensemble, &images);
            }
        }
    }
}

#[test]
fn the_reference_equals_the_oracle_at_secure_parameters_and_leaves_the_noise_that_was_expected() {
    let shape = Architecture { image_side: 8, maps: 2, hidden: 4, kernel: 4, ..Architecture::default() };
    let shape = Architecture { padding: Padding { leading: 0, trailing: 0 }, ..shape };
    let mut sampler = NetworkSampler::new(shape, 2)
        .with_pixel_levels(PixelLevels::BINARY)
        .with_largest_weights([1, 1, 3])
        .with_random_biases(9);
    let ensemble = sampler.ensemble(2).unwrap();
    let encryption = Encryption::PublicKey;
    let evaluator = EvaluatorKind::Reference;
    let ensembles = [&ensemble];
    let request = ParameterRequest {
        fixed: FixedParameters {
            encryption: Some(encryption),
            degree: Some(8192),
            ..FixedParameters::default()
        },
        evaluators: &[evaluator],
        ..ParameterRequest::new(&ensembles, ensemble.proven_logits())
    };
    let parameters = choose_parameters(&request).unwrap().parameters;
    let images = sampler.images(8000);
    assert_reference_exact(&parameters, &ensemble, &images);
    // Switching answers down would leave more noise than the evaluation.
    let noise = assert_exact(&parameters, &ensemble, &images, |key, batch| {
        let evaluator = ReferenceEvaluator::new(key, &ensemble);
        let mut answer = evaluator.evaluate(batch, &()).unwrap();
        for (channel, logits) in answer.ensemble.channels.iter_mut().enumerate() {
            *logits = evaluator.intermediate_ciphertexts(batch, channel).unwrap().logits;
        }
        answer
    });

    let primes = parameters.channels()[0].prime_sizes();
    let t = parameters.plaintext_moduli().into_iter().max().unwrap();
    let norms = WeightNorms::of(&ensemble);
    let expected = NoiseEstimate::new(&norms, evaluator, encryption, parameters.degree(), t, &primes);
    // The largest of 80,000 coefficients is about 4.5 standard deviations large.
    let expected = expected.logits + 4.5f64.log2();
    assert!((noise as f64 - expected).abs() < 3.0, "{noise} bits, expected {expected:.1}");
}

#[test]
fn too_much_noise_is_an_error_and_never_a_wrong_answer() {
    let shape =
        Architecture { image_side: 5, kernel: 3, maps: 2, hidden: 3, classes: 4, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 3).with_random_biases(9);
    let ensemble = sampler.ensemble(1).unwrap();
    // The modulus has room for one square, but there are two.
    let client = ClientKey::generate(&Parameters::insecure(64, 1 << 20, &[45, 45]));
    let key = client.evaluation_key().unwrap();
    let batch = client.encrypt(&sampler.images(5), shape.pixels(), &()).unwrap();
    let answer = ReferenceEvaluator::new(&key, &ensemble).evaluate(&batch, &()).unwrap();
    assert!(matches!(client.decrypt(&answer.ensemble), Err(BfvError::NoiseExhausted { .. })));
}

#[test]
fn batches_that_do_not_fit_are_refused_with_numbers() {
    let client = ClientKey::generate(&Parameters::insecure(64, 1 << 10, &[50, 50]));
    let message = |images: &[u8]| client.encrypt(images, 4, &()).unwrap_err().to_string();
    assert_eq!(message(&[]), "0 images in a batch, but the parameters allow 1 to 64");
    assert_eq!(message(&[0; 65 * 4]), "65 images in a batch, but the parameters allow 1 to 64");
    assert_eq!(message(&[0; 7]), "7 pixel values are not whole images of 4 pixels");

    let key = client.evaluation_key().unwrap();
    let shape = Architecture { image_side: 5, kernel: 3, maps: 1, hidden: 1, ..Architecture::default() };
    let ensemble = NetworkSampler::new(shape, 4).ensemble(1).unwrap();
    let batch = client.encrypt(&[0; 4], 4, &()).unwrap();
    let error = ReferenceEvaluator::new(&key, &ensemble).evaluate(&batch, &()).unwrap_err();
    assert_eq!(error.to_string(), "the batch encrypts images of 4 pixels, but the network reads 25");
}
