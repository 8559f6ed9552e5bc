use proptest::prelude::*;

use super::*;
use crate::idx_writer::{gzip, idx};

fn images(bytes: &[u8]) -> Result<ImageFile, IdxError> {
    images_from(Path::new("some-images"), bytes)
}

fn labels(bytes: &[u8]) -> Result<LabelFile, IdxError> {
    labels_from(Path::new("some-labels"), bytes, 10)
}

/// The content of a file on disk, read back as images.
fn images_on_disk(bytes: &[u8]) -> Result<ImageFile, IdxError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    read_images(&path)
}

#[test]
fn a_plain_and_a_compressed_file_hold_the_same_images() {
    let plain = idx(&[2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]);
    let read = images_on_disk(&plain).unwrap();
    assert_eq!((read.side, read.pixels.as_slice()), (2, [1, 2, 3, 4, 5, 6, 7, 8].as_slice()));
    assert_eq!(read.sha256, content::sha256([plain.as_slice()]));
    assert_eq!(images_on_disk(&gzip(&plain)).unwrap(), read);
}

#[test]
fn a_missing_file_is_named() {
    let error = read_labels(Path::new("no/such/file"), 10).unwrap_err();
    assert!(matches!(error, IdxError::Unreadable { .. }));
    assert!(error.to_string().starts_with("no/such/file cannot be read"));
}

#[test]
fn labels_are_not_taken_for_images() {
    let error = images(&idx(&[3], &[1, 2, 3])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "some-images is not an IDX file of images: it begins with 0x00000801, not with 0x00000803"
    );
}

#[test]
fn a_header_that_ends_early_is_refused() {
    let file = idx(&[1, 2, 2], &[1, 2, 3, 4]);
    for length in 0..16 {
        let error = images(&file[..length]).unwrap_err();
        assert!(matches!(error, IdxError::ShortHeader { found, needed: 16, .. } if found == length));
    }
}

#[test]
fn a_cut_off_file_is_refused() {
    let file = idx(&[2, 2, 2], &[0; 7]);
    assert!(matches!(images(&file), Err(IdxError::Truncated { found: 7, expected: 8, .. })));
}

#[test]
fn trailing_bytes_are_refused() {
    let file = idx(&[2, 2, 2], &[0; 9]);
    assert!(matches!(images(&file), Err(IdxError::TrailingBytes { expected: 8, .. })));
}

#[test]
fn images_that_are_not_square_are_refused() {
    let file = idx(&[1, 2, 3], &[0; 6]);
    assert!(matches!(images(&file), Err(IdxError::NotSquare { rows: 2, columns: 3, .. })));
}

#[test]
fn empty_dimensions_are_refused() {
    for dimensions in [[0, 28, 28], [1, 0, 0], [1, 28, 0]] {
        assert!(matches!(images(&idx(&dimensions, &[])), Err(IdxError::Empty { .. })));
    }
    assert!(matches!(labels(&idx(&[0], &[])), Err(IdxError::Empty { .. })));
}

#[test]
fn dimensions_beyond_all_reason_are_refused_without_reading_on() {
    let hostile = idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 10]);
    assert!(matches!(images(&hostile), Err(IdxError::TooLarge { .. })));
    assert!(matches!(labels(&idx(&[u32::MAX], &[0; 10])), Err(IdxError::TooLarge { .. })));
}

#[test]
fn a_label_beyond_the_classes_is_refused() {
    assert_eq!(labels(&idx(&[3], &[0, 9, 3])).unwrap().labels, [0, 9, 3]);
    let error = labels(&idx(&[3], &[0, 10, 3])).unwrap_err();
    assert_eq!(error.to_string(), "some-labels has label 10 at position 1, only labels below 10 are allowed");
}

#[test]
fn every_cut_of_a_compressed_file_is_refused() {
    let whole = gzip(&idx(&[2, 3, 3], &(0..18).collect::<Vec<_>>()));
    for length in 0..whole.len() {
        assert!(images_on_disk(&whole[..length]).is_err(), "cut to {length} of {} bytes", whole.len());
    }
}

#[test]
fn bytes_behind_a_compressed_file_are_refused() {
    let mut file = gzip(&idx(&[1, 2, 2], &[1, 2, 3, 4]));
    file.extend(b"behind");
    assert!(images_on_disk(&file).is_err());
}

/// A number that is often small, so that headers are often consistent.
fn dimension() -> impl Strategy<Value = u32> {
    prop_oneof![0..6_u32, any::<u32>()]
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = images(&bytes);
        let _ = labels(&bytes);
        let _ = images_on_disk(&bytes);
    }

    #[test]
    fn an_idx_file_is_accepted_exactly_when_its_header_tells_the_truth(
        dimensions in [dimension(), dimension(), dimension()],
        elements in prop::collection::vec(any::<u8>(), 0..150),
    ) {
        let promised: u128 = dimensions.iter().map(|&d| u128::from(d)).product();
        let sound = promised == elements.len() as u128 && promised > 0 && dimensions[1] == dimensions[2];
        let read = images(&idx(&dimensions, &elements));
        prop_assert_eq!(read.is_ok(), sound);
        if let Ok(read) = read {
            prop_assert_eq!(read.pixels, elements);
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        side in 1..8_usize,
        count in 1..9_usize,
        seed in any::<u8>(),
    ) {
        let pixels: Vec<u8> = (0..count * side * side).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let file = idx(&[count as u32, side as u32, side as u32], &pixels);
        let read = images(&file).unwrap();
        prop_assert_eq!(read.side, side);
        prop_assert_eq!(read.pixels, pixels);
    }

    #[test]
    fn a_changed_byte_of_a_compressed_file_never_changes_the_images(
        position in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let plain = idx(&[2, 3, 3], &(0..18).collect::<Vec<_>>());
        let mut file = gzip(&plain);
        let position = position.index(file.len());
        file[position] ^= flip;
        // A change in gzip's own header (its time stamp, say) does no harm; all else has to be noticed.
        if let Ok(read) = images_on_disk(&file) {
            prop_assert_eq!(read.pixels, (0..18).collect::<Vec<_>>());
        }
    }
}
