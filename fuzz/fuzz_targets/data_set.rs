//! Data sets and pictures: IDX, NumPy's arrays and archives, PNG, JPEG and BMP.
//!
//! These readers take paths, so every input is written to a temporary folder.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sottovoce_dataset::{DataName, PictureOptions, Request, open, read_images, read_labels, read_pictures};
use sottovoce_fuzz::correct_checksums;
use tempfile::TempDir;

/// Rows and columns of the pictures that are wanted, in pixels.
const PICTURE_SIDE: usize = 4;

static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder can be made"));

fuzz_target!(|bytes: &[u8]| {
    let archive = FOLDER.path().join("data.npz");
    let mut bytes = bytes.to_vec();
    correct_checksums(&mut bytes);
    fs::write(&archive, bytes).expect("a temporary file can be written");
    let _ = read_images(&archive);
    let _ = read_labels(&archive);
    for invert in [false, true] {
        let _ = read_pictures(&[&archive], PictureOptions { side: PICTURE_SIDE, invert });
    }
    let request = Request {
        path: Some(archive),
        allow_download: false,
        ..Request::new(DataName::Other("fuzz".to_owned()))
    };
    let _ = open(&request, &mut |_| {});
});
