use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sottovoce_network::{
    Architecture, IntegerEnsemble, IntegerNetwork, NetworkSampler, ObservedRange, Padding, PixelLevels,
    sum_logits,
};

use super::{Engine, EngineError, STATISTICAL_DISTANCE_LOG2};
use crate::client::measure_stages;
use crate::noise::{NoiseEstimate, NoiseStage, WeightNorms};
use crate::parameters::PrimeSizes;
use crate::planner::{ChosenParameters, FixedParameters, ParameterRequest, choose_parameters};
use crate::testing::assert_exact;
use crate::{BfvError, ClientKey, Encryption, EvaluatorKind, Kernel, Parameters, ProgressObserver};

/// The largest logit of any member or the ensemble, over the images and the blank image.
fn largest_logit(ensemble: &IntegerEnsemble, images: &[u8]) -> i128 {
    let pixels = ensemble.architecture().pixels();
    let blank = vec![0; pixels];
    let logits =
        images.chunks(pixels).chain([&blank[..]]).map(|image| ensemble.member_logits(image).unwrap());
    logits.map(|logits| ObservedRange::of(&logits).largest()).max().unwrap()
}

/// Checks every kernel's answers and the work that the engine reports.
fn assert_engine_exact(parameters: &Parameters, ensemble: &IntegerEnsemble, images: &[u8]) {
    for kernel in Kernel::available() {
        noise_of_exact_answers(parameters, ensemble, images, kernel);
    }
}

/// Checks one kernel's answers, and returns the bits of noise in the ensemble's answer.
fn noise_of_exact_answers(
    parameters: &Parameters,
    ensemble: &IntegerEnsemble,
    images: &[u8],
    kernel: Kernel,
) -> usize {
    assert_exact(parameters, ensemble, images, |key, batch| {
        let engine = Engine::with_kernel(key, ensemble, kernel).unwrap();
        let done = AtomicU64::new(0);
        let answer = engine.evaluate(batch, true, &|work| {
            done.fetch_add(work, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), engine.work());
        answer.unwrap()
    })
}

#[test]
fn every_kernel_equals_the_oracle_in_every_slot_for_odd_shapes_and_wide_weights() {
    let mut rng = StdRng::seed_from_u64(1);
    let none = Padding { leading: 0, trailing: 0 };
    let both = Padding { leading: 1, trailing: 1 };
    let paper = Architecture::default();
    let shapes = [
        Architecture { image_side: 5, kernel: 3, maps: 2, hidden: 3, classes: 4, ..paper },
        Architecture { image_side: 4, kernel: 2, padding: none, maps: 1, hidden: 1, classes: 2, ..paper },
        Architecture { image_side: 3, kernel: 3, stride: 1, padding: both, maps: 3, hidden: 5, classes: 3 },
        // More activations than a band has.
        Architecture { image_side: 9, kernel: 3, stride: 1, padding: both, maps: 2, hidden: 3, classes: 2 },
        Architecture { image_side: 1, kernel: 1, stride: 1, padding: none, maps: 1, hidden: 6, classes: 2 },
    ];
    for shape in shapes {
        for (members, largest) in
            [(1, [1, 1, 1]), (2, [3, 3, 7]), (3, [7, 20, 9]), (1, [1, 300, 1]), (2, [40, 70_000, 20_000])]
        {
            let mut sampler =
                NetworkSampler::with_rng(shape, &mut rng).with_largest_weights(largest).with_random_biases(9);
            let (ensemble, images) = (sampler.ensemble(members).unwrap(), sampler.images(37));
            let largest = largest_logit(&ensemble, &images);
            // Logits that need more than one channel get two and three.
            let fewest = if largest < 1 << 48 { 1 } else { 2 };
            for channels in fewest..=3 {
                let parameters = Parameters::insecure_channels(64, largest, channels, &[50; 5]);
                assert_engine_exact(&parameters, &ensemble, &images);
            }
        }
    }
}

#[test]
fn every_kernel_equals_the_oracle_at_secure_parameters_and_leaves_the_noise_that_was_expected() {
    // The windows of this convolution overlap.
    let shape =
        Architecture { image_side: 10, kernel: 3, stride: 1, maps: 2, hidden: 4, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 2)
        .with_pixel_levels(PixelLevels::BINARY)
        .with_largest_weights([1, 1, 3])
        .with_random_biases(9);
    let (ensemble, images) = (sampler.ensemble(2).unwrap(), sampler.images(8000));
    let norms = WeightNorms::of(&ensemble);
    for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
        let fixed = FixedParameters { encryption: Some(encryption), ..FixedParameters::default() };
        let ensembles = [&ensemble];
        let request =
            ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, ensemble.proven_logits()) };
        let parameters = choose_parameters(&request).unwrap().parameters;
        let primes = parameters.channels()[0].prime_sizes();
        let t = parameters.plaintext_moduli().into_iter().max().unwrap();
        let evaluator = EvaluatorKind::Engine;
        let expected = NoiseEstimate::new(&norms, evaluator, encryption, parameters.degree(), t, &primes);
        let channel = &parameters.channels()[parameters.narrowest_channel()];
        let limit = |level| channel.noise_limit_bits(level);
        let dropped = limit(channel.hidden_level()) - limit(channel.answer_level());
        // The largest of 80,000 coefficients is about 4.5 standard deviations large, and its bits are rounded up.
        let expected = expected.answer(dropped) + 4.5f64.log2() + 0.5;
        for kernel in Kernel::available() {
            let noise = noise_of_exact_answers(&parameters, &ensemble, &images, kernel) as f64;
            assert!((noise - expected).abs() < 1.5, "{noise} bits, expected {expected:.1}");
        }
    }
}

#[test]
fn members_of_zeros_and_members_of_other_forms_go_together() {
    let mut rng = StdRng::seed_from_u64(6);
    let shape =
        Architecture { image_side: 9, kernel: 3, stride: 1, maps: 2, hidden: 5, ..Architecture::default() };
    // The members have different forms of weights: words if the processor has such products, lists, longer lists, and only biases.
    let members = [[3, 100, 3], [31, 1, 1], [2, 200, 1], [0, 0, 0]];
    let networks = members.map(|largest| {
        NetworkSampler::with_rng(shape, &mut rng)
            .with_largest_weights(largest)
            .with_random_biases(9)
            .network()
            .unwrap()
    });
    let ensemble = IntegerEnsemble::new(networks.to_vec()).unwrap();
    let images = NetworkSampler::with_rng(shape, &mut rng).images(50);
    let parameters = Parameters::insecure(64, largest_logit(&ensemble, &images), &[50; 6]);
    assert_engine_exact(&parameters, &ensemble, &images);
}

#[test]
fn networks_that_do_not_fit_are_refused_with_the_numbers() {
    // The network has 65,536 activations, and only zero weights.
    let none = Padding { leading: 0, trailing: 0 };
    let shape =
        Architecture { image_side: 256, kernel: 1, stride: 1, padding: none, maps: 1, hidden: 1, classes: 2 };
    let ensemble = NetworkSampler::new(shape, 5).with_largest_weights([0; 3]).ensemble(1).unwrap();
    let key = ClientKey::generate(&Parameters::insecure(64, 1 << 10, &[50, 50])).evaluation_key().unwrap();
    let refused = Engine::new(&key, &ensemble).err();
    assert_eq!(refused, Some(EngineError::Inputs { found: 65_536, limit: 65_536 }));
}

#[test]
fn a_cancelled_evaluation_ends_between_two_tiles() {
    /// Cancels after a number of tiles.
    struct CancelsAfterThree(AtomicU64);

    impl ProgressObserver for CancelsAfterThree {
        fn advance(&self, work: u64) {
            self.0.fetch_add(work, Ordering::Relaxed);
        }

        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= 3
        }
    }

    let shape = Architecture { image_side: 5, kernel: 3, maps: 1, hidden: 1, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 4)
        .with_pixel_levels(PixelLevels::BINARY)
        .with_largest_weights([1, 1, 1])
        .with_random_biases(9);
    let ensemble = sampler.ensemble(1).unwrap();
    let parameters = Parameters::insecure(1024, 1 << 20, &[50; 3]);
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key().unwrap();
    let images = sampler.images(9);
    let batch = client.encrypt(&images, shape.pixels(), &()).unwrap();
    let engine = Engine::new(&key, &ensemble).unwrap();
    let observer = CancelsAfterThree(AtomicU64::new(0));
    assert!(matches!(engine.evaluate(&batch, false, &observer), Err(BfvError::Cancelled)));
    // Tiles that other threads had begun may still have been finished.
    assert!(observer.0.into_inner() < engine.work() / 2);
    // The next evaluation does not see the unfinished sums.
    let answer = engine.evaluate(&batch, false, &()).unwrap();
    let blank = vec![0; shape.pixels()];
    let sum = client.decrypt(&answer.ensemble).unwrap();
    for slot in 0..parameters.degree() {
        let image = images.chunks(shape.pixels()).nth(slot).unwrap_or(&blank);
        let expected = sum_logits(&ensemble.member_logits(image).unwrap());
        assert_eq!(sum.slot(slot), expected);
    }
}

#[test]
fn rerandomised_answers_are_exact_and_have_the_noise_of_the_flooding_under_any_clients_key() {
    let shape =
        Architecture { image_side: 5, kernel: 3, maps: 2, hidden: 3, classes: 4, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 5).with_random_biases(9);
    let (ensemble, images) = (sampler.ensemble(2).unwrap(), sampler.images(20));
    let parameters = |hide_model, encryption, plaintext_moduli| {
        let encryption = Some(encryption);
        let fixed = FixedParameters {
            encryption,
            degree: Some(8192),
            plaintext_moduli,
            ..FixedParameters::default()
        };
        let ensembles = [&ensemble];
        let request = ParameterRequest {
            hide_model,
            fixed,
            ..ParameterRequest::new(&ensembles, ensemble.proven_logits())
        };
        choose_parameters(&request).unwrap()
    };
    for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
        let choice = parameters(true, encryption, None);
        let flooding = choice.flooding.unwrap();
        let plain = parameters(false, encryption, Some(choice.parameters.plaintext_moduli()));
        assert!(plain.flooding.is_none());
        // Flooding takes 40 bits, the bits of the number of coefficients, and the room that the flooding noise leaves unused.
        let bits = |choice: &ChosenParameters| choice.parameters.ciphertext_modulus_bits();
        assert!((50.0..75.0).contains(&(bits(&choice) - bits(&plain))), "{}", bits(&choice) - bits(&plain));
        assert!(choice.failure_probability_log2 < -40.0);

        let stranger = ClientKey::generate(&choice.parameters).evaluation_key().unwrap();
        let first = Engine::new(&stranger, &ensemble).unwrap().with_noise_flooding(flooding).unwrap();
        let noise = assert_exact(&choice.parameters, &ensemble, &images, |key, batch| {
            let engine = first.with_key(key).unwrap();
            engine.evaluate(batch, true, &()).unwrap()
        });
        // The largest of 8192 uniform coefficients has the bits of the flooding noise, less the bits of the answer's dropped primes.
        let channel = &choice.parameters.channels()[0];
        let limit = |level| channel.noise_limit_bits(level);
        let dropped = limit(channel.hidden_level()) - limit(channel.answer_level());
        let expected = f64::from(flooding.bits()) - dropped;
        assert!((noise as f64 - expected - 0.5).abs() < 1.0, "{noise} {expected}");
        let other = Parameters::new(8192, &[65_537], &PrimeSizes::new(&[50, 50]), encryption).unwrap();
        let other = ClientKey::generate(&other).evaluation_key().unwrap();
        assert_eq!(first.with_key(&other).err(), Some(EngineError::OtherParameters));
    }
}

#[test]
fn a_flood_covers_the_noise_of_weights_of_any_sign_and_images_with_any_blank_pixels() {
    let shape =
        Architecture { image_side: 6, kernel: 3, maps: 2, hidden: 3, classes: 2, ..Architecture::default() };
    let positive = |block: &str, row: usize, column: usize| 1 + ((block.len() + row + column) % 3) as i64;
    // Whole columns of pixels have weights of one sign.
    let striped =
        |_: &str, row: usize, column: usize| if column.is_multiple_of(2) { 2 + row as i64 % 2 } else { -2 };
    let bias = |_: &str, _| 1;
    let networks = [
        IntegerNetwork::from_fn(shape, PixelLevels::BINARY, positive, bias).unwrap(),
        IntegerNetwork::from_fn(shape, PixelLevels::BINARY, striped, bias).unwrap(),
    ];
    let pixels = shape.pixels();
    let dense: Vec<u8> =
        NetworkSampler::new(shape, 7).images(200).iter().map(|pixel| (*pixel).max(1)).collect();
    let columns = dense
        .iter()
        .enumerate()
        .map(|(index, &pixel)| if (index % pixels).is_multiple_of(2) { pixel } else { 0 })
        .collect();
    for network in networks {
        let ensemble = IntegerEnsemble::new(vec![network]).unwrap();
        let ensembles = [&ensemble];
        let fixed = FixedParameters { encryption: Some(Encryption::SecretKey), ..FixedParameters::default() };
        let request = ParameterRequest {
            hide_model: true,
            fixed,
            ..ParameterRequest::new(&ensembles, ensemble.proven_logits())
        };
        let choice = choose_parameters(&request).unwrap();
        let coefficients =
            (choice.parameters.degree() * shape.classes * choice.parameters.channels().len()) as f64;
        // M V / 2F <= 2^-40.
        let covered =
            f64::from(choice.flooding.unwrap().bits() + 1) + STATISTICAL_DISTANCE_LOG2 - coefficients.log2();
        for images in [&dense, &columns] {
            let stages =
                measure_stages(&ensemble, EvaluatorKind::Engine, &choice.parameters, images).unwrap();
            let logits = stages.iter().find(|stage| stage.stage == NoiseStage::Logits).unwrap();
            assert!(logits.largest + 1.0 < covered, "{} {covered}", logits.largest);
            assert!(covered < logits.largest + 20.0, "{} {covered}", logits.largest);
        }
    }
}
