use std::fs;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::synthetic::{Subset, synthetic_digits};
use crate::test_files::{npy, npz, npz_data_set};

fn archive(bytes: &[u8]) -> (tempfile::TempDir, Result<NpzArchive, DataError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.npz");
    fs::write(&path, bytes).unwrap();
    let archive = NpzArchive::open(&path);
    (folder, archive)
}

#[test]
fn the_arrays_of_a_data_set_are_found_under_the_usual_names() {
    let (train, test) = (synthetic_digits(3, 1, Subset::Train), synthetic_digits(2, 1, Subset::Test));
    for names in NAMES.into_iter().chain([["X_train", "y_train", "X_test", "y_test"]]) {
        let (_folder, archive) = archive(&npz_data_set(&train, &test, names));
        let mut archive = archive.unwrap();
        assert_eq!(archive.data_set().unwrap(), names);
        assert_eq!(
            archive.images(names[0]).unwrap().pixels,
            train.iter().flatten().copied().collect::<Vec<_>>()
        );
        assert_eq!(archive.labels(names[3]).unwrap().labels, test.labels());
    }
}

#[test]
fn an_array_has_the_checksum_of_its_idx_file() {
    let digits = synthetic_digits(3, 1, Subset::Train);
    let (_folder, archive) = archive(&npz_data_set(&digits, &digits, NAMES[1]));
    let mut archive = archive.unwrap();
    let expected = crate::file_content::sha256([crate::test_files::image_file(&digits).as_slice()]);
    assert_eq!(archive.images("x_train").unwrap().sha256, expected);
    let expected = crate::file_content::sha256([crate::test_files::label_file(&digits).as_slice()]);
    assert_eq!(archive.labels("y_train").unwrap().sha256, expected);
}

#[test]
fn errors_name_archive_and_array() {
    let (_folder, archive) = archive(&npz(&[("x_train", &npy("|u1", false, "(1, 2, 2, 3)", &[0; 12]))]));
    let mut archive = archive.unwrap();
    assert!(archive.data_set().is_none());
    let error = archive.images("x_train").unwrap_err().to_string();
    assert!(error.contains("data.npz::x_train has colour images"), "{error}");
    let error = archive.images("x_test").unwrap_err().to_string();
    assert!(error.contains("data.npz::x_test"), "{error}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let error = archive(b"not a zip file").1.err().unwrap().to_string();
    assert!(error.contains("data.npz is not a NumPy archive that can be read"), "{error}");
}

/// Number of hostile files. Increase it for a longer search.
const HOSTILE: usize = 12_000;

#[test]
fn no_hostile_archive_makes_the_reader_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.npz");
    let (images, labels) = (npy("|u1", false, "(2, 2, 2)", &[7; 8]), npy("<i4", false, "(2, 1)", &[0; 8]));
    let sound = npz(&[("x_train", &images), ("y_train", &labels), ("x_test", &images), ("y_test", &labels)]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut accepted = 0;
    for _ in 0..HOSTILE {
        let mut bytes = sound.clone();
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = if rng.random() { rng.random() } else { [0, 0xff][rng.random_range(0..2)] };
        }
        match rng.random_range(0..8) {
            0 => bytes.truncate(rng.random_range(0..=bytes.len())),
            1 => {
                let keep = rng.random_range(0..bytes.len());
                rng.fill(&mut bytes[keep..]);
            }
            2 => {
                let from = rng.random_range(0..bytes.len());
                bytes.drain(from..(from + 20).min(bytes.len()));
            }
            _ => {}
        }
        fs::write(&path, &bytes).unwrap();
        let Ok(mut archive) = NpzArchive::open(&path) else { continue };
        let Some([images, labels, ..]) = archive.data_set() else { continue };
        if archive.images(&images).is_ok() && archive.labels(&labels).is_ok() {
            accepted += 1;
        }
    }
    // The search means little if it breaks every file, or none.
    assert!((HOSTILE / 10..HOSTILE * 9 / 10).contains(&accepted), "{accepted}");
}
