//! Evaluates images one at a time, each in the slots of one ciphertext, and prints milliseconds.
//!
//! ```sh
//! cargo run --release -p sottovoce-bfv --example one_image [MEMBERS] [IMAGES]
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use sottovoce_bfv::packed::PackedLayout;
use sottovoce_bfv::planner::{ParameterRequest, choose_packed_parameters};
use sottovoce_bfv::{ClientKey, Engine};
use sottovoce_network::{Architecture, NetworkSampler, sum_logits};

fn main() -> Result<(), Box<dyn Error>> {
    let shape = Architecture::PAPER;
    let number = |argument, default| std::env::args().nth(argument).map_or(Ok(default), |text| text.parse());
    let (members, images): (usize, usize) = (number(1, 1)?, number(2, 3)?);
    let mut sampler = NetworkSampler::new(shape, 1).with_largest_weights([1, 1, 1]).with_densities([0.3; 3]);
    let ensemble = sampler.ensemble(members)?;
    let ensembles = [&ensemble];
    // Logits of random images stay far below this; a product would use a range of its own images, or the proven one.
    let request = ParameterRequest { images, ..ParameterRequest::new(&ensembles, 1 << 31) };
    let parameters = choose_packed_parameters(&request)?.parameters;
    println!("{:?}", parameters.ciphertext_primes());

    let milliseconds = |start: Instant| 1e3 * start.elapsed().as_secs_f64();
    let start = Instant::now();
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key()?;
    println!("keys {:.1} ms", milliseconds(start));
    let start = Instant::now();
    let engine = Engine::new(&key, &ensemble)?;
    println!("engine {:.1} ms", milliseconds(start));

    // The client knows where pixels and logits are in the slots.
    let input = *PackedLayout::new(&shape, parameters.degree())?.input();
    for _ in 0..images {
        let image = sampler.images(1);
        let start = Instant::now();
        let batch = client.encrypt_packed(&image, &input, &())?;
        print!("encryption {:.1} ms", milliseconds(start));
        let start = Instant::now();
        let answer = engine.evaluate(&batch, false, &())?;
        print!(", provider {:.1} ms", milliseconds(start));
        let start = Instant::now();
        let logits = client.decrypt_packed(&answer.ensemble, &input)?;
        println!(", decryption {:.1} ms, {} bits left", milliseconds(start), logits.noise_budget_bits());
        assert_eq!(logits.slot(0), sum_logits(&ensemble.member_logits(&image)?));
    }
    Ok(())
}
