//! Killed providers and full disks.

use std::process::Command;
use std::sync::Mutex;

use bytes::Bytes;
use sottovoce_protocol::client::Client;
use sottovoce_service::remote::{RemoteProgress, RetryBudget};
use sottovoce_siege::read_model;

use super::world::{LOCAL, SECURE, Served, World, remote};

const MEMORY: u64 = 1 << 30;

/// A provider that any thread can kill and restart at the same address.
struct Fragile<'a> {
    world: &'a World,
    served: Mutex<Served>,
    address: String,
}

impl<'a> Fragile<'a> {
    fn new(world: &'a World) -> Self {
        let served = Served::start(world, &["slow"], &Self::arguments());
        let address = served.address();
        Self { world, served: Mutex::new(served), address }
    }

    /// Options with one thread, so that evaluations are slow enough to kill the provider on any machine.
    fn arguments() -> Vec<&'static str> {
        [&SECURE[..], &["--threads", "1"]].concat()
    }

    fn kill_and_restart(&self) {
        let mut served = self.served.lock().unwrap();
        served.kill();
        *served = Served::start_at(self.world, &self.address, &["slow"], &Self::arguments());
    }
}

#[test]
fn a_provider_that_is_killed_and_restarted_gives_the_right_answer() {
    let world = World::new();
    world.authority();
    let fragile = Fragile::new(&world);
    let url = format!("https://{}", fragile.address);
    world.enrol("alice", &url);
    let remote = remote(&world, &url, "alice", RetryBudget::default());
    let client = Client::load(&world.sandbox.path("alice/keys"), MEMORY).unwrap();
    let model = read_model(&client, &remote, None).unwrap();
    remote.register(client.key_fingerprint(), client.registration_message()).unwrap();

    type When = fn(RemoteProgress) -> bool;
    let moments: [(&str, When); 3] = [
        (
            "upload",
            |step| matches!(step, RemoteProgress::Uploading { sent_bytes, total_bytes } if sent_bytes > total_bytes / 3),
        ),
        ("compute", |step| matches!(step, RemoteProgress::Computing { .. })),
        ("download", |step| step == RemoteProgress::Downloading),
    ];
    for (name, moment) in moments {
        let mut message = Vec::new();
        let images = world.quantised(&world.slow);
        let pending = client.write_batch(&model, &images, &(), &mut message).unwrap();
        let killed = Mutex::new(false);
        let watch = |step| {
            let mut killed = killed.lock().unwrap();
            if !*killed && moment(step) {
                *killed = true;
                fragile.kill_and_restart();
            }
        };
        let (answer, _) = remote.evaluate(&client, &pending, &Bytes::from(message), &watch).unwrap();
        assert!(*killed.lock().unwrap(), "it was not killed in mid-{name}");
        let decrypted = client.decrypt(&pending, &answer[..]).unwrap();
        for (slot, expected) in world.oracle(&world.slow).iter().enumerate() {
            assert_eq!(&decrypted.slot(slot), expected, "after a kill in mid-{name}");
        }
    }
    // Keys were registered only once, so the database survived every kill.
    assert!(remote.is_registered(client.key_fingerprint()).unwrap());
}

/// The provider's files cannot grow after its start, so writing fails as on a full disk.
#[cfg(unix)]
#[test]
fn a_provider_with_a_full_disk_refuses_new_keys_and_keeps_old_ones() {
    let world = World::new();
    let mut served = Served::start(&world, &["small"], &LOCAL);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    served.kill();
    let kilobytes = std::fs::metadata(world.sandbox.path("service/keys.redb")).unwrap().len() / 1024;
    let serve = world.sandbox.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--range",
        "proven",
        "--insecure-local",
        "--models",
        "small",
    ]);
    let mut limited = Command::new("bash");
    // Without this, a signal would end the provider.
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$@\"");
    limited.args(["-c", &script, "bash"]).arg(serve.get_program()).args(serve.get_args());
    limited.current_dir(world.sandbox.path("."));
    let mut served = Served::spawn(&world, limited);
    // The new keys need more space than there is.
    let mut refused = 0;
    for number in 0..12 {
        let name = format!("client-{number}");
        let run = world.classify(&served.url, &name, &LOCAL);
        if run.code != Some(0) {
            run.fails(1, &["cannot store or find keys at present", "507"]);
            refused += 1;
        }
    }
    assert!(refused > 0, "there was room for everybody");
    // A client that registered before is still answered.
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    served.kill();
    // When there is space again, new clients are accepted.
    let served = Served::start(&world, &["small"], &LOCAL);
    world.classify(&served.url, "client-11", &LOCAL).succeeds();
    let run = world.classify(&served.url, "alice", &LOCAL).succeeds();
    assert!(!run.stderr.contains("registered"), "{}", run.stderr);
}
