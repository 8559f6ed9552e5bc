use sottovoce_network::{Architecture, NetworkSampler};

use super::*;
use crate::evaluation_key::{EvaluationKey, KeyResidues};
use crate::parameters::{Encryption, PrimeSizes};
use crate::testing::assert_exact;
use crate::{Engine, ReferenceEvaluator};

#[test]
fn keys_and_ciphertexts_from_residues_evaluate_and_decrypt_like_the_originals() {
    let shape =
        Architecture { image_side: 5, kernel: 3, maps: 2, hidden: 3, classes: 4, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 1).with_random_biases(9);
    let (ensemble, images) = (sampler.ensemble(2).unwrap(), sampler.images(37));
    for channels in 1..=3 {
        for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
            let largest = ensemble.proven_logits();
            let parameters =
                Parameters::insecure_channels(64, largest, channels, &[50; 5]).encrypted_with(encryption);
            assert_exact(&parameters, &ensemble, &images, |key, batch| {
                let mut parts = key.residues().unwrap().into_iter();
                let key =
                    EvaluationKey::from_residues::<ResiduesError>(&parameters, || Ok(parts.next().unwrap()))
                        .unwrap();
                assert!(parts.next().is_none());
                let seeds = batch.ciphertexts().filter(|pixel| pixel.seed.is_some()).count();
                let seeded = encryption == Encryption::SecretKey;
                assert_eq!(seeds, if seeded { channels * shape.pixels() } else { 0 });
                let mut ciphertexts = batch.ciphertexts().cloned();
                let next = || Ok(ciphertexts.next().unwrap());
                let received =
                    EncryptedBatch::from_ciphertexts::<ResiduesError>(&parameters, shape.pixels(), next)
                        .unwrap();
                assert!(ciphertexts.next().is_none() && received.channels == batch.channels);
                let mut answer =
                    Engine::new(&key, &ensemble).unwrap().evaluate(&received, true, &()).unwrap();
                let reference = ReferenceEvaluator::new(&key, &ensemble).evaluate(&received, &()).unwrap();
                answer.members[0] = reference.members[0].clone();
                let logits = answer.ensemble;
                let mut parts = logits.residues().flatten();
                let next = || Ok(parts.next().unwrap());
                let evaluation = logits.evaluator();
                answer.ensemble = EncryptedLogits::from_residues::<ResiduesError>(
                    &parameters,
                    shape.classes,
                    evaluation,
                    next,
                )
                .unwrap();
                answer
            });
        }
    }
}

#[test]
fn residues_that_do_not_fit_are_refused_with_the_numbers() {
    let parameters = Parameters::insecure(64, 1 << 10, &[49, 50]);
    let primes = parameters.ciphertext_primes();
    let good: Vec<u64> = primes.iter().flat_map(|&prime| vec![prime - 1; 64]).collect();
    let answer = |classes, first: &[u64], second: &[u64]| {
        let next = || Ok(CiphertextResidues { first: first.into(), second: second.into() });
        EncryptedLogits::from_residues::<ResiduesError>(&parameters, classes, EvaluatorKind::Engine, next)
    };
    // An answer keeps the first prime.
    assert_eq!(parameters.channels()[0].answer_primes(), &primes[..1]);
    let kept = &good[..64];
    assert_eq!(answer(2, kept, kept).unwrap().classes(), 2);
    assert!(matches!(answer(0, kept, kept), Err(ResiduesError::Empty)));
    let mut long = good.clone();
    long.push(0);
    for wrong in [&kept[1..], &good, &long, &[]] {
        let found = wrong.len();
        for result in [answer(1, wrong, kept), answer(1, kept, wrong)] {
            assert!(matches!(result, Err(ResiduesError::Length { found: f, needed: 64 }) if f == found));
        }
    }
    for (place, value) in [(5, primes[0]), (63, u64::MAX)] {
        let mut wrong = kept.to_vec();
        wrong[place] = value;
        let (prime, error) = (primes[0], answer(1, kept, &wrong).unwrap_err().to_string());
        assert_eq!(
            error,
            format!("residue {place} modulo the prime {prime} is {value}, but must be below the prime")
        );
    }

    let layout = parameters.channels()[0].upload_layout();
    let ciphertext = |first: &[u8], second: Option<&[u8]>, seed| CompactCiphertext {
        first: first.into(),
        second: second.map(Into::into),
        seed,
    };
    let batch = |pixels, ciphertext: &CompactCiphertext| {
        EncryptedBatch::from_ciphertexts::<ResiduesError>(&parameters, pixels, || Ok(ciphertext.clone()))
    };
    let compact = layout.pack(&good);
    let sound = ciphertext(&compact, Some(&compact), None);
    assert_eq!(batch(2, &sound).unwrap().pixels(), 2);
    assert!(batch(1, &ciphertext(&compact, None, Some([7; 32]))).is_ok());
    assert!(matches!(batch(0, &sound), Err(ResiduesError::Empty)));
    let needed = 64 * (49 + 50) / 8;
    for wrong in [&compact[1..], &[&compact[..], &[0]].concat(), &[]] {
        let found = wrong.len();
        for ciphertext in [ciphertext(wrong, Some(&compact), None), ciphertext(&compact, Some(wrong), None)] {
            let result = batch(1, &ciphertext);
            assert!(
                matches!(result, Err(ResiduesError::Bytes { found: f, needed: n }) if (f, n) == (found, needed))
            );
        }
    }
    assert!(matches!(
        batch(1, &ciphertext(&compact, None, None)),
        Err(ResiduesError::Bytes { found: 0, .. })
    ));
    for (place, &prime) in [(5, &primes[0]), (64 + 63, &primes[1])] {
        for value in [prime, prime + 1] {
            let mut wrong = good.clone();
            wrong[place] = value;
            let error =
                batch(1, &ciphertext(&compact, Some(&layout.pack(&wrong)), None)).unwrap_err().to_string();
            let place = place % 64;
            assert_eq!(
                error,
                format!("residue {place} modulo the prime {prime} is {value}, but must be below the prime")
            );
        }
    }
    let key = |digits: Vec<Vec<u64>>| {
        // The public key has one prime more, which only encryption uses.
        let public =
            parameters.channels()[0].key_primes().iter().flat_map(|&prime| vec![prime - 1; 64]).collect();
        let parts = KeyResidues { seed: [7; 32], digits, public_seed: [8; 32], public };
        EvaluationKey::from_residues::<ResiduesError>(&parameters, || Ok(parts.clone()))
    };
    assert!(key(vec![good.clone(); 2]).is_ok());
    assert!(matches!(key(vec![good.clone(); 3]), Err(ResiduesError::Digits { found: 3, needed: 2 })));
    assert!(matches!(key(vec![good.clone(), long]), Err(ResiduesError::Length { .. })));
    let mut wrong = good.clone();
    wrong[0] = primes[0];
    assert!(matches!(key(vec![wrong, good]), Err(ResiduesError::Residue { .. })));
}

/// A version of the wire format stands for these primes, transforms and expansions too. If this test fails after an update of `fhe`, the
/// format needs a new version.
#[test]
fn primes_transforms_and_expansions_are_those_of_the_wire_format() {
    let parameters =
        Parameters::new(8192, &[65_537], &PrimeSizes::new(&[48, 48, 50]), Encryption::SecretKey).unwrap();
    let primes = parameters.ciphertext_primes();
    assert_eq!(primes, [281_474_976_694_273, 281_474_976_546_817, 1_125_899_906_826_241]);
    let channel = parameters.channels()[0].inner();
    let context = channel.context_at_level(0).unwrap();
    let transformed = |coefficients| {
        let mut polynomial =
            checked_polynomial(coefficients, context, 8192, Representation::PowerBasis).unwrap();
        polynomial.change_representation(Representation::Ntt);
        polynomial
    };
    // A hash of all residues in their order.
    let digest = |polynomial: &Poly| {
        let step =
            |sum: u64, &residue: &u64| (sum ^ residue).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        residues(polynomial).iter().fold(0, step)
    };
    let zeros = vec![0; 3 * 8192];
    let mut x = zeros.clone();
    x.iter_mut().skip(1).step_by(8192).for_each(|coefficient| *coefficient = 1);
    assert_eq!(digest(&transformed(x)), 7_470_017_854_771_693_126, "the transform");

    assert_eq!(
        digest(&Poly::random_from_seed(context, Representation::Ntt, [7; 32])),
        16_163_147_686_728_920_597,
        "a batch's seed"
    );

    // Relinearising a 1 in the last digit returns that digit's key.
    let digits = vec![zeros.clone(); 3];
    let parts = KeyResidues { seed: [7; 32], digits, public_seed: [7; 32], public: zeros.clone() };
    let key = EvaluationKey::from_residues::<ResiduesError>(&parameters, || Ok(parts.clone())).unwrap();
    let mut unit = zeros.clone();
    unit[2 * 8192] = 1;
    let parts = [zeros.clone(), zeros, unit].map(transformed);
    let mut square = Ciphertext::new(parts.into(), channel).unwrap();
    key.channels()[0].relinearisation.relinearizes(&mut square).unwrap();
    assert_eq!(digest(&square[1]), 17_958_133_150_940_939_943, "a key's seed");
}
