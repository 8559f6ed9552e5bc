//! A client has images classified by a provider that cannot see them.
//!
//! ```sh
//! cargo run --release -p sottovoce-bfv --example encrypted_inference
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;

use sottovoce_bfv::planner::{ParameterRequest, choose_parameters};
use sottovoce_bfv::{ClientKey, Engine};
use sottovoce_network::{Architecture, NetworkSampler, sum_logits};

fn main() -> Result<(), Box<dyn Error>> {
    // The provider has an ensemble of two small networks, here with random weights. It publishes parameters for the ensemble.
    let shape = Architecture { image_side: 8, maps: 2, hidden: 6, classes: 4, ..Architecture::default() };
    let mut sampler = NetworkSampler::new(shape, 1);
    let ensemble = sampler.ensemble(2)?;
    let ensembles = [&ensemble];
    let choice = choose_parameters(&ParameterRequest::new(&ensembles, ensemble.proven_logits()))?;
    let parameters = choice.parameters;
    println!(
        "parameters: N = {}, {:.0} bits of ciphertext modulus, {:.0} bits of plaintext modulus",
        parameters.degree(),
        parameters.ciphertext_modulus_bits(),
        parameters.plaintext_bits(),
    );

    // The client generates keys, and encrypts a batch: one ciphertext per pixel, one image per slot.
    let client = ClientKey::generate(&parameters);
    let images = sampler.images(1000);
    let batch = client.encrypt(&images, shape.pixels(), &())?;
    println!("client: {} images in {} ciphertexts", batch.images(), batch.pixels());

    // The provider evaluates the ensemble. Its key cannot decrypt anything.
    let engine = Engine::new(&client.evaluation_key()?, &ensemble)?;
    let answer = engine.evaluate(&batch, false, &())?;
    println!("provider: {} ciphertexts of logits", answer.ensemble.classes());

    // The client decrypts the logits, and compares them with the plaintext oracle.
    let logits = client.decrypt(&answer.ensemble)?;
    let mut mismatches = 0;
    for (slot, image) in images.chunks(shape.pixels()).enumerate() {
        let oracle = sum_logits(&ensemble.member_logits(image)?);
        mismatches +=
            logits.slot(slot).iter().zip(&oracle).filter(|(found, expected)| found != expected).count();
    }
    println!("client: {mismatches} mismatches, {} bits of noise budget left", logits.noise_budget_bits());
    if mismatches > 0 {
        return Err("decrypted logits differ from the oracle".into());
    }
    Ok(())
}
