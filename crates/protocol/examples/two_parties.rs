//! A client and a provider that exchange only messages. The answers are compared with the plain integer networks.
//!
//! ```sh
//! cargo run --release -p sottovoce-protocol --example two_parties
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use sottovoce_bfv::planner::{ParameterRequest, choose_parameters};
use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels, sum_logits};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::Provider;

fn main() -> Result<(), Box<dyn Error>> {
    // The provider has two networks for 8 x 8 black and white pixels, and chooses secure parameters for them.
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 8, kernel: 4, stride: 2, padding, maps: 2, hidden: 8, classes: 3 };
    let network = |seed: usize| {
        let weight = |_: &str, row, column| ((row * 7 + column * seed) % 3) as i64 - 1;
        IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 1)
    };
    let ensemble = IntegerEnsemble::new(vec![network(5)?, network(11)?])?;
    let parameters =
        choose_parameters(&ParameterRequest::new(&[&ensemble], ensemble.proven_logits()))?.parameters;
    let provider = Provider::new(&parameters, vec![ensemble.clone()], 1)?;
    let (announcement, description) = (provider.parameters_message(), provider.model_messages().concat());
    println!("provider: {} bytes of parameters, {} of the model", announcement.len(), description.len());

    // The client checks the parameters, makes keys and registers the public ones.
    let client = Client::from_parameters_message(&announcement[..], 1 << 30)?;
    let model = client.read_model(&description[..])?;
    println!("client: {} bytes of public keys", client.registration_message().len());
    let key = provider.register(client.key_fingerprint(), client.registration_message())?;

    // The client encrypts as many images as fit into one batch.
    let images: Vec<u8> = (0..parameters.degree() * model.pixels()).map(|i| (i * i % 7 % 2) as u8).collect();
    let mut batch = Vec::new();
    let pending = client.write_batch(&model, &images, &(), &mut batch)?;
    println!("client: {} bytes of {} encrypted images", batch.len(), pending.images());

    // The provider checks and evaluates the batch. It sees no pixel and no logit.
    let answer = provider.evaluate(&provider.receive(&key, &batch[..])?, &())?;
    println!("provider: {} bytes of encrypted logits", answer.len());

    // The client decrypts the answer.
    let logits = client.decrypt(&pending, &answer[..])?;
    for (slot, image) in images.chunks(model.pixels()).enumerate() {
        assert_eq!(logits.slot(slot), sum_logits(&ensemble.member_logits(image)?));
    }
    println!("all answers are exact; {} bits of noise budget left", logits.noise_budget_bits());
    Ok(())
}
