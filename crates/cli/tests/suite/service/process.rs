//! The provider's memory is out of reach for other processes of its user.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::world::{Served, World};

/// A user without privileges: the superuser may read everything.
const NOBODY: u32 = 65_534;

/// Gives a folder and all that is in it to a user.
fn give(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

#[test]
fn no_other_process_of_the_user_reads_a_provider_s_memory_and_there_is_no_core_dump() {
    let world = World::new();
    let folder = world.sandbox.path("");
    let user = fs::metadata(&folder).unwrap().uid();
    let as_user = if user == 0 { NOBODY } else { user };
    let arguments =
        ["serve", "--insecure-local", "--listen", "127.0.0.1:0", "--range", "proven", "--models", "small"];
    let mut serve = world.sandbox.command(&arguments);
    if user == 0 {
        // The program may be in a folder that only the superuser can enter.
        let program = world.sandbox.path("program");
        fs::copy(serve.get_program(), &program).unwrap();
        give(&folder, NOBODY);
        serve = Command::new(program);
        serve.current_dir(&folder).args(arguments).uid(NOBODY).gid(NOBODY);
    }
    let served = Served::spawn(&world, serve);
    let process = |file: &str| format!("/proc/{}/{file}", served.id());

    let limits = fs::read_to_string(process("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
    assert_eq!(fs::metadata(process("mem")).unwrap().uid(), 0);
    // The same user reads the limits, but neither memory nor environment.
    let reads = |file: &str| {
        let mut cat = Command::new("head");
        cat.args(["-c", "0", "--", &process(file)]);
        if user == 0 {
            cat.uid(NOBODY).gid(NOBODY);
        }
        cat.output().unwrap()
    };
    assert!(reads("limits").status.success());
    for file in ["mem", "environ", "maps"] {
        let output = reads(file);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains("Permission denied"),
            "{file}, user {as_user}: {said}"
        );
    }
}
