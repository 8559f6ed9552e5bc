use std::fs;
use std::net::TcpListener;

use super::*;
use crate::test_files::{gzip, idx, image_file, label_file, npz_data_set, write_folder};

/// A request that reaches nothing outside `folder`: its only mirror is an address where nobody listens.
fn request(name: DataName, folder: &Path) -> Request {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Request {
        default_dir: folder.join("default"),
        mirrors: vec![format!("http://{closed}/")],
        synthetic: SyntheticSize { train: 20, test: 10, seed: 3 },
        ..Request::new(name)
    }
}

/// The result of opening, and what happened meanwhile.
fn opened(request: &Request) -> (Result<DataSet, DataError>, Vec<DataEvent>) {
    let mut events = Vec::new();
    let result = open(request, &mut |event| events.push(event));
    (result, events)
}

fn fell_back(events: &[DataEvent]) -> bool {
    events.iter().any(|event| matches!(event, DataEvent::SyntheticUsed { .. }))
}

fn make_folder(path: &Path) {
    fs::create_dir_all(path).unwrap();
    write_folder(path, &synthetic_digits(12, 1, Subset::Train), &synthetic_digits(5, 1, Subset::Test));
}

#[test]
fn synthetic_digits_come_when_asked_for_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (data, events) = opened(&request(DataName::Synthetic, folder.path()));
    let data = data.unwrap();
    assert!(data.is_synthetic());
    assert_eq!((data.name.as_str(), data.origin), ("synthetic", Origin::Synthetic { seed: 3 }));
    assert_eq!((data.train.len(), data.test.len()), (20, 10));
    assert_eq!(data.checksums.keys().collect::<Vec<_>>(), ["test", "train"]);
    assert_eq!(events, []);
}

#[test]
fn checksums_of_synthetic_digits_tell_seeds_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(DataName::Synthetic, folder.path());
    let first = opened(&request).0.unwrap().checksums;
    assert_eq!(opened(&request).0.unwrap().checksums, first);
    request.synthetic.seed += 1;
    assert_ne!(opened(&request).0.unwrap().checksums["train"], first["train"]);
}

#[test]
fn no_synthetic_digits_are_no_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(DataName::Synthetic, folder.path());
    request.synthetic.test = 0;
    assert!(matches!(opened(&request).0, Err(DataError::NoSyntheticImages { train: 20, test: 0 })));
}

#[test]
fn a_named_folder_that_is_missing_is_an_error_and_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(DataName::Mnist, folder.path());
    request.path = Some(folder.path().join("missing"));
    let (result, events) = opened(&request);
    assert!(matches!(result, Err(DataError::FolderMissing { .. })));
    assert_eq!(events, []);
}

#[test]
fn a_named_folder_with_another_data_set_is_not_taken_for_mnist() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named");
    make_folder(&named);
    let mut request = request(DataName::Mnist, folder.path());
    request.path = Some(named.clone());
    let (result, events) = opened(&request);
    assert!(matches!(result, Err(DataError::ChecksumDiffers { .. })));
    assert_eq!(events, []);

    request.name = DataName::Other("kmnist".into());
    let data = opened(&request).0.unwrap();
    assert!(!data.is_synthetic());
    assert_eq!((data.name.as_str(), data.origin), ("kmnist", Origin::Folder(named)));
    assert_eq!(data.checksums.len(), 4);
}

#[test]
fn another_data_set_needs_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (result, _) = opened(&request(DataName::Other("kmnist".into()), folder.path()));
    assert!(matches!(result, Err(DataError::FolderNeeded { name }) if name == "kmnist"));
}

#[test]
fn without_files_and_without_mirrors_the_synthetic_digits_take_over_and_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (data, events) = opened(&request(DataName::Mnist, folder.path()));
    let data = data.unwrap();
    assert!(data.is_synthetic() && data.name == "synthetic");
    assert!(matches!(
        &events[..],
        [DataEvent::DownloadStarted { .. }, DataEvent::MirrorFailed { .. }, DataEvent::SyntheticUsed { .. }]
    ));
}

#[test]
fn without_files_and_without_leave_to_download_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(DataName::Mnist, folder.path());
    request.allow_download = false;
    let (data, events) = opened(&request);
    assert!(data.unwrap().is_synthetic());
    assert!(matches!(&events[..], [DataEvent::SyntheticUsed { reason }] if reason.contains("not allowed")));
    assert!(!request.default_dir.exists());
}

#[test]
fn a_usual_folder_that_is_broken_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(DataName::Mnist, folder.path());
    make_folder(&request.default_dir);
    let (result, events) = opened(&request);
    assert!(matches!(result, Err(DataError::ChecksumDiffers { .. })));
    assert!(!fell_back(&events));

    // With a file missing, it would have to be completed: neither with a download nor without one is
    // what there is passed over.
    fs::remove_file(request.default_dir.join(Part::TestLabels.file_name())).unwrap();
    let (result, events) = opened(&request);
    assert!(matches!(result, Err(DataError::Download(DownloadError::Occupied { .. }))));
    assert!(!fell_back(&events));
    request.allow_download = false;
    let (result, events) = opened(&request);
    assert!(matches!(result, Err(DataError::FileMissing { .. })));
    assert!(!fell_back(&events));
}

#[test]
fn a_usual_folder_that_cannot_be_completed_is_an_error() {
    let Some(mnist) = std::env::var_os("SOTTOVOCE_DATA") else {
        println!("skipped: SOTTOVOCE_DATA names no folder with MNIST");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let request = request(DataName::Mnist, folder.path());
    let right = Part::TestLabels.find_in(Path::new(&mnist)).unwrap();
    fs::create_dir(&request.default_dir).unwrap();
    fs::copy(&right, request.default_dir.join(right.file_name().unwrap())).unwrap();
    let (result, events) = opened(&request);
    assert!(matches!(result, Err(DataError::Download(DownloadError::NoMirror { .. }))));
    assert!(events.contains(&DataEvent::AlreadyPresent { file: Part::TestLabels.file_name() }));
    assert!(!fell_back(&events));
}

#[test]
fn data_names_are_read_as_they_are_written() {
    for name in [DataName::Mnist, DataName::Synthetic, DataName::Other("Fashion-MNIST".into())] {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    assert_eq!("MNIST".parse(), Ok(DataName::Mnist));
}

/// A request for another data set in `folder`.
fn other(name: &str, folder: &Path) -> Request {
    Request { path: Some(folder.to_owned()), ..request(DataName::Other(name.into()), folder) }
}

/// Writes EMNIST's letters: digits as their images, and these labels.
fn write_letters(folder: &Path, train: &[u8], test: &[u8]) {
    for (half, name, labels) in [(Subset::Train, "train", train), (Subset::Test, "test", test)] {
        let images = image_file(&synthetic_digits(labels.len(), 1, half));
        let labels = idx(&[labels.len() as u32], labels);
        fs::write(folder.join(format!("emnist-letters-{name}-images-idx3-ubyte.gz")), gzip(&images)).unwrap();
        fs::write(folder.join(format!("emnist-letters-{name}-labels-idx1-ubyte.gz")), gzip(&labels)).unwrap();
    }
}

#[test]
fn emnists_letters_are_turned_upright_and_their_labels_begin_at_0() {
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (1..=26).collect();
    write_letters(folder.path(), &labels, &[3, 26]);
    let (data, events) = opened(&other("emnist-letters", folder.path()));
    let data = data.unwrap();
    assert_eq!(data.train.image(0), synthetic_digits(1, 1, Subset::Train).transposed().image(0));
    assert_eq!((data.classes, data.orientation), (26, Orientation::Transposed));
    assert_eq!((data.train.labels()[25], data.test.labels()), (25, &[2, 25][..]));
    let name = "emnist-letters".to_owned();
    assert_eq!(events, [DataEvent::Transposed { name }, DataEvent::LabelsFromOne { last: 26 }]);
}

#[test]
fn images_and_labels_are_taken_as_stored_where_the_request_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (1..=26).collect();
    write_letters(folder.path(), &labels, &[3, 26]);
    let mut request = other("emnist-letters", folder.path());
    (request.orientation, request.first_label) = (Some(Orientation::Upright), Some(0));
    let (data, events) = opened(&request);
    let data = data.unwrap();
    assert_eq!(data.train.image(0), synthetic_digits(1, 1, Subset::Train).image(0));
    assert_eq!((data.classes, data.test.labels()), (27, &[3, 26][..]));
    assert_eq!(events, []);
}

#[test]
fn images_are_transposed_and_inverted_where_the_request_says_so() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path());
    let mut request = other("mine", folder.path());
    (request.orientation, request.invert) = (Some(Orientation::Transposed), true);
    let data = opened(&request).0.unwrap();
    assert_eq!(data.train, synthetic_digits(12, 1, Subset::Train).transposed().inverted());
}

#[test]
fn labels_without_0_stay_where_another_is_missing_too() {
    let folder = tempfile::tempdir().unwrap();
    for (train, test, classes) in [([1, 2, 4], [2, 4], 5), ([1, 2, 3], [0, 1], 4), ([1, 1, 1], [1, 1], 2)] {
        write_letters(folder.path(), &train, &test);
        let (data, events) = opened(&other("emnist-letters", folder.path()));
        let data = data.unwrap();
        assert_eq!((data.train.labels(), data.classes), (&train[..], classes));
        assert!(!events.iter().any(|event| matches!(event, DataEvent::LabelsFromOne { .. })));
    }
}

#[test]
fn labels_of_0_are_not_taken_for_labels_from_1() {
    let folder = tempfile::tempdir().unwrap();
    write_letters(folder.path(), &[1, 2, 3], &[0, 1]);
    let request = Request { first_label: Some(1), ..other("emnist-letters", folder.path()) };
    let error = opened(&request).0.unwrap_err().to_string();
    assert!(error.contains("`data.first_label` is 1, but") && error.contains("test-labels"), "{error}");
}

#[test]
fn as_many_classes_as_a_byte_has_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_letters(folder.path(), &(0..=255).collect::<Vec<_>>(), &[0]);
    assert_eq!(opened(&other("many", folder.path())).0.unwrap().classes, 256);
}

#[test]
fn unequal_numbers_of_images_and_labels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path());
    fs::write(folder.path().join("t10k-labels-idx1-ubyte"), idx(&[4], &[0; 4])).unwrap();
    let error = opened(&other("mine", folder.path())).0.unwrap_err();
    assert!(matches!(error, DataError::CountsDiffer { images: 5, labels: 4, .. }), "{error}");
}

#[test]
fn training_and_test_images_of_different_size_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path());
    fs::write(folder.path().join("t10k-images-idx3-ubyte"), idx(&[5, 3, 3], &[0; 45])).unwrap();
    let error = opened(&other("mine", folder.path())).0.unwrap_err();
    assert!(matches!(error, DataError::SidesDiffer { train: 28, test: 3, .. }), "{error}");
}

#[test]
fn what_is_not_mnist_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path());
    let mut request = request(DataName::Mnist, folder.path());
    request.path = Some(folder.path().to_owned());
    let error = opened(&request).0.unwrap_err();
    let DataError::ChecksumDiffers { file, expected, .. } = &error else { panic!("{error}") };
    assert!(file.ends_with("train-images-idx3-ubyte"));
    assert_eq!(*expected, Part::TrainImages.mnist_sha256());
    assert!(error.to_string().contains("delete it and download it again"));
    assert!(error.to_string().contains("[data] name"));
}

#[test]
fn checksums_of_another_data_set_are_those_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path());
    let checksums = opened(&other("mine", folder.path())).0.unwrap().checksums;
    let bytes = image_file(&synthetic_digits(12, 1, Subset::Train));
    assert_eq!(checksums["train-images-idx3-ubyte"], file_content::sha256([bytes.as_slice()]));
    let bytes = label_file(&synthetic_digits(5, 1, Subset::Test));
    assert_eq!(checksums["t10k-labels-idx1-ubyte"], file_content::sha256([bytes.as_slice()]));
}

#[test]
fn data_in_the_usual_folder_that_is_not_mnist_is_never_passed_over() {
    let digits = (synthetic_digits(12, 1, Subset::Train), synthetic_digits(5, 1, Subset::Test));
    let archive = npz_data_set(&digits.0, &digits.1, ["x_train", "y_train", "x_test", "y_test"]);
    for (name, bytes) in [
        ("train-images.idx", image_file(&digits.0)),
        ("emnist-digits-train-images-idx3-ubyte.gz", gzip(&image_file(&digits.0))),
        ("mnist.npz", archive),
        ("weights.npz", crate::test_files::npz(&[])),
    ] {
        for allow_download in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let request = Request { allow_download, ..request(DataName::Mnist, folder.path()) };
            fs::create_dir(&request.default_dir).unwrap();
            fs::write(request.default_dir.join(name), &bytes).unwrap();
            let (result, events) = opened(&request);
            let error = result.unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("MNIST"), "{error}");
            assert_eq!(events, []);
        }
    }
}

#[test]
fn a_data_set_inside_the_usual_folder_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(DataName::Mnist, folder.path());
    make_folder(&request.default_dir.join("raw"));
    let error = opened(&request).0.unwrap_err().to_string();
    assert!(error.contains("default/raw inside it does: name that folder"), "{error}");
}

#[test]
fn notes_in_the_usual_folder_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(DataName::Mnist, folder.path());
    fs::create_dir(&request.default_dir).unwrap();
    fs::write(request.default_dir.join("README.md"), b"").unwrap();
    let (data, events) = opened(&request);
    assert!(data.unwrap().is_synthetic() && fell_back(&events));
}

/// MNIST's folder, where the environment names one.
fn mnist_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("SOTTOVOCE_DATA");
    if folder.is_none() {
        println!("skipped: SOTTOVOCE_DATA names no folder with MNIST");
    }
    folder.map(PathBuf::from)
}

#[test]
fn mnist_has_its_70_000_images() {
    let Some(mnist) = mnist_folder() else { return };
    let mut request = request(DataName::Mnist, &mnist);
    request.path = Some(mnist);
    let (data, events) = opened(&request);
    let data = data.unwrap();
    assert_eq!(events, []);
    assert_eq!((data.train.len(), data.test.len(), data.train.side()), (60_000, 10_000, 28));
    assert_eq!(data.train.counts(), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(data.test.counts(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!((data.classes, data.recognised), (10, Some("MNIST")));
}

#[test]
fn mnist_is_recognised_under_another_name_and_in_an_archive() {
    let Some(mnist) = mnist_folder() else { return };
    let mut request = other("digits", &mnist);
    let (data, events) = opened(&request);
    let data = data.unwrap();
    let recognised = DataEvent::Recognised { asked: "digits".into(), known: "MNIST" };
    assert_eq!((data.name.as_str(), &events[..]), ("digits", &[recognised][..]));
    // The archive's arrays are MNIST's as well, and so it may be called so.
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("mnist.npz");
    let bytes = npz_data_set(&data.train, &data.test, ["x_train", "y_train", "x_test", "y_test"]);
    fs::write(&archive, bytes).unwrap();
    (request.name, request.path) = (DataName::Mnist, Some(archive));
    let (again, events) = opened(&request);
    assert_eq!((again.unwrap().train, events), (data.train, vec![]));
}

#[test]
fn mnist_under_dotted_names_in_the_usual_folder_is_used() {
    let Some(mnist) = mnist_folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let request = request(DataName::Mnist, folder.path());
    fs::create_dir(&request.default_dir).unwrap();
    for part in Part::ALL {
        let name = part.compressed_name().replace("-idx", ".idx");
        fs::copy(part.find_in(&mnist).unwrap(), request.default_dir.join(name)).unwrap();
    }
    let (data, events) = opened(&request);
    assert_eq!((data.unwrap().name.as_str(), events), ("mnist", vec![]));
}

#[test]
fn checksums_tell_apart_how_images_are_read() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path());
    let as_stored = opened(&other("mine", folder.path())).0.unwrap().checksums;
    assert_eq!(as_stored.len(), 4);
    let inverted = Request { invert: true, ..other("mine", folder.path()) };
    let turned = Request { orientation: Some(Orientation::Transposed), ..other("mine", folder.path()) };
    let [inverted, turned] = [inverted, turned].map(|request| opened(&request).0.unwrap().checksums);
    assert!(inverted["train as read"] != turned["train as read"] && inverted.len() == 6);
}
