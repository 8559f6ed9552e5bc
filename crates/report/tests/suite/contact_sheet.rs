use std::fs::File;
use std::io::BufReader;

use sottovoce_dataset::LabelledImages;
use sottovoce_report::{ContactSheetError, contact_sheet};

/// Width, height and grey pixels of a PNG file.
fn decode(path: &std::path::Path) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    (reader.info().width as usize, reader.info().height as usize, pixels)
}

#[test]
fn images_are_dark_on_white_twice_as_large_and_in_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.png");
    // Three images of 4 x 4 pixels: blank, ink in the top left corner, all ink.
    let mut pixels = vec![0; 16];
    pixels.extend([200].into_iter().chain([0; 15]));
    pixels.extend([255; 16]);
    let images = LabelledImages::new(4, pixels, vec![0, 1, 2]).unwrap();
    contact_sheet(&images, 2, 5, &path).unwrap();
    let (width, height, sheet) = decode(&path);
    // Two columns, and the two rows that have images: gaps of 8, images of 8, labels of 18.
    assert_eq!((width, height), (8 + 2 * 16, 8 + 2 * 34));
    let at = |x: usize, y: usize| sheet[y * width + x];
    assert_eq!((at(8, 8), at(15, 15)), (255, 255));
    assert_eq!((at(24, 8), at(25, 9), at(26, 8)), (55, 55, 255));
    assert_eq!((at(8, 42), at(15, 49), at(16, 42)), (0, 0, 255));
    // Each label left some ink below its image, and the empty cell has none.
    let ink = |left: usize, top: usize| {
        (top..top + 18)
            .flat_map(|y| (left..left + 8).map(move |x| (x, y)))
            .filter(|&(x, y)| at(x, y) < 128)
            .count()
    };
    assert!(ink(8, 16) > 5 && ink(24, 16) > 5 && ink(8, 50) > 5);
    assert_eq!(ink(24, 50), 0);
}

#[test]
fn a_sheet_of_nothing_or_of_too_much_is_refused() {
    let images = LabelledImages::new(1, vec![0], vec![0]).unwrap();
    let path = std::path::Path::new("never-written.png");
    assert!(matches!(contact_sheet(&images, 0, 1, path), Err(ContactSheetError::Empty { .. })));
    assert!(matches!(contact_sheet(&images.take(0), 1, 1, path), Err(ContactSheetError::Empty { .. })));
    assert!(matches!(contact_sheet(&images, usize::MAX, 1, path), Err(ContactSheetError::TooLarge { .. })));
    assert!(!path.exists());
}
