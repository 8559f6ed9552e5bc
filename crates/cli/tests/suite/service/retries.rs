//! Tests of a client whose requests fail: its messages, and the requests that it does not repeat.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sottovoce_service::remote::RetryBudget;

use super::world::{LOCAL, SECURE, Served, World, remote};

/// Patience in which a test would not end, if a failure were repeated.
const PATIENT: [&str; 2] = ["--patience-seconds", "86400"];

#[test]
fn a_client_without_a_provider_says_so_once_and_tries_again() {
    let world = World::new();
    // The port is free, because nobody listens there any longer.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let run = world.classify(&url, "alice", &[&LOCAL[..], &["--patience-seconds", "5"]].concat());
    let run = run.fails(1, &["did not list its models within 5 s", "Connection refused"]);
    let notice = format!("{url} did not list its models yet: Connection refused");
    assert_eq!(run.stderr.matches(&notice).count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("; trying again for up to "), "{}", run.stderr);
    assert!(!world.sandbox.path("alice").exists(), "a folder was made for keys that were not");
}

#[test]
fn another_protocol_is_named_at_once() {
    let world = World::new();
    world.authority();
    let insecure = Served::start(&world, &["small"], &LOCAL);
    let secure = Served::start(&world, &["small"], &[&SECURE[..], &["--state", "other"]].concat());

    let https = insecure.url.replace("http:", "https:");
    let enrol = ["enrol", "--name", "alice", "--provider", &https, "--authority", "provider/root.pem"];
    let run = world.sandbox.run(&[&enrol[..], &PATIENT].concat());
    run.fails(1, &["the other side does not speak TLS", "--insecure-local", "http://"]);

    let http = secure.url.replace("https:", "http:");
    let run = world.classify(&http, "alice", &[&LOCAL[..], &PATIENT].concat());
    run.fails(1, &["the other side does not speak HTTP/2 without TLS", "https://"]);

    let other_host = secure.url.replace("127.0.0.1", "localhost");
    let enrol = ["enrol", "--name", "alice", "--provider", &other_host, "--authority", "provider/root.pem"];
    let run = world.sandbox.run(&[&enrol[..], &PATIENT].concat());
    run.fails(1, &["the provider's certificate is not accepted", "localhost"]);
}

/// Forwards connections to `provider`. When `is_damaging` is set, the next bytes of a client get a response without TLS, once.
fn start_damaging_proxy(provider: String, is_damaging: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let forward = move |mut near: TcpStream, is_damaging: &AtomicBool| -> io::Result<()> {
        let mut far = TcpStream::connect(&provider)?;
        let (mut back_from, mut back_to) = (far.try_clone()?, near.try_clone()?);
        thread::spawn(move || io::copy(&mut back_from, &mut back_to));
        let mut bytes = [0; 1 << 14];
        loop {
            let length = near.read(&mut bytes)?;
            if length == 0 {
                return far.shutdown(Shutdown::Both);
            }
            if is_damaging.swap(false, Ordering::SeqCst) {
                near.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
            } else {
                far.write_all(&bytes[..length])?;
            }
        }
    };
    let forward = Arc::new(forward);
    thread::spawn(move || {
        for near in listener.incoming() {
            let (forward, is_damaging) = (forward.clone(), is_damaging.clone());
            thread::spawn(move || near.and_then(|near| forward(near, &is_damaging)));
        }
    });
    address
}

#[test]
fn a_connection_that_is_damaged_after_an_answer_is_opened_again() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    let is_damaging = Arc::new(AtomicBool::new(false));
    let proxy = start_damaging_proxy(served.address(), is_damaging.clone());
    let remote = remote(&world, &format!("https://{proxy}"), "alice", RetryBudget::default());
    let parameters = remote.parameters().unwrap();
    is_damaging.store(true, Ordering::SeqCst);
    assert_eq!(remote.parameters().unwrap(), parameters);
    assert!(!is_damaging.load(Ordering::SeqCst), "no connection was damaged");
}

#[test]
fn lost_keys_are_never_replaced_in_the_folder_of_a_certificate() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    let keys = world.sandbox.path("alice/keys");
    let kept = world.sandbox.path("kept");
    fs::rename(&keys, &kept).unwrap();
    let words = ["alice/keys is missing", "restore the file", "enrol again in a new folder"];
    world.classify(&served.url, "alice", &[]).fails(1, &words);
    assert!(!keys.exists(), "new keys were made");
    fs::rename(&kept, &keys).unwrap();
    world.classify(&served.url, "alice", &[]).succeeds();
    drop(served);

    // A provider with other parameters: new keys would not fit the certificate.
    let other = Served::start(&world, &["small"], &[&SECURE[..], &["--hide-model"]].concat());
    let run = world.classify(&other.url, "alice", &[]);
    let run = run.fails(1, &["are for other parameters", "new keys need a new folder", "sottovoce enrol"]);
    assert!(!run.stderr.contains("move the file away"), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_notice_on_a_terminal_stands_on_a_line_of_its_own() {
    if Command::new("script").arg("--version").output().is_err() {
        println!("SKIPPED: the program `script`, which makes a terminal, is not here");
        return;
    }
    let world = World::new();
    let mut served = Served::start(&world, &["slow"], &[&LOCAL[..], &["--threads", "1"]].concat());
    let url = served.url.clone();
    let arguments = ["classify", "images.idx", "--provider", &url, "--patience-seconds", "5"];
    let classify = world.sandbox.command(&[&arguments[..], &LOCAL].concat());
    let words = std::iter::once(classify.get_program()).chain(classify.get_args());
    let line = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--command", &line, "/dev/null"]).current_dir(world.sandbox.path(""));
    let terminal = terminal.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    served.wait_for_log("received");
    served.kill();
    let shown = String::from_utf8(terminal.wait_with_output().unwrap().stdout).unwrap();
    let notice = shown.find(" yet: Connection refused").unwrap_or_else(|| panic!("no notice: {shown:?}"));
    let start = shown[..notice].rfind(&url).unwrap();
    // A bar is padded with spaces to the width of the terminal.
    assert!(shown[..start].contains(']') && !shown[..start].ends_with(' '), "{shown:?}");
}
