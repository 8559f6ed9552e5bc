//! Client and provider with nothing but bytes between them, and how many: one full batch under an exported ensemble.
//!
//! ```sh
//! cargo run --release -p sottovoce-protocol --example two_parties -- \
//!     results/reference/paper/members/regular-1-seed1/ensemble
//! ```

// An example that prints, and that has nothing to save when it fails.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use sottovoce_bfv::Encryption;
use sottovoce_bfv::parameters::PAPER_DEGREE;
use sottovoce_bfv::planner::{Fixed, Request};
use sottovoce_network::disk::read_ensemble;
use sottovoce_network::sum_logits;
use sottovoce_protocol::{Client, Provider};

/// A ciphertext in the paper.
const PAPER_CIPHERTEXT_BYTES: usize = 524_352;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which ensemble? give its folder")?;
    let exported = read_ensemble(Path::new(&folder))?;
    let (ensemble, observed) = (exported.ensemble, exported.origin.observed);
    let largest = observed.map_or(ensemble.proven_logits(), |range| range.largest());
    let pixels = ensemble.architecture().pixels();
    println!("paper: {} up, {} down", pixels * PAPER_CIPHERTEXT_BYTES, 10 * PAPER_CIPHERTEXT_BYTES);
    for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
        let fixed = Fixed { encryption: Some(encryption), degree: Some(PAPER_DEGREE), ..Fixed::default() };
        // With a margin of one half, since images beyond the observed ones are classified too.
        let ensembles = [&ensemble];
        let request = Request { fixed, ..Request::new(&ensembles, largest * 3 / 2) };
        let parameters = request.choose()?.parameters;
        println!(
            "{encryption}: t = {:?}, {} ciphertext primes of {:.0} bits together",
            parameters.plaintext_moduli(),
            parameters.ciphertext_primes().len(),
            parameters.ciphertext_modulus_bits(),
        );

        let provider = Provider::new(&parameters, vec![ensemble.clone()], 1);
        let announcement = provider.parameters_message()?;
        let models = provider.model_messages()?;

        let client = step("client: keys", || Client::for_provider(&announcement[..], 1 << 30))?;
        let model = client.model(&models[0][..])?;
        println!("parameters {} bytes, model {} bytes", announcement.len(), models[0].len());

        step("provider: registration", || provider.register(client.registration()))?;
        println!("registration {} bytes", client.registration().len());

        let count = parameters.degree();
        let largest_pixel = usize::from(model.levels().largest());
        let images: Vec<u8> =
            (0..count * pixels).map(|place| (place * place % 7 % (largest_pixel + 1)) as u8).collect();
        let mut upload = Vec::new();
        let pending =
            step("client: encrypt and write", || client.request(&model, &images, &(), &mut upload))?;
        println!("batch {} bytes", upload.len());

        let received = step("provider: read and check", || provider.receive(&upload[..]))?;
        let answer = step("provider: evaluate and write", || provider.evaluate(&received, &()))?;
        println!("answer {} bytes", answer.len());

        let logits = step("client: read, check and decrypt", || client.decrypt(&pending, &answer[..]))?;
        for (slot, image) in images.chunks(pixels).enumerate().step_by(97) {
            let expected = sum_logits(&ensemble.member_logits(image)?);
            if logits.slot(slot) != expected
                && expected.iter().all(|logit| logit.abs() <= parameters.largest_value())
            {
                return Err(format!("image {slot} has other logits than it should").into());
            }
        }
        println!("noise budget left: {} bits", logits.noise_budget_bits());
    }
    Ok(())
}

fn step<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{name}: {:.2} s", start.elapsed().as_secs_f64());
    result
}
