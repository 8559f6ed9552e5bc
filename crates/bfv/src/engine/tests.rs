use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sottovoce_network::{Architecture, IntegerEnsemble, Padding};

use super::kernels::Kernel;
use super::{Engine, PlanError};
use crate::reference::tests::{assert_exact, random_images, random_network};
use crate::{BfvError, ClientKey, Encryption, Parameters, Watch};

/// Checks every kernel's answers and the work that the engine reports.
fn assert_engine_exact(parameters: &Parameters, ensemble: &IntegerEnsemble, images: &[u8]) {
    for kernel in Kernel::available() {
        assert_exact(parameters, ensemble, images, |key, batch| {
            let engine = Engine::with_kernel(key, ensemble, kernel).unwrap();
            let done = AtomicU64::new(0);
            let answer = engine.evaluate(batch, true, &|work| {
                done.fetch_add(work, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), engine.work());
            answer.unwrap()
        });
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
            assert_engine_exact(&parameters, &ensemble, &images);
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
    let parameters =
        Parameters::for_ensembles(&[&ensemble], ensemble.proven_logits(), Encryption::PublicKey).unwrap();
    assert_engine_exact(&parameters, &ensemble, &random_images(8000, &shape, 2, &mut rng));
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

#[test]
fn an_evaluation_that_nobody_waits_for_ends_between_two_tiles() {
    /// Goes away after a number of tiles.
    struct Impatient(AtomicU64);

    impl Watch for Impatient {
        fn advance(&self, work: u64) {
            self.0.fetch_add(work, Ordering::Relaxed);
        }

        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= 3
        }
    }

    let mut rng = StdRng::seed_from_u64(4);
    let shape = Architecture { image_side: 5, kernel: 3, maps: 1, hidden: 1, ..Architecture::default() };
    let ensemble = IntegerEnsemble::new(vec![random_network(shape, 2, [1, 1, 1], &mut rng)]).unwrap();
    let parameters = Parameters::insecure(1024, 1 << 20, &[53; 3]);
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key().unwrap();
    let batch = client.encrypt(&random_images(9, &shape, 2, &mut rng), shape.pixels(), &|| ()).unwrap();
    let engine = Engine::new(&key, &ensemble).unwrap();
    let watch = Impatient(AtomicU64::new(0));
    assert!(matches!(engine.evaluate(&batch, false, &watch), Err(BfvError::Cancelled)));
    // Tiles that had begun on other threads may still have ended.
    assert!(watch.0.into_inner() < engine.work() / 2);
}
