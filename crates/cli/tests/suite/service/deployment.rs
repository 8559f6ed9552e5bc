//! The files in `configs/deployment`.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::world::World;

fn deployment() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/deployment")
}

/// Writes a program.
fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_weekly_script_signs_the_lists_and_sends_them_to_every_provider() {
    let world = World::new();
    let sandbox = &world.sandbox;
    sandbox.write("passphrase", "a passphrase that is long");
    fs::set_permissions(sandbox.path("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    let create = ["authority", "create", "authority", "--passphrase-file", "passphrase"];
    sandbox.run(&create).succeeds();
    let before = sandbox.read("authority/revoked.pem");
    for folder in ["programs", "credentials", "memory"] {
        fs::create_dir(sandbox.path(folder)).unwrap();
    }
    // systemd gives credentials other rights than a passphrase file must have.
    fs::copy(sandbox.path("passphrase"), sandbox.path("credentials/passphrase")).unwrap();
    fs::set_permissions(sandbox.path("credentials/passphrase"), fs::Permissions::from_mode(0o440)).unwrap();
    // The forced command of each provider, except one that cannot be reached.
    write_program(
        &sandbox.path("programs/ssh"),
        "#!/bin/sh\nfor name; do :; done\n[ \"$name\" != broken ] && cat > $name.new && mv $name.new $name.pem\n",
    );
    let program = sandbox.command(&[]).get_program().to_owned();
    std::os::unix::fs::symlink(program, sandbox.path("programs/sottovoce")).unwrap();
    let path = format!("{}:{}", sandbox.path("programs").display(), std::env::var("PATH").unwrap());
    let run = Command::new(deployment().join("sottovoce-sign-lists"))
        .current_dir(sandbox.path(""))
        .env("PATH", path)
        .env("AUTHORITY", "authority")
        .env("PROVIDERS", "one broken two")
        .env("CREDENTIALS_DIRECTORY", "credentials")
        .env("RUNTIME_DIRECTORY", "memory")
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "a provider did not get the lists: {said}");
    assert!(said.contains("broken has not got the new lists"), "{said}");
    let signed = sandbox.read("authority/revoked.pem");
    assert_ne!(signed, before);
    for name in ["one", "two"] {
        assert_eq!(sandbox.read(&format!("{name}.pem")), signed);
    }
    assert_eq!(fs::read_dir(sandbox.path("memory")).unwrap().count(), 0, "the passphrase was left");
}

#[test]
fn systemd_reads_the_units() {
    let world = World::new();
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("SKIPPED: systemd-analyze is not here");
        return;
    }
    let mut units = Vec::new();
    for unit in ["sottovoce.service", "sottovoce-sign-lists.service", "sottovoce-sign-lists.timer"] {
        let text = fs::read_to_string(deployment().join(unit)).unwrap();
        // The programs are not installed here.
        let text = text.replace("/usr/local/bin/sottovoce-sign-lists", "/bin/true");
        let path = world.sandbox.path(unit);
        fs::write(&path, text.replace("/usr/local/bin/sottovoce", "/bin/true")).unwrap();
        units.push(path);
    }
    let run = Command::new("systemd-analyze").arg("verify").args(&units).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("sottovoce")).collect();
    assert!(run.status.success() && complaints.is_empty(), "{said}");
}
