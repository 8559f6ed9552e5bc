//! Writing IDX files, for tests.

use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;

use crate::{LabelledImages, Part};

/// An IDX file of bytes with these dimensions.
pub(crate) fn idx(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(dimensions.len()).unwrap()];
    dimensions.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// The image file of `images`.
pub(crate) fn image_file(images: &LabelledImages) -> Vec<u8> {
    let side = u32::try_from(images.side()).unwrap();
    let count = u32::try_from(images.len()).unwrap();
    idx(&[count, side, side], &images.iter().flatten().copied().collect::<Vec<_>>())
}

/// The label file of `images`.
pub(crate) fn label_file(images: &LabelledImages) -> Vec<u8> {
    idx(&[u32::try_from(images.len()).unwrap()], images.labels())
}

/// `bytes` as a gzip file.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes the four files of a data set, plain.
pub(crate) fn write_folder(folder: &Path, train: &LabelledImages, test: &LabelledImages) {
    fs::write(folder.join(Part::TrainImages.file_name()), image_file(train)).unwrap();
    fs::write(folder.join(Part::TrainLabels.file_name()), label_file(train)).unwrap();
    fs::write(folder.join(Part::TestImages.file_name()), image_file(test)).unwrap();
    fs::write(folder.join(Part::TestLabels.file_name()), label_file(test)).unwrap();
}
