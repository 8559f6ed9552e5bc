//! Compares the lengths of messages with the paper's: m^2 x 524,352 bytes up and 10 x 524,352 bytes down for images of m x m
//! pixels.

// Tests panic if something is wrong.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use sottovoce_bfv::Encryption;
use sottovoce_bfv::parameters::PAPER_DEGREE;
use sottovoce_bfv::planner::{FixedParameters, ParameterRequest, choose_parameters};
use sottovoce_network::disk::read_ensemble;
use sottovoce_protocol::size::{answer_bytes, batch_bytes};

const PAPER_CIPHERTEXT_BYTES: u64 = 524_352;

#[test]
fn messages_are_a_fraction_of_the_papers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../results/reference/paper/members/regular-1-seed1/ensemble");
    let exported = read_ensemble(&folder).unwrap();
    let (ensemble, observed) = (exported.ensemble, exported.origin.observed.unwrap());
    let pixels = ensemble.architecture().pixels();
    for (encryption, share) in [(Encryption::PublicKey, 0.6), (Encryption::SecretKey, 0.3)] {
        let fixed = FixedParameters {
            encryption: Some(encryption),
            degree: Some(PAPER_DEGREE),
            ..FixedParameters::default()
        };
        let ensembles = [&ensemble];
        let request =
            ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, observed.largest() * 3 / 2) };
        let parameters = choose_parameters(&request).unwrap().parameters;
        let up = batch_bytes(&parameters, pixels) as f64 / (pixels as u64 * PAPER_CIPHERTEXT_BYTES) as f64;
        let down = answer_bytes(&parameters, 10) as f64 / (10 * PAPER_CIPHERTEXT_BYTES) as f64;
        assert!(up < share && down < 0.4, "{encryption}: {up:.2} up, {down:.2} down");
    }
}
