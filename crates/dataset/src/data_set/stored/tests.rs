use std::fs;

use super::*;
use crate::labelled_images::LabelledImages;
use crate::synthetic::{Subset, synthetic_digits};
use crate::test_files::{gzip, idx, image_file, label_file, npy_pair, npz, npz_data_set, write_folder};

fn digits() -> (LabelledImages, LabelledImages) {
    (synthetic_digits(12, 1, Subset::Train), synthetic_digits(5, 1, Subset::Test))
}

/// A folder with the four canonical files.
fn some_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = digits();
    write_folder(folder.path(), &train, &test);
    folder
}

/// Writes four IDX files under these names.
fn write_as(folder: &Path, names: [&str; 4]) {
    let (train, test) = digits();
    let contents = [image_file(&train), label_file(&train), image_file(&test), label_file(&test)];
    for (name, content) in names.into_iter().zip(contents) {
        let content = if name.ends_with(".gz") { gzip(&content) } else { content };
        fs::write(folder.join(name), content).unwrap();
    }
}

fn is_digits(stored: &StoredDataSet) -> bool {
    let (train, test) = digits();
    let same = |(images, labels): &(ImageArray, LabelArray), half: &LabelledImages| {
        images.pixels.iter().eq(half.iter().flatten()) && labels.labels == half.labels()
    };
    same(&stored.train, &train) && same(&stored.test, &test)
}

#[test]
fn the_canonical_files_are_read_plain_compressed_and_dotted() {
    for names in [
        [
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        ],
        [
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        ],
        [
            "train-images.idx3-ubyte",
            "train-labels.idx1-ubyte",
            "t10k-images.idx3-ubyte",
            "t10k-labels.idx1-ubyte",
        ],
        [
            "train-images.idx3-ubyte.gz",
            "train-labels-idx1-ubyte",
            "t10k-images.idx3-ubyte",
            "t10k-labels-idx1-ubyte.gz",
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_as(folder.path(), names);
        let stored = read(folder.path(), "mine", 0).unwrap();
        assert!(is_digits(&stored) && !stored.transposed && stored.unused.is_empty());
        assert_eq!(
            stored.sources.map(|source| source.name),
            Part::ALL.map(|part| part.file_name().to_owned())
        );
    }
}

#[test]
fn files_in_folders_of_their_own_names_are_read() {
    let folder = some_folder();
    for name in ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        let (file, aside) = (folder.path().join(name), folder.path().join("aside"));
        fs::rename(&file, &aside).unwrap();
        fs::create_dir(&file).unwrap();
        fs::rename(&aside, file.join(name)).unwrap();
    }
    assert!(is_digits(&read(folder.path(), "mine", 0).unwrap()));
}

#[test]
fn emnists_files_are_read_and_known_to_be_transposed() {
    let folder = tempfile::tempdir().unwrap();
    write_as(
        folder.path(),
        [
            "emnist-letters-train-images-idx3-ubyte.gz",
            "emnist-letters-train-labels-idx1-ubyte.gz",
            "emnist-letters-test-images-idx3-ubyte.gz",
            "emnist-letters-test-labels-idx1-ubyte.gz",
        ],
    );
    let stored = read(folder.path(), "letters", 0).unwrap();
    assert!(is_digits(&stored) && stored.transposed);
    assert_eq!(stored.sources[0].name, "emnist-letters-train-images-idx3-ubyte");
}

#[test]
fn of_several_data_sets_in_a_folder_the_name_chooses() {
    let folder = tempfile::tempdir().unwrap();
    for split in ["digits", "balanced"] {
        write_as(
            folder.path(),
            ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"]
                .map(|part| format!("emnist-{split}-{part}-ubyte"))
                .each_ref()
                .map(String::as_str),
        );
    }
    let error = read(folder.path(), "emnist", 0).unwrap_err().to_string();
    assert!(error.ends_with(": emnist-balanced, emnist-digits"), "{error}");
    let stored = read(folder.path(), "EMNIST_digits", 0).unwrap();
    assert_eq!(stored.sources[0].name, "emnist-digits-train-images-idx3-ubyte");
    assert_eq!(stored.unused.len(), 1);
    // The canonical files are taken before others, which are told.
    let (train, test) = digits();
    write_folder(folder.path(), &train, &test);
    let stored = read(folder.path(), "mine", 0).unwrap();
    assert_eq!((stored.sources[0].name.as_str(), stored.unused.len()), ("train-images-idx3-ubyte", 2));
}

#[test]
fn qmnists_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = digits();
    let labels = |half: &LabelledImages| {
        let rows = half.labels().iter().flat_map(|&label| [i32::from(label), 0, 3000, -1, 70_000, 5, 0, 0]);
        let elements: Vec<u8> = rows.flat_map(i32::to_be_bytes).collect();
        let mut file = idx(&[half.len() as u32, 8], &elements);
        file[2] = 0x0c;
        file
    };
    for (half, name) in [(&train, "train"), (&test, "test")] {
        fs::write(folder.path().join(format!("qmnist-{name}-images-idx3-ubyte.gz")), gzip(&image_file(half)))
            .unwrap();
        fs::write(folder.path().join(format!("qmnist-{name}-labels-idx2-int")), labels(half)).unwrap();
    }
    assert!(is_digits(&read(folder.path(), "qmnist", 0).unwrap()));
}

#[test]
fn archives_are_read_by_name_and_from_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = digits();
    let file = folder.path().join("mnist.npz");
    fs::write(&file, npz_data_set(&train, &test, ["x_train", "y_train", "x_test", "y_test"])).unwrap();
    for path in [&file, folder.path()] {
        let stored = read(path, "mine", 0).unwrap();
        assert!(is_digits(&stored));
        assert_eq!(stored.sources.map(|source| source.name), ["x_train", "y_train", "x_test", "y_test"]);
    }
}

#[test]
fn medmnists_validation_images_are_told_to_be_unused() {
    let folder = tempfile::tempdir().unwrap();
    let ((train, test), file) = (digits(), folder.path().join("breastmnist.npz"));
    let ((images, labels), (test_images, test_labels)) = (npy_pair(&train), npy_pair(&test));
    let arrays: [(&str, &[u8]); 6] = [
        ("train_images", &images),
        ("val_images", &test_images),
        ("test_images", &test_images),
        ("train_labels", &labels),
        ("val_labels", &test_labels),
        ("test_labels", &test_labels),
    ];
    fs::write(&file, npz(&arrays)).unwrap();
    let stored = read(&file, "breastmnist", 0).unwrap();
    assert!(is_digits(&stored));
    let unused: Vec<String> = stored.unused.iter().map(|(path, _)| path.display().to_string()).collect();
    assert!(unused[0].ends_with("breastmnist.npz::val_images") && unused.len() == 2, "{unused:?}");
}

#[test]
fn kmnists_four_archives_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = digits();
    for (half, name) in [(&train, "train"), (&test, "test")] {
        let (images, labels) = npy_pair(half);
        fs::write(folder.path().join(format!("kmnist-{name}-imgs.npz")), npz(&[("arr_0", &images)])).unwrap();
        fs::write(folder.path().join(format!("kmnist-{name}-labels.npz")), npz(&[("arr_0", &labels)]))
            .unwrap();
    }
    assert!(is_digits(&read(folder.path(), "kmnist", 0).unwrap()));
    fs::remove_file(folder.path().join("kmnist-test-labels.npz")).unwrap();
    let error = read(folder.path(), "kmnist", 0).unwrap_err().to_string();
    assert!(error.contains("kmnist-test-labels.npz"), "{error}");
}

#[test]
fn folders_of_pictures_are_read_under_both_names() {
    for (train, test) in [("train", "test"), ("training", "Testing")] {
        let folder = tempfile::tempdir().unwrap();
        for path in [format!("{train}/7/1.png"), format!("{train}/2/1.png"), format!("{test}/7/1.png")] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, crate::pictures::png_writer::grey_png(2, &[9; 4])).unwrap();
        }
        let stored = read(folder.path(), "mine", 0).unwrap();
        let mut labels = stored.train.1.labels;
        labels.sort_unstable();
        assert_eq!((labels, stored.test.1.labels), (vec![2, 7], vec![7]));
        fs::remove_dir_all(folder.path().join(test)).unwrap();
        let error = read(folder.path(), "mine", 0).unwrap_err();
        assert!(matches!(error, DataError::HalfMissing { name: "test", .. }), "{error}");
    }
}

#[test]
fn a_missing_folder_is_named() {
    let error = read(Path::new("no/such/folder"), "mnist", 0).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = some_folder();
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let error = read(folder.path(), "mine", 0).unwrap_err();
    assert!(
        matches!(&error, DataError::FileMissing { name, .. } if name == "t10k-labels-idx1-ubyte"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_archive_is_no_data_set() {
    let folder = some_folder();
    let error = read(&folder.path().join("train-images-idx3-ubyte"), "mine", 0).unwrap_err();
    assert!(matches!(error, DataError::NotADataSet { .. }), "{error}");
}

#[test]
fn a_folder_without_a_data_set_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), b"").unwrap();
    let error = read(folder.path(), "mine", 0).unwrap_err().to_string();
    assert!(error.contains("holds no data set") && error.ends_with("it holds notes.txt"), "{error}");
}

#[test]
fn a_data_set_in_a_folder_inside_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = digits();
    let inside = folder.path().join("FashionMNIST/raw");
    fs::create_dir_all(&inside).unwrap();
    write_folder(&inside, &train, &test);
    let error = read(folder.path(), "mine", 0).unwrap_err();
    assert!(matches!(&error, DataError::DataSetBelow { below, .. } if *below == inside), "{error}");
}
