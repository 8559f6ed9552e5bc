//! Imports a float network from text files and rounds it to an integer network with as few bits as possible.

#![allow(clippy::print_stdout, reason = "an example's output")]

use std::{error::Error, fs};

use sottovoce_dataset::LabelledImages;
use sottovoce_export::import::{AccuracyRowKind, Description, WeightFiles, quantise, read_members};
use sottovoce_network::predict;

/// Rows and columns of an image in pixels.
const SIDE: usize = 8;

const DESCRIPTION: &str = r#"
layout = "cryptonets"
activation = "square"
architecture = { stride = 2, padding = "valid" }
quantisation = { tolerance = 1.0 }
members = [{ convolution = "convolution.csv", hidden = "hidden.csv", output = "output.csv" }]
"#;

/// Rows of weights in -1..1, each with its bias at the end.
fn rows(rows: usize, inputs: usize) -> String {
    let weight = |index: usize| (((index * index * 31 + index * 17) % 199) as f64 / 99.0 - 1.0).to_string();
    let row = |row: usize| (0..=inputs).map(|column| weight(row * (inputs + 1) + column)).collect::<Vec<_>>();
    (0..rows).map(|index| row(index).join(",") + "\n").collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    // A framework has written the weights: 2 kernels of 3 x 3, a hidden layer of 6 units, and 3 classes.
    let folder = tempfile::tempdir()?;
    for (name, text) in [("convolution", rows(2, 9)), ("hidden", rows(6, 18)), ("output", rows(3, 6))] {
        fs::write(folder.path().join(name).with_extension("csv"), text)?;
    }
    // The description says how the files are read. The shapes of the tensors determine all sizes.
    let description: Description = toml::from_str(DESCRIPTION)?;
    let imported = read_members(&description, &mut WeightFiles::new(folder.path(), SIDE), SIDE)?;
    let network = imported.members.first().ok_or("the description has no member")?;
    println!("float network: {}", network.architecture());
    // Images with the float network's own answers as labels: it classifies all of them correctly.
    let pixels: Vec<u8> = (0..SIDE * SIDE * 300).map(|index| (index * index * 37 % 256) as u8).collect();
    let image = |bytes: &[u8]| bytes.iter().map(|&byte| f64::from(byte) / 255.0).collect::<Vec<_>>();
    let label = |bytes: &[u8]| predict(&network.logits(&image(bytes))) as u8;
    let labels = pixels.chunks(SIDE * SIDE).map(label).collect();
    let images = LabelledImages::new(SIDE, pixels, labels)?;
    // The search finds the scales with the fewest bits that lose at most one percentage point.
    let result = quantise(&imported.members, &description.quantisation, &images, &images, &|_| {})?;
    for row in &result.rows {
        let (bits, accuracy) = (row.training.bits(), row.test.accuracy());
        if let AccuracyRowKind::Rounded { candidate, chosen, .. } = row.kind {
            let mark = if chosen { " <- chosen" } else { "" };
            println!("{bits:4.1} bits, scales {}: {accuracy:.1} %{mark}", candidate.scales);
        }
    }
    Ok(())
}
