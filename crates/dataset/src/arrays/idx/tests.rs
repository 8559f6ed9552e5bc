use proptest::prelude::*;

use super::*;
use crate::test_files::{gzip, idx};

fn images(bytes: &[u8]) -> Result<ImageArray, ArrayError> {
    images_from(Path::new("some-images"), bytes)
}

fn labels(bytes: &[u8]) -> Result<LabelArray, ArrayError> {
    labels_from(Path::new("some-labels"), bytes)
}

/// The content of a file on disk, read back as images.
fn images_on_disk(bytes: &[u8]) -> Result<ImageArray, ArrayError> {
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
    assert_eq!(read.sha256, file_content::sha256([plain.as_slice()]));
    assert_eq!(images_on_disk(&gzip(&plain)).unwrap(), read);
}

#[test]
fn a_missing_file_is_named() {
    let error = read_labels(Path::new("no/such/file")).unwrap_err();
    assert!(matches!(error, ArrayError::Unreadable { .. }));
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
        assert!(matches!(error, ArrayError::ShortHeader { found, needed: 16, .. } if found == length));
    }
}

#[test]
fn a_cut_off_file_is_refused() {
    let file = idx(&[2, 2, 2], &[0; 7]);
    assert!(matches!(images(&file), Err(ArrayError::Truncated { found: 7, expected: 8, .. })));
}

#[test]
fn trailing_bytes_are_refused() {
    let file = idx(&[2, 2, 2], &[0; 9]);
    assert!(matches!(images(&file), Err(ArrayError::TrailingBytes { expected: 8, .. })));
}

#[test]
fn images_that_are_not_square_are_refused() {
    let file = idx(&[1, 2, 3], &[0; 6]);
    assert!(matches!(images(&file), Err(ArrayError::NotSquare { rows: 2, columns: 3, .. })));
}

#[test]
fn empty_dimensions_are_refused() {
    for dimensions in [[0, 28, 28], [1, 0, 0], [1, 28, 0]] {
        assert!(matches!(images(&idx(&dimensions, &[])), Err(ArrayError::Empty { .. })));
    }
    assert!(matches!(labels(&idx(&[0], &[])), Err(ArrayError::Empty { .. })));
}

#[test]
fn dimensions_beyond_all_reason_are_refused_without_reading_on() {
    let hostile = idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 10]);
    assert!(matches!(images(&hostile), Err(ArrayError::TooLarge { .. })));
    assert!(matches!(labels(&idx(&[u32::MAX], &[0; 10])), Err(ArrayError::TooLarge { .. })));
}

/// An IDX file of elements of another type.
fn idx_of(kind: u8, dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut file = idx(dimensions, elements);
    file[2] = kind;
    file
}

#[test]
fn labels_may_be_any_byte() {
    assert_eq!(labels(&idx(&[4], &[0, 46, 3, 255])).unwrap().labels, [0, 46, 3, 255]);
}

#[test]
fn labels_of_wider_types_are_read_where_they_are_bytes() {
    let integers: Vec<u8> = [0, 9, 255].iter().flat_map(|label: &i32| label.to_be_bytes()).collect();
    assert_eq!(labels(&idx_of(0x0c, &[3], &integers)).unwrap().labels, [0, 9, 255]);
    let floats: Vec<u8> = [0.0, 9.0, 1.0].iter().flat_map(|label: &f32| label.to_be_bytes()).collect();
    assert_eq!(labels(&idx_of(0x0d, &[3, 1], &floats)).unwrap().labels, [0, 9, 1]);
    let error = labels(&idx_of(0x0b, &[2], &[0, 7, 1, 0])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "some-labels has the label 256 at position 1, but only integers from 0 to 255 are allowed"
    );
}

#[test]
fn the_first_of_qmnists_eight_numbers_is_the_label() {
    let rows = [[5, 0, 4000, 3, 70_000, 9, 0, 0], [7, 1, 4001, -1, 2, 3, 0, 0_i32]];
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|number| number.to_be_bytes()).collect();
    assert_eq!(labels(&idx_of(0x0c, &[2, 8], &bytes)).unwrap().labels, [5, 7]);
}

#[test]
fn one_hot_labels_are_refused_with_what_to_save() {
    let error = labels(&idx(&[2, 3], &[0, 1, 0, 1, 0, 0])).unwrap_err().to_string();
    assert!(
        error.contains("has 3 numbers for each image") && error.contains("labels.argmax(axis=1)"),
        "{error}"
    );
}

#[test]
fn float_images_are_read_where_they_are_bytes_and_refused_where_they_go_from_0_to_1() {
    let floats = |values: [f32; 4]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
    let read = images(&idx_of(0x0d, &[1, 2, 2], &floats([0.0, 255.0, 7.0, 1.0]))).unwrap();
    assert_eq!(read.pixels, [0, 255, 7, 1]);
    for values in [[0.0, 1.0, 0.0, 1.0], [0.0, 0.25, 0.0, 1.0]] {
        let error = images(&idx_of(0x0d, &[1, 2, 2], &floats(values))).unwrap_err().to_string();
        assert!(error.contains("(255 * images).round().astype(\"uint8\")"), "{error}");
    }
    let error = images(&idx_of(0x0d, &[1, 2, 2], &floats([-0.42, 2.8, 0.0, 0.0]))).unwrap_err().to_string();
    assert!(error.contains("undo the normalisation"), "{error}");
}

#[test]
fn colour_images_are_refused_and_a_single_colour_is_read() {
    assert_eq!(images(&idx(&[1, 2, 2, 1], &[1, 2, 3, 4])).unwrap().pixels, [1, 2, 3, 4]);
    assert_eq!(images(&idx(&[1, 1, 2, 2], &[1, 2, 3, 4])).unwrap().pixels, [1, 2, 3, 4]);
    let error = images(&idx(&[1, 2, 2, 3], &[0; 12])).unwrap_err();
    assert!(matches!(error, ArrayError::Colour { .. }), "{error}");
}

#[test]
fn an_unknown_type_of_elements_is_refused() {
    let error = images(&idx_of(0x0a, &[1, 1, 1], &[0])).unwrap_err().to_string();
    assert!(error.contains("elements of the type 0x0a"), "{error}");
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
    #![proptest_config(ProptestConfig::with_cases(15_000))]

    #[test]
    fn no_header_makes_the_reader_panic(
        kind in 7..16_u8,
        dimensions in prop::collection::vec(dimension(), 0..6),
        elements in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let file = idx_of(kind, &dimensions, &elements);
        let _ = images(&file);
        let _ = labels(&file);
    }
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
