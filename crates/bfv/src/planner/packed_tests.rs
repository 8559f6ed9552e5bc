use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, Padding};

use super::*;
use crate::evaluation::EvaluatorKind;
use crate::packed::PackedLayout;
use crate::parameters::Encryption;

fn ensemble(shape: Architecture, members: usize) -> IntegerEnsemble {
    NetworkSampler::new(shape, 1)
        .with_largest_weights([3, 3, 7])
        .with_random_biases(9)
        .ensemble(members)
        .unwrap()
}

const SMALL: Architecture = Architecture {
    image_side: 8,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 2,
    hidden: 4,
    classes: 3,
};

fn chosen(ensembles: &[&IntegerEnsemble], largest_logit: i128) -> ChosenParameters {
    choose_packed_parameters(&ParameterRequest::new(ensembles, largest_logit)).unwrap()
}

#[test]
fn three_of_the_paper_s_networks_have_two_small_plaintext_moduli_at_the_paper_s_degree() {
    let ensemble = ensemble(Architecture::default(), 3);
    let choice = chosen(&[&ensemble], 1 << 31);
    let parameters = &choice.parameters;
    assert_eq!((parameters.degree(), parameters.plaintext_moduli()), (8192, vec![65_537, 114_689]));
    // The special prime counts.
    assert!(parameters.key_modulus_bits() <= 214.0);
    assert!(parameters.key_modulus_bits() > parameters.ciphertext_modulus_bits() + 30.0);
    assert!(choice.failure_probability_log2 <= FAILURE_LOG2);
    // An answer keeps one prime.
    assert_eq!(parameters.packed().unwrap().kept.answer, 1);
    assert!(choice.cost.upload_bytes < 1 << 20 && choice.cost.key_bytes < 40_000_000);
}

#[test]
fn every_level_has_room_for_its_noise() {
    let (small, wide) = (ensemble(SMALL, 2), ensemble(Architecture { maps: 4, hidden: 9, ..SMALL }, 1));
    for (ensembles, largest_logit) in [(vec![&small], 1 << 15), (vec![&small, &wide], 1 << 40)] {
        let choice = chosen(&ensembles, largest_logit);
        let parameters = &choice.parameters;
        let channel = &parameters.channels()[parameters.narrowest_channel()];
        let room = |primes| channel.noise_limit_bits(channel.level_of(primes).unwrap());
        let kept = parameters.packed().unwrap().kept;
        let logits = choice.noise.logits + choice.margin_bits;
        assert!(logits <= room(kept.hidden), "{logits} {}", room(kept.hidden));
        let dropped = room(kept.hidden) - room(kept.answer);
        assert!(logits - dropped <= room(kept.answer).floor() && room(kept.answer) >= 14.0);
        assert!(choice.failure_probability_log2 <= FAILURE_LOG2);
        // One upload serves both networks, whose rotations differ.
        for ensemble in &ensembles {
            let layout = PackedLayout::new(ensemble.architecture(), parameters.degree()).unwrap();
            let needed = layout.rotations(parameters.ciphertext_primes().len(), kept);
            assert_eq!(parameters.packed().unwrap().missing(&needed), None);
        }
    }
}

fn refused(ensembles: &[&IntegerEnsemble], change: impl Fn(&mut ParameterRequest<'_>)) -> String {
    let mut request = ParameterRequest::new(ensembles, 1 << 15);
    change(&mut request);
    choose_packed_parameters(&request).unwrap_err().to_string()
}

#[test]
fn what_packed_evaluation_does_not_have_is_refused_by_name() {
    let ensemble = ensemble(SMALL, 1);
    let refused = |change: fn(&mut ParameterRequest<'_>)| refused(&[&ensemble], change);
    assert!(refused(|request| request.hide_model = true).contains("no noise that hides the model"));
    let public = |request: &mut ParameterRequest<'_>| request.fixed.encryption = Some(Encryption::PublicKey);
    assert!(refused(public).contains("encrypts with the secret key only"));
    assert!(
        refused(|request| request.evaluators = &[EvaluatorKind::Reference]).contains("reference evaluator")
    );
    let primes =
        |request: &mut ParameterRequest<'_>| request.fixed.ciphertext_prime_bits = Some(vec![40, 40]);
    assert!(refused(primes).contains("chooses its ciphertext primes itself"));
    assert!(super::packed_tests::refused(&[], |_| ()).contains("for given networks only"));
}

#[test]
fn networks_and_ranges_that_do_not_fit_are_refused_with_numbers() {
    let large = ensemble(Architecture { image_side: 90, kernel: 9, hidden: 2, ..SMALL }, 1);
    let error = refused(&[&large], |_| ());
    assert!(error.contains("ring degree of 16384 has 16384; it can be evaluated batched"), "{error}");
    let small = ensemble(SMALL, 1);
    let fixed = |degree: usize, t: u64| {
        refused(&[&small], |request| {
            request.fixed = FixedParameters {
                degree: Some(degree),
                plaintext_moduli: Some(vec![t]),
                ..FixedParameters::default()
            };
        })
    };
    // A prime of 33 bits, 1 modulo 2^15.
    let wide = crate::parameters::crt::plaintext_moduli(1 << 31, 1, 8192).unwrap()[0];
    let error = fixed(8192, wide);
    assert!(error.starts_with("plaintext moduli of 33 bits need 3"), "{error}");
    assert!(error.contains("128-bit security at ring degree 8192 allows 214"), "{error}");
    let error = fixed(4096, 65_537);
    assert!(error.contains("ring degree 4096 allows 106"), "{error}");
    assert!(fixed(8192, 65_539).contains("65539 is no plaintext modulus"));
    assert!(fixed(5000, 65_537).contains("the ring degree is 5000"));
    let error = refused(&[&small], |request| request.largest_logit = i128::MAX);
    assert!(error.contains("bits of plaintext modulus"), "{error}");
}
