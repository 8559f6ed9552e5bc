use rand::SeedableRng;
use rand::rngs::StdRng;
use sottovoce_network::{Architecture, IntegerEnsemble, Padding, sum_logits};

use super::kernels::Kernel;
use super::{Engine, PlanError};
use crate::reference::tests::{random_images, random_network};
use crate::{ClientKey, Parameters};

/// Evaluates `images` with every kernel and holds every slot of every answer against the oracle.
fn assert_exact(parameters: &Parameters, ensemble: &IntegerEnsemble, images: &[u8]) {
    let pixels = ensemble.architecture().pixels();
    let client = ClientKey::generate(parameters);
    let key = client.evaluation_key().unwrap();
    let batch = client.encrypt(images, pixels, &|| ()).unwrap();
    let blank = vec![0; pixels];
    for kernel in Kernel::available() {
        let engine = Engine::with_kernel(&key, ensemble, kernel).unwrap();
        let done = std::sync::atomic::AtomicU64::new(0);
        let advance = |work| {
            done.fetch_add(work, std::sync::atomic::Ordering::Relaxed);
        };
        let answer = engine.evaluate(&batch, true, &advance).unwrap();
        assert_eq!(done.into_inner(), engine.work());
        let sum = client.decrypt(&answer.ensemble).unwrap();
        let members: Vec<_> = answer.members.iter().map(|member| client.decrypt(member).unwrap()).collect();
        for slot in 0..parameters.degree() {
            let image = images.chunks(pixels).nth(slot).unwrap_or(&blank);
            let oracle = ensemble.member_logits(image).unwrap();
            let wide = |logits: Vec<i64>| logits.into_iter().map(i128::from).collect::<Vec<_>>();
            for (decrypted, expected) in members.iter().zip(&oracle) {
                assert_eq!(&wide(decrypted.slot(slot)), expected, "{kernel}, slot {slot}");
            }
            assert_eq!(wide(sum.slot(slot)), sum_logits(&oracle), "{kernel}, slot {slot}");
        }
    }
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
        Architecture { image_side: 1, kernel: 1, stride: 1, padding: none, maps: 1, hidden: 6, classes: 2 },
    ];
    for shape in shapes {
        for (members, largest) in [(1, [1, 1, 1]), (2, [3, 3, 7]), (3, [7, 20, 9]), (1, [1, 300, 1])] {
            let networks = (0..members).map(|_| random_network(shape, 4, largest, &mut rng)).collect();
            let ensemble = IntegerEnsemble::new(networks).unwrap();
            let parameters = Parameters::insecure(64, ensemble.proven_logits(), &[53; 5]);
            let images = random_images(37, &shape, 4, &mut rng);
            assert_exact(&parameters, &ensemble, &images);
        }
    }
}

#[test]
fn every_kernel_equals_the_oracle_at_secure_parameters() {
    let mut rng = StdRng::seed_from_u64(2);
    let shape = Architecture {
        image_side: 8,
        kernel: 4,
        padding: Padding { leading: 0, trailing: 0 },
        maps: 2,
        hidden: 4,
        ..Architecture::default()
    };
    let networks = (0..2).map(|_| random_network(shape, 2, [1, 1, 3], &mut rng)).collect();
    let ensemble = IntegerEnsemble::new(networks).unwrap();
    let parameters = Parameters::for_ensemble(&ensemble, ensemble.proven_logits()).unwrap();
    assert_exact(&parameters, &ensemble, &random_images(8000, &shape, 2, &mut rng));
}

#[test]
fn networks_that_do_not_fit_are_refused_with_the_numbers() {
    let shape = Architecture { image_side: 5, kernel: 3, maps: 1, hidden: 1, ..Architecture::default() };
    let ensemble = |largest| {
        IntegerEnsemble::new(vec![random_network(shape, 2, largest, &mut StdRng::seed_from_u64(5))]).unwrap()
    };
    let key = |bits: &[usize]| {
        ClientKey::generate(&Parameters::insecure(64, 1 << 10, bits)).evaluation_key().unwrap()
    };
    let small = ensemble([1, 1, 1]);
    let refused = |key: crate::EvaluationKey, ensemble: &IntegerEnsemble| Engine::new(&key, ensemble).err();
    assert_eq!(refused(key(&[55, 55]), &small), Some(PlanError::CiphertextPrime { found: 55, most: 53 }));
    assert!(matches!(
        refused(key(&[50, 50]), &ensemble([1, 1, 100_000])),
        Some(PlanError::Norm { block: "output", most: 8192, .. })
    ));
}
