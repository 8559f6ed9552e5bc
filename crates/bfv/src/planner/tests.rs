use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, NetworkSampler};

use super::noise_room::noise_room_bits;
use super::*;
use crate::evaluation::EvaluatorKind;
use crate::parameters::crt::plaintext_moduli;
use crate::parameters::{Encryption, Parameters, PrimeSizes};

fn ensemble(shape: Architecture, largest: [u32; 3]) -> IntegerEnsemble {
    NetworkSampler::new(shape, 1).with_largest_weights(largest).with_random_biases(9).ensemble(1).unwrap()
}

const SMALL: Architecture = Architecture {
    image_side: 8,
    kernel: 3,
    stride: 2,
    padding: sottovoce_network::Padding { leading: 0, trailing: 0 },
    maps: 2,
    hidden: 4,
    classes: 3,
};

fn refused(fixed: FixedParameters, largest_logit: i128) -> String {
    let ensemble = ensemble(SMALL, [3, 3, 7]);
    let ensembles = [&ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, largest_logit) };
    choose_parameters(&request).unwrap_err().to_string()
}

#[test]
fn degrees_of_any_size_are_refused_by_name() {
    for degree in [0, 1, 5000, 1 << 52, 1 << 63, usize::MAX] {
        let fixed = FixedParameters { degree: Some(degree), ..FixedParameters::default() };
        let expected = format!("the ring degree is {degree}, but must be 4096, 8192 or 16384");
        assert_eq!(fixed.check().unwrap_err().to_string(), expected);
        assert_eq!(refused(fixed, 1 << 20), expected);
    }
}

#[test]
fn the_error_is_that_of_the_choice_that_came_nearest() {
    let moduli = |moduli: &[u64]| FixedParameters {
        plaintext_moduli: Some(moduli.to_vec()),
        ..FixedParameters::default()
    };
    // This is a plaintext modulus only at the two smaller degrees.
    let error = refused(moduli(&[114_689]), 1 << 20);
    assert!(error.starts_with("the plaintext moduli hold logits of up to 57344"), "{error}");
    let error = moduli(&[u64::MAX]).check().unwrap_err().to_string();
    assert!(error.contains("18446744073709551615 is no plaintext modulus"), "{error}");
    let primes = |bits: &[usize]| FixedParameters {
        ciphertext_prime_bits: Some(bits.to_vec()),
        ..FixedParameters::default()
    };
    let error = refused(primes(&[30, 30]), 1 << 20);
    assert!(error.contains("60 bits together leave room for"), "{error}");
    let error = primes(&[usize::MAX, usize::MAX]).check().unwrap_err().to_string();
    assert!(error.contains("of 24 to 50 bits"), "{error}");
    assert!(refused(primes(&[50; 9]), 1 << 20).contains("2 to 8"));
}

#[test]
fn windows_too_large_to_estimate_are_refused() {
    let shape = Architecture { image_side: 90, kernel: 90, maps: 1, hidden: 1, ..SMALL };
    let ensemble = ensemble(shape, [1, 1, 1]);
    let error = choose_parameters(&ParameterRequest::new(&[&ensemble], 1 << 20)).unwrap_err().to_string();
    assert!(error.contains("windows of 90 x 90"), "{error}");
}

#[test]
fn members_whose_noise_cancels_in_the_sum_are_judged_by_themselves() {
    let one = ensemble(SMALL, [3, 3, 7]).members()[0].clone();
    let output = one.output().map(|_, _, weight| -weight, |_, bias| -bias);
    let blocks = [one.convolution().clone(), one.hidden().clone(), output];
    let other = IntegerNetwork::new(SMALL, one.pixel_levels(), 1.0, blocks).unwrap();
    let (alone, both) =
        (IntegerEnsemble::new(vec![one.clone()]).unwrap(), IntegerEnsemble::new(vec![one, other]).unwrap());
    let noise = |ensemble: &IntegerEnsemble| {
        let fixed = FixedParameters {
            degree: Some(8192),
            encryption: Some(Encryption::PublicKey),
            ..FixedParameters::default()
        };
        let ensembles = [ensemble];
        let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, 1 << 20) };
        choose_parameters(&request).unwrap().noise.logits
    };
    assert!((noise(&alone) - noise(&both)).abs() < 0.1);
}

#[test]
fn small_primes_are_not_taken_for_powers_of_two() {
    for (degree, bits) in [(4096, 24), (8192, 26), (16_384, 24), (16_384, 30)] {
        for count in [2, 4, 8] {
            let prime_bits = vec![bits; count];
            let t = plaintext_moduli(1, 1, degree).unwrap();
            let sizes = PrimeSizes::new(&prime_bits);
            let Ok(parameters) = Parameters::new(degree, &t, &sizes, Encryption::PublicKey) else { continue };
            let channel = &parameters.channels()[0];
            let real = channel.noise_limit_bits(channel.upload_level());
            assert!(noise_room_bits(degree, t[0], &prime_bits) <= real, "{degree} {bits} {count}");
        }
    }
}

#[test]
fn parameters_for_the_engine_alone_do_not_pay_for_the_reference() {
    let ensemble = ensemble(SMALL, [3, 3, 7]);
    let bits = |evaluators: &[EvaluatorKind]| {
        let fixed = FixedParameters { degree: Some(8192), ..FixedParameters::default() };
        let ensembles = [&ensemble];
        let request = ParameterRequest { fixed, evaluators, ..ParameterRequest::new(&ensembles, 1 << 20) };
        choose_parameters(&request).unwrap().parameters.ciphertext_modulus_bits()
    };
    let (engine, reference) = (EvaluatorKind::Engine, EvaluatorKind::Reference);
    let both = bits(&[engine, reference]);
    assert!(bits(&[engine]) < both && bits(&[reference]) <= both);
}

#[test]
fn of_fixed_primes_hidden_units_keep_as_many_as_their_noise_needs() {
    let ensemble = ensemble(SMALL, [3, 3, 7]);
    let hidden = |primes: &[usize]| {
        let fixed = FixedParameters {
            degree: Some(8192),
            encryption: Some(Encryption::SecretKey),
            ciphertext_prime_bits: Some(primes.to_vec()),
            ..FixedParameters::default()
        };
        let ensembles = [&ensemble];
        let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, 1 << 20) };
        let choice = choose_parameters(&request).unwrap();
        let sizes = choice.parameters.channels()[0].prime_sizes();
        assert_eq!(sizes.upload, primes);
        sizes.hidden
    };
    // t has 22 bits, and the noise of the logits is about 2^46.
    assert_eq!(hidden(&[40, 40, 40]), 2);
    assert_eq!(hidden(&[27, 27, 27, 40]), 3);
}

#[test]
fn every_level_has_room_for_its_noise() {
    let ensemble = ensemble(SMALL, [3, 3, 7]);
    for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
        for hide_model in [false, true] {
            let fixed = FixedParameters { encryption: Some(encryption), ..FixedParameters::default() };
            let ensembles = [&ensemble];
            let request =
                ParameterRequest { fixed, hide_model, ..ParameterRequest::new(&ensembles, 1 << 20) };
            let choice = choose_parameters(&request).unwrap();
            let channel = &choice.parameters.channels()[0];
            let room = |level| channel.noise_limit_bits(level);
            let (hidden, answer) = (room(channel.hidden_level()), room(channel.answer_level()));
            let added = choice
                .flooding
                .map_or(choice.noise.logits + choice.margin_bits, |flooding| f64::from(flooding.bits() + 1));
            assert!(added <= hidden, "{added} {hidden}");
            assert!(added - (hidden - answer) <= answer.floor() && answer >= 14.0);
            assert!(choice.failure_probability_log2 <= -40.0);
        }
    }
}
