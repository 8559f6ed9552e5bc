//! Comparisons of packed answers with plain integers.

use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, Padding, sum_logits};

use crate::client::ClientKey;
use crate::engine::{Engine, EngineError, FloodingNoise};
use crate::error::BfvError;
use crate::kernel::Kernel;
use crate::packed::{PackedInput, PackedLayout};
use crate::parameters::{PackedChain, PackedLevels, Parameters};

/// Secure parameters for two moduli of 17 bits, with the rotations of a network's layout.
fn parameters(shape: &Architecture) -> Parameters {
    let kept = PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 };
    let rotations = PackedLayout::new(shape, 8192).unwrap().rotations(5, kept);
    let chain = PackedChain { special_bits: 43, kept, rotations };
    Parameters::new_packed(8192, &[65_537, 114_689], &[43, 43, 28, 31, 26], chain).unwrap()
}

fn sampler(shape: Architecture) -> NetworkSampler {
    NetworkSampler::new(shape, 1)
        .with_largest_weights([1, 1, 3])
        .with_densities([0.4; 3])
        .with_random_biases(9)
}

/// Evaluates an image, and compares the logits of the ensemble and its members.
fn check(ensemble: &IntegerEnsemble, image: &[u8], kernels: &[Kernel]) {
    let shape = ensemble.architecture();
    let parameters = parameters(shape);
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key().unwrap();
    let layout = PackedLayout::new(shape, parameters.degree()).unwrap();
    let expected = ensemble.member_logits(image).unwrap();
    assert!(expected.iter().flatten().all(|logit| 2 * logit.abs() <= parameters.largest_value()));
    let batch = client.encrypt_packed(image, layout.input(), &()).unwrap();
    for &kernel in kernels {
        let engine = Engine::with_kernel(&key, ensemble, kernel).unwrap();
        let answer = engine.evaluate(&batch, true, &()).unwrap();
        let logits = |answer| client.decrypt_packed(answer, layout.input()).unwrap().slot(0);
        assert_eq!(logits(&answer.ensemble), sum_logits(&expected));
        for (answer, expected) in answer.members.iter().zip(&expected) {
            assert_eq!(&logits(answer), expected);
        }
    }
}

#[test]
fn packed_answers_of_the_paper_s_shape_are_exact() {
    let mut sampler = sampler(Architecture::PAPER);
    check(&sampler.ensemble(2).unwrap(), &sampler.images(1), &[Kernel::detect()]);
}

#[test]
fn packed_answers_of_other_shapes_are_exact_with_every_kernel() {
    let none = Padding { leading: 0, trailing: 0 };
    let shapes = [
        // One window, one unit.
        Architecture { image_side: 1, kernel: 1, stride: 1, padding: none, maps: 1, hidden: 1, classes: 2 },
        // More maps than offsets in a window, and an odd number of units.
        Architecture { image_side: 6, kernel: 2, stride: 2, padding: none, maps: 7, hidden: 5, classes: 3 },
        // Padding on both sides, and overlapping windows.
        Architecture {
            image_side: 9,
            kernel: 3,
            stride: 1,
            padding: Padding { leading: 1, trailing: 2 },
            maps: 2,
            hidden: 33,
            classes: 11,
        },
    ];
    for shape in shapes {
        let mut sampler = sampler(shape);
        check(&sampler.ensemble(1).unwrap(), &sampler.images(1), &Kernel::available());
    }
}

#[test]
fn all_slots_of_an_answer_are_random_but_the_sums_of_shares() {
    let mut sampler = sampler(Architecture::PAPER);
    let (ensemble, image) = (sampler.ensemble(1).unwrap(), sampler.images(1));
    let parameters = parameters(&Architecture::PAPER);
    let client = ClientKey::generate(&parameters);
    let engine = Engine::new(&client.evaluation_key().unwrap(), &ensemble).unwrap();
    let layout = PackedLayout::new(&Architecture::PAPER, parameters.degree()).unwrap();
    let batch = client.encrypt_packed(&image, layout.input(), &()).unwrap();
    let answers = || engine.evaluate(&batch, false, &()).unwrap().ensemble;
    let (first, second) = (answers(), answers());
    let logits = |answer| client.decrypt_packed(answer, layout.input()).unwrap().slot(0);
    assert_eq!(logits(&first), logits(&second));
    let [first, second] = [first, second].map(|answer| client.all_slots(&answer).unwrap());
    // Random values below 2^32 agree in no slot, but for one case in 2^19.
    assert!(first.iter().zip(&second).all(|(first, second)| first != second));
    // Most of the range occurs in the slots of every class.
    for class in 0..10 {
        let shares = layout.input().share_slots(class, parameters.degree()).map(|slot| first[slot].abs());
        assert!(shares.max().unwrap() > parameters.largest_value() / 2);
    }
}

#[test]
fn foreign_batches_keys_and_networks_are_refused() {
    let mut sampler = sampler(Architecture::PAPER);
    let (ensemble, image) = (sampler.ensemble(1).unwrap(), sampler.images(1));
    let parameters = parameters(&Architecture::PAPER);
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key().unwrap();
    let engine = Engine::new(&key, &ensemble).unwrap();
    assert!(matches!(client.encrypt(&image, 784, &()), Err(BfvError::Packing { parameters: "packed", .. })));
    // Chosen for the same primes, but not the same parameters.
    let other = ClientKey::generate(&self::parameters(&Architecture::PAPER)).evaluation_key().unwrap();
    assert!(matches!(engine.with_key(&other), Err(EngineError::OtherParameters)));
    let stranger = Engine::new(&other, &ensemble).unwrap();
    let layout = PackedLayout::new(&Architecture::PAPER, parameters.degree()).unwrap();
    let batch = client.encrypt_packed(&image, layout.input(), &()).unwrap();
    // Another client's keys give noise.
    let answer = stranger.evaluate(&batch, false, &()).unwrap();
    assert!(client.decrypt_packed(&answer.ensemble, layout.input()).is_err());
    // As many channels, over other primes.
    let kept = PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 };
    let rotations = parameters.packed().unwrap().rotations.clone();
    let chain = PackedChain { special_bits: 43, kept, rotations };
    let moduli = parameters.plaintext_moduli();
    let smaller = Parameters::new_packed(8192, &moduli, &[40, 40, 28, 31, 26], chain).unwrap();
    let other = ClientKey::generate(&smaller);
    let batch = other.encrypt_packed(&image, layout.input(), &()).unwrap();
    assert!(matches!(engine.evaluate(&batch, false, &()), Err(BfvError::Ring)));
    // Pixels of a larger image do not fit in the slots, and a secret is needed.
    let wide = PackedInput { image_side: 40, ..*layout.input() };
    assert!(matches!(other.encrypt_packed(&[0; 1600], &wide, &()), Err(BfvError::Layout(_))));
    assert!(ClientKey::from_secrets(&[], &key).is_err());
    let larger = Architecture { hidden: 200, ..Architecture::PAPER };
    let ensemble = self::sampler(larger).ensemble(1).unwrap();
    assert!(matches!(Engine::new(&key, &ensemble), Err(EngineError::Rotation { steps: 9, primes: 3 })));
    assert!(matches!(
        engine.with_noise_flooding(FloodingNoise::covering(1.0, 1.0)),
        Err(EngineError::PackedFlooding)
    ));
}

#[test]
fn networks_that_do_not_fit_are_refused_with_the_reason() {
    let refused = |shape, degree| PackedLayout::new(&shape, degree).unwrap_err().to_string();
    let paper = Architecture::PAPER;
    assert_eq!(
        refused(paper, 4096),
        "packed evaluation of this architecture needs 8192 slots for the windows of an image, but a ring degree of 4096 has 4096, and \
         larger ring degrees may have enough; it can be evaluated batched"
    );
    let message = refused(Architecture { maps: 40, ..paper }, 8192);
    assert!(message.contains("16384 columns for the maps, but a ring degree of 8192 has 4096"), "{message}");
    let message = refused(Architecture { hidden: 1000, classes: 100, ..paper }, 16_384);
    assert!(
        message.contains("65536 columns for the logits, but a ring degree of 16384 has 8192;"),
        "{message}"
    );
}
