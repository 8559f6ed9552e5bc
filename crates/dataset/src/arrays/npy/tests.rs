use proptest::prelude::*;

use super::*;
use crate::test_files::npy;

fn images(bytes: &[u8]) -> Result<Vec<u8>, ArrayError> {
    let file = Path::new("x.npy");
    Ok(read(file, bytes, ArrayContent::Images)?.into_images(file)?.1)
}

fn labels(bytes: &[u8]) -> Result<Vec<u8>, ArrayError> {
    let file = Path::new("y.npy");
    read(file, bytes, ArrayContent::Labels)?.into_labels(file)
}

#[test]
fn images_and_labels_are_read() {
    assert_eq!(images(&npy("|u1", false, "(1, 2, 2)", &[1, 2, 3, 4])).unwrap(), [1, 2, 3, 4]);
    assert_eq!(images(&npy("|u1", false, "(1, 4)", &[1, 2, 3, 4])).unwrap(), [1, 2, 3, 4]);
    assert_eq!(images(&npy("|u1", false, "(1, 2, 2, 1)", &[1, 2, 3, 4])).unwrap(), [1, 2, 3, 4]);
    assert_eq!(labels(&npy("|u1", false, "(3,)", &[7, 0, 9])).unwrap(), [7, 0, 9]);
    assert_eq!(labels(&npy("|u1", false, "(3L, 1L)", &[7, 0, 9])).unwrap(), [7, 0, 9]);
    let wide: Vec<u8> = [7_i64, 0, 9].iter().flat_map(|label| label.to_le_bytes()).collect();
    assert_eq!(labels(&npy("<i8", false, "(3,)", &wide)).unwrap(), [7, 0, 9]);
}

#[test]
fn column_major_arrays_are_put_in_order() {
    // Two images of 2 x 2 pixels, [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], with the image's index varying fastest.
    let bytes = npy("|u1", true, "(2, 2, 2)", &[1, 5, 3, 7, 2, 6, 4, 8]);
    assert_eq!(images(&bytes).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn what_is_no_array_of_images_or_labels_is_refused() {
    for (bytes, words) in [
        (b"PK\x03\x04abcdefgh".to_vec(), "does not begin as a .npy file does"),
        (npy("|O", false, "(1, 2, 2)", &[0; 4]), "saved with pickle"),
        (npy("<U5", false, "(1, 2, 2)", &[0; 4]), "elements of the type \"<U5\""),
        (npy("|b1", false, "(1, 2, 2)", &[0; 4]), "elements of the type \"|b1\""),
        (npy("|u1", false, "()", &[0; 4]), "no shape"),
        (npy("|u1", false, "(-1, 2, 2)", &[0; 4]), "no shape"),
        (npy("|u1", false, "(1, 2, 2, 3)", &[0; 12]), "has colour images"),
        (npy("|u1", false, "(1, 2, 3)", &[0; 6]), "only square ones"),
        (npy("|u1", false, "(1, 7)", &[0; 7]), "images have [images, rows, columns]"),
        (npy("|u1", false, "(0, 2, 2)", &[]), "is empty"),
        (npy("|u1", false, "(2, 2, 2)", &[0; 7]), "is cut off"),
        (npy("|u1", false, "(2, 2, 2)", &[0; 9]), "has more than the 8 bytes"),
        (npy("|u1", false, "(18446744073709551615, 3, 3)", &[0; 9]), "claims the dimensions"),
        (npy("<f4", false, "(1, 1, 1)", &0.5_f32.to_le_bytes()), "(255 * images).round()"),
    ] {
        let error = images(&bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = labels(&npy("|u1", false, "(2, 14)", &[0; 28])).unwrap_err().to_string();
    assert!(error.contains("14 numbers for each image"), "{error}");
}

#[test]
fn every_cut_is_noticed() {
    let whole = npy("|u1", false, "(1, 2, 2)", &[1, 2, 3, 4]);
    for length in 0..whole.len() {
        assert!(images(&whole[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn a_header_of_brackets_alone_does_no_harm() {
    for bracket in ["(", "[", "{", "'", "\""] {
        assert!(images(&npy("|u1", false, &bracket.repeat(3000), &[])).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(15_000))]

    #[test]
    fn no_damaged_array_makes_the_reader_panic(
        (descr, shape) in (
            prop::sample::select(vec!["|u1", ">i4", "<f8", "|O", "x", ""]),
            prop::sample::select(vec!["(2, 2, 2)", "(2,)", "(2, 8)", "(99999999999, 9999999999)", "(,)", "("]),
        ),
        column_major: bool,
        data in prop::collection::vec(any::<u8>(), 0..70),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = npy(descr, column_major, shape, &data);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        let _ = images(&bytes);
        let _ = labels(&bytes);
    }
}
