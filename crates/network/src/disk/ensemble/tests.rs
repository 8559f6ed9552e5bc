use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::disk::csv;
use crate::{Architecture, Block, BlockShape, IntegerNetwork, Padding, PixelLevels};

const SHAPES: Architecture = Architecture {
    image_side: 5,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 2,
    hidden: 3,
    classes: 4,
};

fn network(seed: i64) -> IntegerNetwork {
    let blocks = SHAPES.block_shapes().map(|BlockShape { rows, columns, .. }| {
        let weights = (0..(rows * columns) as i64).map(|i| (i * 31 + seed) % 15 - 7).collect();
        let biases = (0..rows as i64).map(|i| i128::from(i * 977 - seed)).collect();
        Block::new(columns, weights, biases).unwrap()
    });
    IntegerNetwork::new(SHAPES, PixelLevels::FOUR, 0.1 + 0.2, blocks).unwrap()
}

fn origin() -> Origin {
    Origin {
        observed: Some(ObservedRange { members: vec![1 << 100, 17], ensemble: 1 << 101 }),
        provenance: BTreeMap::from([("split".to_owned(), "regular".to_owned())]),
        input_hash: "0123".to_owned(),
    }
}

/// An ensemble of two members on disk, whose first hidden weights may be edited.
fn exported() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let ensemble = IntegerEnsemble::new(vec![network(1), network(2)]).unwrap();
    let path = folder.path().join("ensemble");
    write_ensemble(&path, &ensemble, &origin()).unwrap();
    (folder, path)
}

fn edit(file: &Path, change: impl FnOnce(String) -> String) {
    fs::write(file, change(fs::read_to_string(file).unwrap())).unwrap();
}

fn error_after(file: &str, change: impl FnOnce(String) -> String) -> String {
    let (_guard, path) = exported();
    edit(&path.join("member-1").join(file), change);
    let error = read_ensemble(&path).unwrap_err().to_string();
    error.replace(&format!("{}/", path.display()), "")
}

#[test]
fn an_ensemble_comes_back_as_it_was_written() {
    let (_guard, path) = exported();
    let exported = read_ensemble(&path).unwrap();
    assert_eq!(exported.ensemble.members(), [network(1), network(2)]);
    assert_eq!(exported.origin, origin());
    assert_eq!(read_input_hash(&path).as_deref(), Some("0123"));
    assert!(!path.with_file_name("ensemble.partial").exists());
}

#[test]
fn writing_again_replaces_the_old_ensemble() {
    let (_guard, path) = exported();
    write_ensemble(&path, &IntegerEnsemble::new(vec![network(9)]).unwrap(), &Origin::default()).unwrap();
    let exported = read_ensemble(&path).unwrap();
    assert_eq!((exported.ensemble.members(), exported.origin), (&[network(9)][..], Origin::default()));
    assert!(!path.join("member-2").exists());
}

#[test]
fn an_altered_weight_is_refused_with_its_file() {
    let error = error_after("hidden.weights.csv", |text| text.replacen("-6", "-5", 1));
    assert!(error.starts_with("member-1/hidden.weights.csv was altered after export"), "{error}");
}

#[test]
fn a_weight_that_is_no_integer_is_refused_with_file_line_and_value() {
    let error = error_after("hidden.weights.csv", |text| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[1] = lines[1].replacen(',', ",1.5,", 1).rsplit_once(',').unwrap().0.to_owned();
        lines.join("\n")
    });
    assert_eq!(error, "member-1/hidden.weights.csv, line 2, value 2: \"1.5\" is not an integer in range");
}

#[test]
fn a_short_line_is_refused_with_file_and_line() {
    let error = error_after("output.weights.csv", |text| text.replacen(',', "", 1));
    assert_eq!(error, "member-1/output.weights.csv, line 1: 2 values, but the architecture needs 3");
}

#[test]
fn missing_and_surplus_lines_are_refused() {
    let error = error_after("convolution.biases.csv", |text| format!("{text}3\n"));
    assert_eq!(error, "member-1/convolution.biases.csv has 3 lines, but the architecture needs 2");
    let error = error_after("convolution.biases.csv", |_| String::new());
    assert_eq!(error, "member-1/convolution.biases.csv has 0 lines, but the architecture needs 2");
}

#[test]
fn a_missing_file_is_named() {
    let (_guard, path) = exported();
    fs::remove_file(path.join("member-2/output.biases.csv")).unwrap();
    let error = read_ensemble(&path).unwrap_err();
    assert!(matches!(error, DiskError::Read { path, .. } if path.ends_with("member-2/output.biases.csv")));
}

#[test]
fn an_unknown_field_of_the_manifest_is_refused() {
    let (_guard, path) = exported();
    edit(&path.join("member-1/manifest.json"), |text| text.replacen("\"format\"", "\"fromat\"", 1));
    let error = read_ensemble(&path).unwrap_err();
    assert!(matches!(&error, DiskError::Manifest { source, .. } if source.to_string().contains("fromat")));
}

#[test]
fn an_altered_manifest_is_refused() {
    // The same shapes and bounds, and yet another network.
    let error = error_after("manifest.json", |text| {
        let swapped = text.replacen("\"leading\": 0", "\"leading\": 1", 1);
        swapped.replacen("\"image_side\": 5", "\"image_side\": 4", 1)
    });
    assert!(error.starts_with("member-1/manifest.json was altered after export"), "{error}");
}

#[test]
fn a_range_that_is_no_integer_is_refused() {
    let (_guard, path) = exported();
    edit(&path.join("ensemble.json"), |text| {
        text.replacen("\"observed_logits\": \"2", "\"observed_logits\": \"x", 1)
    });
    assert!(matches!(read_ensemble(&path), Err(DiskError::Observed { .. })));
}

#[test]
fn a_member_outside_the_folder_is_refused() {
    let (_guard, path) = exported();
    edit(&path.join("ensemble.json"), |text| text.replacen("member-2", "../member-2", 1));
    assert!(matches!(read_ensemble(&path), Err(DiskError::MemberName { .. })));
}

proptest! {
    #[test]
    fn any_integers_survive_the_csv(values in prop::collection::vec(any::<i128>(), 1..60)) {
        let text = csv::encode(values.chunks_exact(1));
        prop_assert_eq!(csv::decode::<i128>(Path::new("x"), &text, values.len(), 1).unwrap(), values);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s)([-0-9, \n]|.){0,60}", rows in 0usize..5, columns in 1usize..5) {
        if let Ok(values) = csv::decode::<i64>(Path::new("x"), &text, rows, columns) {
            prop_assert_eq!(values.len(), rows * columns);
        }
    }
}
