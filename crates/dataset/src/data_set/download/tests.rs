use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::test_files::gzip;

/// Content of the four files in these tests. [`sha256_of`] has their checksums.
fn content_of(part: Part) -> &'static [u8] {
    match part {
        Part::TrainImages => b"train images",
        Part::TrainLabels => b"train labels",
        Part::TestImages => b"test images",
        Part::TestLabels => b"test labels",
    }
}

fn sha256_of(part: Part) -> &'static str {
    file_content::sha256([content_of(part)]).leak()
}

/// Answer of a mirror.
#[derive(Clone, Copy)]
enum Mirror {
    Good,
    /// Announces more bytes than it sends.
    Truncated,
    /// Sends half of the file as if it were all.
    Halved,
    /// Sends another file.
    Wrong,
    NotFound,
    /// Sends without end.
    Endless,
    /// Accepts and says nothing.
    Silent,
}

/// Starts a mirror on this machine and returns its address.
fn start(mirror: Mirror) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| {
            thread::spawn(move || answer(stream, mirror));
        });
    });
    format!("http://{address}/mnist/")
}

/// Answers one request. The client may hang up at any time, so that errors mean nothing here.
fn answer(mut stream: TcpStream, mirror: Mirror) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    let files: HashMap<String, Vec<u8>> =
        Part::ALL.map(|p| (format!("/mnist/{}", p.compressed_name()), gzip(content_of(p)))).into();
    let Some(file) = request.split(' ').nth(1).and_then(|path| files.get(path)) else { return };
    let (status, length, body) = match mirror {
        Mirror::Good => ("200 OK", file.len(), file.clone()),
        Mirror::Truncated => ("200 OK", file.len(), file[..file.len() / 2].to_vec()),
        Mirror::Halved => ("200 OK", file.len() / 2, file[..file.len() / 2].to_vec()),
        Mirror::Wrong => ("200 OK", gzip(b"something else").len(), gzip(b"something else")),
        Mirror::NotFound => ("404 Not FileContent", 0, Vec::new()),
        Mirror::Endless => ("200 OK", 1 << 40, Vec::new()),
        Mirror::Silent => {
            // Holds the connection until the client gives up.
            lines.next();
            return;
        }
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    if matches!(mirror, Mirror::Endless) {
        while stream.write_all(&[0; CHUNK]).is_ok() {}
    }
}

/// Fetches from these mirrors into `folder`; the result and what happened.
fn fetch(folder: &Path, mirrors: &[Mirror]) -> (Result<(), DownloadError>, Vec<DataEvent>) {
    let fetch = MnistDownload {
        mirrors: mirrors.iter().map(|&mirror| start(mirror)).collect(),
        ..MnistDownload::default()
    };
    let mut events = Vec::new();
    let result = fetch.files(folder, sha256_of, &mut |event| events.push(event));
    (result, events)
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Reasons of failed mirrors, in order.
fn failures(events: &[DataEvent]) -> Vec<&str> {
    let mut reasons = Vec::new();
    for event in events {
        if let DataEvent::MirrorFailed { reason, .. } = event {
            reasons.push(reason.as_str());
        }
    }
    reasons
}

#[test]
fn a_good_mirror_fills_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("data/mnist");
    let (result, events) = fetch(&target, &[Mirror::Good]);
    result.unwrap();
    for part in Part::ALL {
        let file = part.find_in(&target).unwrap();
        assert_eq!(file_content::sha256_of_file(&file).unwrap(), sha256_of(part));
        let bytes = fs::metadata(&file).unwrap().len();
        let name = part.file_name();
        assert!(events.contains(&DataEvent::DownloadAdvanced {
            file: name,
            received: bytes,
            total: Some(bytes)
        }));
        assert!(events.contains(&DataEvent::Downloaded { file: name, bytes }));
    }
    assert_eq!(names_in(&target).len(), 4, "{:?}", names_in(&target));
}

#[test]
fn what_is_there_and_right_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(Part::TestImages.file_name()), content_of(Part::TestImages)).unwrap();
    fetch(folder.path(), &[Mirror::Good]).0.unwrap();
    let (result, events) = fetch(folder.path(), &[]);
    result.unwrap();
    assert_eq!(events, Part::ALL.map(|part| DataEvent::AlreadyPresent { file: part.file_name() }));
    assert!(!folder.path().join(Part::TestImages.compressed_name()).exists());
}

#[test]
fn each_kind_of_bad_mirror_is_reported_and_the_next_one_tried() {
    for (bad, reason) in [
        (Mirror::Truncated, "disconnected"),
        (Mirror::Halved, "damaged"),
        (Mirror::Wrong, "SHA-256"),
        (Mirror::NotFound, "404"),
        (Mirror::Endless, "more than"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (result, events) = fetch(folder.path(), &[bad, Mirror::Good]);
        result.unwrap();
        // Once only: the good mirror is asked first for the other three files.
        let failures = failures(&events);
        assert!(failures.len() == 1 && failures[0].contains(reason), "{failures:?}");
        assert_eq!(names_in(folder.path()).len(), 4);
    }
}

#[test]
fn without_a_good_mirror_nothing_is_left_behind() {
    for bad in [Mirror::Truncated, Mirror::Halved, Mirror::Wrong, Mirror::NotFound] {
        let folder = tempfile::tempdir().unwrap();
        let (result, events) = fetch(folder.path(), &[bad, bad]);
        let error = result.unwrap_err();
        assert!(
            matches!(error, DownloadError::NoMirror { mirrors: 2, file: "train-images-idx3-ubyte", .. }),
            "{error}"
        );
        assert_eq!(failures(&events).len(), 2);
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }
}

#[test]
fn a_silent_mirror_is_not_waited_for_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let fetch = MnistDownload {
        mirrors: vec![start(Mirror::Silent)],
        response_timeout: Duration::from_millis(200),
        ..MnistDownload::default()
    };
    let error = fetch.run(folder.path(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("timeout"), "{error}");
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
}

#[test]
fn only_mirrors_on_this_machine_are_reached_without_a_proxy() {
    for url in ["http://127.0.0.1:8000/mnist/", "http://localhost/", "https://[::1]:8443/"] {
        assert!(on_this_machine(url), "{url}");
    }
    let others = ["https://example.org/127.0.0.1/", "http://localhost.example.org/", "no address"];
    for url in MNIST_MIRRORS.iter().chain(&others) {
        assert!(!on_this_machine(url), "{url}");
    }
}

#[test]
fn a_mirror_that_nobody_runs_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and closed again: nobody listens on it.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fetch = MnistDownload { mirrors: vec![format!("http://{address}")], ..MnistDownload::default() };
    let mut failed = 0;
    let result = fetch.run(folder.path(), &mut |event| {
        failed += usize::from(matches!(event, DataEvent::MirrorFailed { .. }));
    });
    assert!(matches!(result, Err(DownloadError::NoMirror { mirrors: 1, .. })));
    assert_eq!(failed, 1);
}

#[test]
fn a_wrong_file_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(Part::TestLabels.compressed_name());
    fs::write(&path, gzip(b"a file of another data set")).unwrap();
    let (result, events) = fetch(folder.path(), &[Mirror::Good]);
    let error = result.unwrap_err();
    assert!(matches!(&error, DownloadError::Occupied { file, .. } if *file == path), "{error}");
    assert!(!events.iter().any(|event| matches!(event, DataEvent::DownloadStarted { .. })));
    assert_eq!(fs::read(&path).unwrap(), gzip(b"a file of another data set"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"").unwrap();
    let (result, _) = fetch(&path.join("below"), &[Mirror::Good]);
    assert!(matches!(result, Err(DownloadError::Unwritable { .. })));
}
