//! Files of weights without a network, proven by the logits that the frameworks computed.

use std::path::{Path, PathBuf};

use super::files_tests::{File, files};
use super::{Description, ImportError, MemberSource, PixelPlan, Proof, Sources, complete, prove, readings};

/// Where the files are.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// The proof that an import of a file without a description finds, or why there is none.
fn proof(path: &str, predictions: &str, pixels: PixelPlan) -> Result<Proof, ImportError> {
    let description =
        Description { pixels, ..Description::of_members(vec![MemberSource::File(path.to_owned())]) };
    let mut sources = Sources::new(&root(), 12);
    let completed = complete(&description, &mut sources)?;
    let readings = readings(&description, &completed, &mut sources, 12)?;
    prove(&description, readings, &[root().join(predictions)], &mut sources, 12)
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
            match proof(&file.path, &predictions, PixelPlan::default()) {
                Ok(proof) => assert!(proof.largest_difference <= 1e-4, "{}", file.path),
                Err(error) => panic!("{}: {error}", file.path),
            }
        }
    }
}

#[test]
fn logits_of_another_network_are_refused_with_the_first_layer_that_differs() {
    let error = proof("flax/paper.npz", "flax/batch-norm.predictions.npz", PixelPlan::default()).unwrap_err();
    let ImportError::OtherLogits { comparison, .. } = &error else { panic!("{error}") };
    assert!(comparison.differing > 0 && comparison.largest > 1e-4);
    let error = error.to_string();
    assert!(
        error.contains("differ from the imported network's") && error.contains("first at image 0"),
        "{error}"
    );
    // Outputs of layers are beside these logits.
    let error =
        proof("torch/paper.pt", "torch/normalised.predictions.npz", PixelPlan::default()).unwrap_err();
    assert!(
        error.to_string().contains("the first layer that differs is the hidden layer (layer:fc1)"),
        "{error}"
    );
}

#[test]
fn a_file_of_pickles_alone_is_refused_as_such() {
    let error = proof("flax/pickled.npz", "flax/paper.predictions.npz", PixelPlan::default()).unwrap_err();
    assert!(error.to_string().contains("pickled"), "{error}");
}

#[test]
fn bytes_beside_the_inputs_show_what_a_pixel_was() {
    let proof = proof("flax/paper.npz", "flax/paper.predictions.npz", PixelPlan::default()).unwrap();
    assert!(proof.pixels_proven);
    let map = proof.reading.description.pixels.map().unwrap();
    assert!((map.scale - 1.0).abs() < 1e-5 && map.offset.abs() < 1e-5, "{map:?}");
}
