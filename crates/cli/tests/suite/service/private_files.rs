//! Files with plaintext and keys belong to one user.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::world::{LOCAL, SECURE, Served, World};

fn set_mode(world: &World, path: &str, mode: u32) {
    fs::set_permissions(world.sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(world: &World, path: &str) -> u32 {
    fs::metadata(world.sandbox.path(path)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn answers_and_known_models_are_readable_only_for_their_owner() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    world.sandbox.write("predictions.csv", "of last week");
    set_mode(&world, "predictions.csv", 0o644);
    world.classify(&served.url, "client", &LOCAL).succeeds();
    world.classify(&served.url, "client", &["--insecure-local", "--out", "new/p.csv"]).succeeds();
    for path in ["predictions.csv", "new/p.csv", "client/keys", "client/known-models.json"] {
        assert_eq!(mode(&world, path), 0o600, "{path}");
    }
    assert_eq!(mode(&world, "client"), 0o700);
    let left_over = fs::read_dir(world.sandbox.path(".")).unwrap();
    let is_partial = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".partial");
    assert!(!left_over.map(|entry| entry.unwrap().file_name()).any(is_partial));

    // Files and folders that others can change are refused, with the command that mends them.
    let refused = |path: &str, words: &[&str]| {
        world.classify(&served.url, "client", &LOCAL).fails(1, words);
        let forget = ["forget", "--provider", &served.url, "--insecure-local", "--client", "client"];
        if path == "client" {
            world.sandbox.run(&forget).fails(1, words);
        }
    };
    for (path, wrong, right, repair) in [
        ("client", 0o757, 0o700, "chmod go-w"),
        ("client", 0o1777, 0o700, "chmod go-w"),
        ("client/known-models.json", 0o666, 0o600, "chmod go-w client/known-models.json"),
        ("client/keys", 0o640, 0o600, "chmod 600 client/keys"),
    ] {
        set_mode(&world, path, wrong);
        refused(path, &[path, &format!("mode {wrong:o}"), "owner", repair]);
        set_mode(&world, path, right);
    }
    // So are folders above.
    set_mode(&world, ".", 0o777);
    refused("client", &["mode 777", "chmod go-w"]);
    set_mode(&world, ".", 0o700);
    world.classify(&served.url, "client", &LOCAL).succeeds();

    // Only root can give files away.
    for path in ["client", "client/keys", "client/known-models.json"] {
        let path = &world.sandbox.path(path);
        if std::os::unix::fs::chown(path, Some(12_345), None).is_err() {
            eprintln!("not checked: files of another owner, which only root can make");
            break;
        }
        world
            .classify(&served.url, "client", &LOCAL)
            .fails(1, &["belongs to another user", "owner 12345", "chown"]);
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
    }
    world.classify(&served.url, "client", &LOCAL).succeeds();
}

#[test]
fn folders_of_authority_and_provider_are_checked_as_the_client_s() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    world.classify(&served.url, "alice", &[]).succeeds();
    // Somebody who can write the root certificate chooses the provider.
    set_mode(&world, "alice/root.pem", 0o666);
    world
        .classify(&served.url, "alice", &[])
        .fails(1, &["alice/root.pem (mode 666", "chmod go-w alice/root.pem"]);
    set_mode(&world, "alice/root.pem", 0o644);
    drop(served);

    set_mode(&world, "authority", 0o703);
    world.sandbox.run(&["authority", "list", "authority"]).fails(1, &["authority (mode 703", "chmod go-w"]);
    set_mode(&world, "authority", 0o700);
    world.sandbox.run(&["authority", "list", "authority"]).succeeds();
    set_mode(&world, "provider", 0o777);
    let serve = ["serve", "--range", "proven", "--listen", "127.0.0.1:0", "--models", "small"];
    world.sandbox.run(&[&serve[..], &SECURE].concat()).fails(1, &["provider (mode 777", "chmod go-w"]);
    set_mode(&world, "provider", 0o755);
    // Somebody who can write the roots chooses the clients.
    set_mode(&world, "provider/root.pem", 0o666);
    world
        .sandbox
        .run(&[&serve[..], &SECURE].concat())
        .fails(1, &["provider/root.pem (mode 666", "chmod go-w"]);
    set_mode(&world, "provider/root.pem", 0o644);
    Served::start(&world, &["small"], &SECURE);
}
