use std::fs;
use std::net::TcpListener;

use super::*;
use crate::idx_writer::write_folder;

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
fn opened(request: &Request) -> (Result<DataSet, DataError>, Vec<Event>) {
    let mut events = Vec::new();
    let result = open(request, &mut |event| events.push(event));
    (result, events)
}

fn fell_back(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::FellBack { .. }))
}

fn make_folder(path: &Path) {
    fs::create_dir_all(path).unwrap();
    write_folder(path, &synthetic_digits(12, 1, Half::Train), &synthetic_digits(5, 1, Half::Test));
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
    request.explicit_dir = Some(folder.path().join("missing"));
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
    request.explicit_dir = Some(named.clone());
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
        [Event::Fetching { .. }, Event::MirrorFailed { .. }, Event::FellBack { .. }]
    ));
}

#[test]
fn without_files_and_without_leave_to_download_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(DataName::Mnist, folder.path());
    request.allow_download = false;
    let (data, events) = opened(&request);
    assert!(data.unwrap().is_synthetic());
    assert!(matches!(&events[..], [Event::FellBack { reason }] if reason.contains("not allowed")));
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
    assert!(matches!(result, Err(DataError::Fetch(FetchError::Occupied { .. }))));
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
    assert!(matches!(result, Err(DataError::Fetch(FetchError::NoMirror { .. }))));
    assert!(events.contains(&Event::AlreadyThere { file: Part::TestLabels.file_name() }));
    assert!(!fell_back(&events));
}

#[test]
fn data_names_are_read_as_they_are_written() {
    for name in [DataName::Mnist, DataName::Synthetic, DataName::Other("Fashion-MNIST".into())] {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    assert_eq!("MNIST".parse(), Ok(DataName::Mnist));
}
