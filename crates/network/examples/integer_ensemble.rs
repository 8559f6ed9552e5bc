//! From three integer networks to exact logits, a proven range, and files:
//! `cargo run --release -p sottovoce-network --example integer_ensemble`.

use std::error::Error;

use sottovoce_network::disk::{Origin, read_ensemble, write_ensemble};
use sottovoce_network::{Architecture, NetworkSampler, ProvenRange, RangeMethod, predict, sum_logits};

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    // The paper's layers on smaller images. Weights are random; a trained ensemble comes from `read_ensemble`.
    let shape = Architecture { image_side: 12, hidden: 20, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 1).with_largest_weights([1, 1, 3]);
    let ensemble = sampler.ensemble(3)?;
    println!("three networks of {shape}");

    // The forward pass is exact: encrypted evaluation must give the same integers.
    let image = sampler.images(1);
    let members = ensemble.member_logits(&image)?;
    let sum = sum_logits(&members);
    println!("logits of the ensemble: {sum:?}, so the class is {}", predict(&sum));

    // No image can cause larger logits, so a plaintext modulus beyond twice this range never wraps.
    let range = ProvenRange::of(&ensemble);
    for method in RangeMethod::ALL {
        println!("largest logit by {method}: {}", range.by(method).largest());
    }
    let (method, largest) = range.best();
    assert!(sum.iter().all(|logit| logit.abs() <= largest));
    println!("{method} proves {:.1} bits less than the norms", range.saved_bits(method));

    // CSV files of integers with checksums; reading verifies them.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ensemble");
    write_ensemble(&path, &ensemble, &Origin::default())?;
    let read = read_ensemble(&path)?.ensemble;
    assert_eq!(read.member_logits(&image)?, members);
    println!("written, read again, and the logits are the same");
    Ok(())
}
