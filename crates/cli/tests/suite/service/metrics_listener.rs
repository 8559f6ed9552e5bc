//! The listener for health and metrics, and the limit of open files that it shares with the service.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
#[cfg(unix)]
use std::process::Command;

use super::world::{LOCAL, Served, World, get};

#[test]
fn metrics_are_for_this_machine_unless_the_operator_says_otherwise() {
    let world = World::new();
    let serve =
        ["serve", "--models", "small", "--insecure-local", "--range", "proven", "--listen", "127.0.0.1:0"];
    let public = [&serve[..], &["--metrics", "0.0.0.0:0"]].concat();
    let words = ["0.0.0.0:0 is not a loopback address", "127.0.0.1:0", "--public-metrics"];
    world.sandbox.run(&public).fails(1, &words);
    world.sandbox.run(&[&serve[..], &["--public-metrics"]].concat()).fails(2, &["--metrics"]);
    let public = [&LOCAL[..], &["--metrics", "0.0.0.0:0", "--public-metrics"]].concat();
    let served = Served::start(&world, &["small"], &public);
    let port = served.metrics.as_ref().unwrap().rsplit_once(':').unwrap().1;
    assert!(get(&format!("127.0.0.1:{port}"), "/metrics").contains("sottovoce_connections"));
}

#[test]
fn connections_to_the_metrics_end_and_make_room() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &[&LOCAL[..], &["--metrics", "127.0.0.1:0"]].concat());
    let metrics = served.metrics.clone().unwrap();
    let silent: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(&metrics).unwrap()).collect();
    // All come from one address, so newcomers are refused until others have had a moment.
    let health = || {
        let mut stream = TcpStream::connect(&metrics)?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        std::io::Result::Ok(text)
    };
    served.wait_until("health is told", |_| health().is_ok_and(|text| text.contains("held_batches")));
    // One request for each connection, and none that takes long.
    drop(silent);
    let mut slow = TcpStream::connect(&metrics).unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: ").unwrap();
    let mut end = String::new();
    let _ = slow.read_to_string(&mut end);
    assert!(!end.contains("200 OK"), "{end}");
    let mut patient = TcpStream::connect(&metrics).unwrap();
    patient.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut response = String::new();
    patient.read_to_string(&mut response).unwrap();
    assert!(response.contains("200 OK") && response.contains("connection: close"), "{response}");
    world.classify(&served.url, "client", &LOCAL).succeeds();
}

#[cfg(unix)]
#[test]
fn a_service_has_as_many_open_files_as_its_connections_need_or_does_not_start() {
    let world = World::new();
    let limited = |limit: &str, connections: &str| {
        let serve = [
            "serve",
            "--models",
            "small",
            "--insecure-local",
            "--range",
            "proven",
            "--listen",
            "127.0.0.1:0",
        ];
        let serve = world.sandbox.command(&[&serve[..], &["--connections", connections]].concat());
        let mut command = Command::new("bash");
        command.args(["-c", &format!("ulimit {limit}; exec \"$@\""), "bash"]);
        command.arg(serve.get_program()).args(serve.get_args()).current_dir(world.sandbox.path("."));
        command
    };
    let output = limited("-n 200", "300").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    for words in ["300 connections need 475 open files", "allows 200", "--connections", "LimitNOFILE"] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
    // A soft limit is raised.
    let served = Served::spawn(&world, limited("-Sn 200", "300"));
    let many: Vec<TcpStream> = (0..250).map(|_| TcpStream::connect(served.address()).unwrap()).collect();
    drop(many);
    world.classify(&served.url, "client", &LOCAL).succeeds();
    assert!(!served.log().contains("cannot accept"), "{}", served.log());
}
