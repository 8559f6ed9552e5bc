//! Writing IDX files and NumPy arrays, for tests.

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

/// A `.npy` file of version 1.
pub(crate) fn npy(descr: &str, column_major: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if column_major { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

/// The `.npy` files of a data set's images and labels.
pub(crate) fn npy_pair(images: &LabelledImages) -> (Vec<u8>, Vec<u8>) {
    let (count, side) = (images.len(), images.side());
    let pixels: Vec<u8> = images.iter().flatten().copied().collect();
    (
        npy("|u1", false, &format!("({count}, {side}, {side})"), &pixels),
        npy("|u1", false, &format!("({count}, 1)"), images.labels()),
    )
}

/// An `.npz` file of these arrays, deflated.
pub(crate) fn npz(arrays: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        writer.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The `.npz` file of a data set, with arrays of these names.
pub(crate) fn npz_data_set(train: &LabelledImages, test: &LabelledImages, names: [&str; 4]) -> Vec<u8> {
    let ((train_images, train_labels), (test_images, test_labels)) = (npy_pair(train), npy_pair(test));
    let arrays = [train_images, train_labels, test_images, test_labels];
    npz(&names.into_iter().zip(arrays.iter().map(Vec::as_slice)).collect::<Vec<_>>())
}
