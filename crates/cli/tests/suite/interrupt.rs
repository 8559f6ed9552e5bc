use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::sandbox::{Sandbox, rows};

#[test]
fn a_killed_run_resumes() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["reproduce", "small.toml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The run is killed as soon as its first setting is evaluated.
    let first = sandbox.path("results/small/settings/regular-1-seed7.json");
    let begun = Instant::now();
    while !first.exists() {
        assert!(begun.elapsed() < Duration::from_secs(300), "the first setting takes too long");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let trained =
        |setting| sandbox.path(&format!("results/small/members/regular-{setting}-seed7/trained.json"));
    let files = [first, trained(1), trained(2)];
    let written = || files.each_ref().map(|file| fs::metadata(file).unwrap().modified().unwrap());
    let before = written();

    sandbox.run(&["reproduce", "small.toml"]).succeeds();
    assert_eq!(written(), before, "what was finished was done again");
    assert_eq!(rows(&sandbox.path("results/small/accuracy.csv")).len(), 2 * 3 * 3);
}

#[test]
fn files_cut_short_by_a_full_disk_are_made_again() {
    let sandbox = Sandbox::new();
    let one = super::sandbox::SMALL.replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]");
    sandbox.write("small.toml", &one);
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    let accuracy = sandbox.read("results/small/accuracy.csv");
    for file in ["members/regular-1-seed7/trained.json", "settings/regular-1-seed7.json"] {
        let file = format!("results/small/{file}");
        let text = sandbox.read(&file);
        sandbox.write(&file, &text[..text.len() / 2]);
    }
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    assert_eq!(sandbox.read("results/small/accuracy.csv"), accuracy, "the same seed gives the same members");
}

#[test]
fn an_interrupted_run_prints_how_to_resume() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["train", "small.toml"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The message at Ctrl-C is set up when the configuration is written.
    let config = sandbox.path("results/small/config.toml");
    let begun = Instant::now();
    while !config.exists() {
        assert!(begun.elapsed() < Duration::from_secs(300), "the run takes too long to begin");
        sleep(Duration::from_millis(1));
    }
    sleep(Duration::from_millis(50));
    let signal = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("finished work is kept in results/small"), "{stderr}");
    assert!(stderr.contains("run the same command again"), "{stderr}");
}
