//! Files of weights without a network, verified by the logits that the frameworks computed.

use std::path::{Path, PathBuf};

use crate::import::assembly::members::complete_description;
use crate::import::description::fields::Description;
use crate::import::description::members::MemberSource;
use crate::import::description::pixels::PixelNormalisation;
use crate::import::error::ImportError;
use crate::import::fixtures::framework_files::{File, files};
use crate::import::readings::reading::possible_readings;
use crate::import::readings::verification::{VerifiedReading, verify_readings};
use crate::import::weight_files::WeightFiles;

/// The folder of the files.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// The reading that an import of a file without a description verifies, or the error.
fn proof(path: &str, predictions: &str, pixels: PixelNormalisation) -> Result<VerifiedReading, ImportError> {
    let description =
        Description { pixels, ..Description::of_members(vec![MemberSource::File(path.to_owned())]) };
    let mut sources = WeightFiles::new(&root(), 12);
    let completed = complete_description(&description, &mut sources)?;
    let readings = possible_readings(&description, &completed, &mut sources, 12)?;
    verify_readings(&description, readings, &[root().join(predictions)], &mut sources, 12)
}

/// Files of weights whose logits are known to 1e-4.
fn provable(folder: &str) -> Vec<(File, String)> {
    let files = files(folder, "weights").into_iter().filter(|file| {
        let plain = file.tolerance.is_none() && file.note.is_none();
        plain && file.expected.architecture.is_some()
    });
    files.filter_map(|file| file.predictions.clone().map(|predictions| (file, predictions))).collect()
}

#[test]
fn weights_by_name_are_read_as_they_were_meant_without_a_description() {
    for folder in ["flax/", "torch/", "keras2/"] {
        let files = provable(folder);
        assert!(!files.is_empty(), "{folder}");
        for (file, predictions) in files {
            match proof(&file.path, &predictions, PixelNormalisation::default()) {
                Ok(proof) => assert!(proof.largest_difference <= 1e-4, "{}", file.path),
                Err(error) => panic!("{}: {error}", file.path),
            }
        }
    }
}

#[test]
fn logits_of_another_network_are_refused_with_the_first_layer_that_differs() {
    let error = proof("flax/paper.npz", "flax/batch-norm.predictions.npz", PixelNormalisation::default())
        .unwrap_err();
    let ImportError::OtherLogits { differing_images, largest_difference, .. } = &error else {
        panic!("{error}")
    };
    assert!(*differing_images > 0 && *largest_difference > 1e-4);
    let error = error.to_string();
    assert!(
        error.contains("differ from the imported network's") && error.contains("first at image 0"),
        "{error}"
    );
    // The archive of these logits also holds outputs of layers.
    let error = proof("torch/paper.pt", "torch/normalised.predictions.npz", PixelNormalisation::default())
        .unwrap_err();
    assert!(
        error.to_string().contains("the first layer that differs is the hidden layer (layer:fc1)"),
        "{error}"
    );
}

#[test]
fn a_file_of_pickles_alone_is_refused_as_such() {
    let error =
        proof("flax/pickled.npz", "flax/paper.predictions.npz", PixelNormalisation::default()).unwrap_err();
    assert!(error.to_string().contains("pickled"), "{error}");
}

#[test]
fn bytes_beside_the_inputs_show_what_a_pixel_was() {
    let proof = proof("flax/paper.npz", "flax/paper.predictions.npz", PixelNormalisation::default()).unwrap();
    assert!(proof.pixels_verified);
    let map = proof.reading.description.pixels.to_map().unwrap();
    assert!((map.scale - 1.0).abs() < 1e-5 && map.offset.abs() < 1e-5, "{map:?}");
}
