//! Evaluates single images in the slots of one ciphertext, and prints seconds and bytes.

use std::error::Error;
use std::time::Instant;

use sottovoce_bfv::packed::PackedLayout;
use sottovoce_bfv::parameters::{PackedChain, PackedLevels};
use sottovoce_bfv::{ClientKey, Engine, Parameters};
use sottovoce_network::{Architecture, NetworkSampler, sum_logits};

fn main() -> Result<(), Box<dyn Error>> {
    let shape = Architecture::PAPER;
    let members = std::env::args().nth(1).map_or(Ok(1), |members| members.parse())?;
    let mut sampler = NetworkSampler::new(shape, 1).with_largest_weights([1, 1, 3]).with_densities([0.4; 3]);
    let ensemble = sampler.ensemble(members)?;

    let layout = PackedLayout::new(&shape, 8192)?;
    let kept = PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 };
    let chain = PackedChain { special_bits: 43, kept, rotations: layout.rotations(5, kept) };
    let parameters = Parameters::new_packed(8192, &[65_537, 114_689], &[43, 43, 28, 31, 26], chain)?;
    let start = Instant::now();
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key()?;
    println!("keys        {:7.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let engine = Engine::new(&key, &ensemble)?;
    println!("engine      {:7.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let engine = engine.with_key(&key)?;
    println!("other key   {:7.1} ms", start.elapsed().as_secs_f64() * 1e3);
    for _ in 0..std::env::args().nth(2).map_or(Ok(5), |images| images.parse())? {
        let image = sampler.images(1);
        let start = Instant::now();
        let batch = client.encrypt_packed(&image, layout.input(), &())?;
        let encrypted = Instant::now();
        let answer = engine.evaluate(&batch, false, &())?;
        let evaluated = Instant::now();
        let logits = client.decrypt_packed(&answer.ensemble, layout.input())?.slot(0);
        let milliseconds = |start: Instant, end: Instant| (end - start).as_secs_f64() * 1e3;
        println!(
            "encryption {:6.1} ms, provider {:6.1} ms, decryption {:6.1} ms",
            milliseconds(start, encrypted),
            milliseconds(encrypted, evaluated),
            milliseconds(evaluated, Instant::now())
        );
        assert_eq!(logits, sum_logits(&ensemble.member_logits(&image)?));
    }
    Ok(())
}
