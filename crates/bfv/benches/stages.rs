//! Measures every stage of the engine separately, with the paper's network, on one core:
//! `cargo bench -p sottovoce-bfv [-- a part of a name]`. `sottovoce bench engine` measures the whole.

// A benchmark that fails to start has no results to save.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use sottovoce_bfv::parameters::PAPER_DEGREE;
use sottovoce_bfv::planner::{FixedParameters, ParameterRequest, choose_parameters};
use sottovoce_bfv::{ClientKey, Encryption, Engine, Kernel, Parameters};
use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler};

/// An ensemble with weights that are as small and as sparse as trained weights.
fn ensemble() -> IntegerEnsemble {
    let sampler = NetworkSampler::new(Architecture::default(), 1);
    sampler.with_largest_weights([1, 1, 3]).with_densities([0.9, 0.45, 0.75]).ensemble(1).unwrap()
}

fn parameters(ensemble: &IntegerEnsemble, encryption: Encryption) -> Parameters {
    let fixed =
        FixedParameters { encryption: Some(encryption), degree: Some(PAPER_DEGREE), ..Default::default() };
    let ensembles = [ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, (1 << 30) - 1) };
    choose_parameters(&request).unwrap().parameters
}

fn stages(criterion: &mut Criterion) {
    let ensemble = ensemble();
    for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
        let parameters = parameters(&ensemble, encryption);
        let client = ClientKey::generate(&parameters);
        let name = format!("encrypt a pixel/{encryption},k={}", parameters.ciphertext_primes().len());
        let images = vec![1; parameters.degree()];
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| client.encrypt(&images, 1, &()).unwrap());
        });
    }
    let parameters = parameters(&ensemble, Encryption::PublicKey);
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key().unwrap();
    let images = vec![1; ensemble.architecture().pixels()];
    let batch = client.encrypt(&images, images.len(), &()).unwrap();
    for kernel in Kernel::available() {
        let engine = Engine::with_kernel(&key, &ensemble, kernel).unwrap();
        let mut stages = engine.stages(&batch).unwrap();
        let parameters = stages.parameters();
        let mut bench = |name: &str, stage: &mut dyn FnMut()| {
            criterion.bench_function(&format!("{name}/{parameters}"), |bencher| bencher.iter(&mut *stage));
        };
        bench("transform", &mut || stages.transform());
        bench("load four tiles", &mut || stages.load());
        bench("a member at a tile", &mut || stages.member());
        bench("relinearise and switch a unit", &mut || stages.switch());
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
