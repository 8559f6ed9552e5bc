//! A data set in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::canonical::{CLASSES, Part};
use crate::error::DataError;
use crate::idx::{read_images, read_labels};
use crate::images::LabelledImages;

/// What a folder's files have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// MNIST itself: every checksum has to be MNIST's.
    Mnist,
    /// Any data set of the same form (Fashion-MNIST, KMNIST): the checksums are recorded, not judged.
    RecordOnly,
}

/// The content of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Images to train on.
    pub train: LabelledImages,
    /// Images to test on, of the same side.
    pub test: LabelledImages,
    /// SHA-256 of each file's decompressed bytes, by the file's name without `.gz`.
    pub checksums: BTreeMap<String, String>,
}

/// Loads the four canonical files of `folder`, each plain or `.gz`; of two the plain one.
///
/// # Errors
/// If the folder or a file is missing, a file is not a sound IDX file with labels 0 to 9, images and labels
/// differ in number, training and test images differ in size, or `verify` asks for MNIST and a checksum is
/// another.
pub fn load_folder(folder: &Path, verify: Verify) -> Result<Folder, DataError> {
    if !folder.is_dir() {
        return Err(DataError::FolderMissing { folder: folder.into() });
    }
    let find = |part: Part| match part.find_in(folder) {
        Some(file) => Ok((part, file)),
        None => Err(DataError::FileMissing { folder: folder.into(), name: part.file_name() }),
    };
    // All four are looked for before the first is read, so that a missing one is noticed at once.
    let (train_images, train_labels) = (find(Part::TrainImages)?, find(Part::TrainLabels)?);
    let (test_images, test_labels) = (find(Part::TestImages)?, find(Part::TestLabels)?);

    let mut checksums = BTreeMap::new();
    let mut check = |part: Part, file: &Path, found: &str| {
        let expected = part.mnist_sha256();
        if verify == Verify::Mnist && found != expected {
            return Err(DataError::ChecksumDiffers { file: file.into(), found: found.into(), expected });
        }
        checksums.insert(part.file_name().to_owned(), found.to_owned());
        Ok(())
    };
    let mut half = |images: (Part, PathBuf), labels: (Part, PathBuf)| {
        let image_file = read_images(&images.1)?;
        check(images.0, &images.1, &image_file.sha256)?;
        let label_file = read_labels(&labels.1, CLASSES)?;
        check(labels.0, &labels.1, &label_file.sha256)?;
        let (count, label_count) =
            (image_file.pixels.len() / (image_file.side * image_file.side), label_file.labels.len());
        LabelledImages::new(image_file.side, image_file.pixels, label_file.labels).map_err(|_| {
            DataError::CountsDiffer {
                images_file: images.1,
                images: count,
                labels_file: labels.1,
                labels: label_count,
            }
        })
    };
    let train = half(train_images, train_labels)?;
    let test = half(test_images, test_labels)?;
    if train.side() != test.side() {
        return Err(DataError::SidesDiffer { folder: folder.into(), train: train.side(), test: test.side() });
    }
    Ok(Folder { train, test, checksums })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idx_writer::{gzip, idx, image_file, write_folder};
    use crate::synthetic::{Half, synthetic_digits};
    use std::fs;

    fn some_folder() -> (tempfile::TempDir, LabelledImages, LabelledImages) {
        let folder = tempfile::tempdir().unwrap();
        let (train, test) = (synthetic_digits(12, 1, Half::Train), synthetic_digits(5, 1, Half::Test));
        write_folder(folder.path(), &train, &test);
        (folder, train, test)
    }

    #[test]
    fn another_data_set_of_the_same_form_is_loaded_and_its_checksums_recorded() {
        let (folder, train, test) = some_folder();
        let loaded = load_folder(folder.path(), Verify::RecordOnly).unwrap();
        assert_eq!((loaded.train, loaded.test), (train.clone(), test));
        let names: Vec<_> = Part::ALL.iter().map(|part| part.file_name()).collect();
        assert!(loaded.checksums.len() == 4 && names.iter().all(|&n| loaded.checksums.contains_key(n)));
        let bytes = image_file(&train);
        assert_eq!(loaded.checksums["train-images-idx3-ubyte"], crate::content::sha256([bytes.as_slice()]));
    }

    #[test]
    fn compressed_files_give_the_same_data_set() {
        let (folder, ..) = some_folder();
        let plain = load_folder(folder.path(), Verify::RecordOnly).unwrap();
        for part in Part::ALL {
            let path = folder.path().join(part.file_name());
            let bytes = fs::read(&path).unwrap();
            fs::write(folder.path().join(part.compressed_name()), gzip(&bytes)).unwrap();
            fs::remove_file(path).unwrap();
        }
        assert_eq!(load_folder(folder.path(), Verify::RecordOnly).unwrap(), plain);
    }

    #[test]
    fn what_is_not_mnist_is_not_taken_for_it() {
        let (folder, ..) = some_folder();
        let error = load_folder(folder.path(), Verify::Mnist).unwrap_err();
        let DataError::ChecksumDiffers { file, expected, .. } = &error else { panic!("{error}") };
        assert!(file.ends_with("train-images-idx3-ubyte"));
        assert_eq!(*expected, Part::TrainImages.mnist_sha256());
        assert!(error.to_string().contains("delete it and fetch it again"));
        assert!(error.to_string().contains("[data] name"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = load_folder(Path::new("no/such/folder"), Verify::Mnist).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let (folder, ..) = some_folder();
        fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
        let error = load_folder(folder.path(), Verify::RecordOnly).unwrap_err();
        assert!(matches!(error, DataError::FileMissing { name: "t10k-labels-idx1-ubyte", .. }), "{error}");
    }

    #[test]
    fn unequal_numbers_of_images_and_labels_are_refused() {
        let (folder, ..) = some_folder();
        fs::write(folder.path().join("t10k-labels-idx1-ubyte"), idx(&[4], &[0; 4])).unwrap();
        let error = load_folder(folder.path(), Verify::RecordOnly).unwrap_err();
        assert!(matches!(error, DataError::CountsDiffer { images: 5, labels: 4, .. }), "{error}");
    }

    #[test]
    fn training_and_test_images_of_different_size_are_refused() {
        let (folder, ..) = some_folder();
        fs::write(folder.path().join("t10k-images-idx3-ubyte"), idx(&[5, 3, 3], &[0; 45])).unwrap();
        let error = load_folder(folder.path(), Verify::RecordOnly).unwrap_err();
        assert!(matches!(error, DataError::SidesDiffer { train: 28, test: 3, .. }), "{error}");
    }

    #[test]
    fn mnist_has_its_70_000_images() {
        let Some(folder) = std::env::var_os("SOTTOVOCE_DATA") else {
            println!("skipped: SOTTOVOCE_DATA names no folder with MNIST");
            return;
        };
        let mnist = load_folder(Path::new(&folder), Verify::Mnist).unwrap();
        let counts = |images: &LabelledImages| {
            let mut counts = [0; CLASSES];
            images.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
            counts
        };
        assert_eq!((mnist.train.len(), mnist.test.len(), mnist.train.side()), (60_000, 10_000, 28));
        assert_eq!(counts(&mnist.train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        assert_eq!(counts(&mnist.test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    }
}
