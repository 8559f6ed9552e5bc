//! The operator's commands, and registrations whose clients can no longer use them.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use sottovoce_service::remote::RemoteProgress;

use super::enrolled_client::EnrolledClient;
use super::signed::Signed;
use super::world::{LOCAL, SECURE, Served, World, endless};

/// The output of `clients list --json`.
fn list(world: &World) -> Value {
    let run = world.sandbox.run(&["clients", "list", "--json"]).succeeds();
    serde_json::from_str(&run.stdout).unwrap()
}

/// The names and the states of the certificates of all registered clients, sorted.
fn names(world: &World) -> Vec<String> {
    let list = list(world);
    let text = |client: &Value| {
        format!("{} {}", client["name"].as_str().unwrap_or("-"), client["state"].as_str().unwrap())
    };
    let mut names: Vec<String> = list["clients"].as_array().unwrap().iter().map(text).collect();
    names.sort();
    names
}

fn revoke(world: &World, name: &str) {
    world.sandbox.run(&["authority", "revoke", "authority", "--name", name]).succeeds();
}

/// Runs `classify`. Returns whether it had to register its keys.
fn registers(world: &World, url: &str, name: &str) -> bool {
    world.classify(url, name, &[]).succeeds().stderr.contains("registered the keys")
}

#[test]
fn an_operator_lists_and_removes_clients_of_a_running_and_a_stopped_service() {
    let world = World::new();
    world.authority();
    let mut served = Served::start(&world, &["small"], &SECURE);
    assert!(names(&world).is_empty());
    for name in ["alice", "bob"] {
        world.enrol(name, &served.url);
        assert!(registers(&world, &served.url, name));
    }
    assert_eq!(names(&world), ["alice valid", "bob valid"]);
    let all = list(&world);
    let alice = all["clients"].as_array().unwrap().iter().find(|client| client["name"] == "alice").unwrap();
    let issued = world.sandbox.run(&["authority", "list", "authority", "--json"]).succeeds();
    let issued: Value = serde_json::from_str(&issued.stdout).unwrap();
    let certificate =
        issued["certificates"].as_array().unwrap().iter().find(|issued| issued["client"] == "alice").unwrap();
    for field in ["serial", "not_after", "keys", "issuer"] {
        assert_eq!(alice[field], certificate[field], "{field}");
    }
    assert_eq!((&alice["batches"], &alice["has_current_parameters"]), (&0.into(), &true.into()));
    assert!(alice["bytes"].as_u64().unwrap() > 10_000 && alice["registered"].is_string());
    let table = world.sandbox.run(&["clients", "list"]).succeeds().stdout;
    assert!(
        table.contains("2 clients of service") && table.contains(alice["serial"].as_str().unwrap()),
        "{table}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &str| fs::metadata(world.sandbox.path(path)).unwrap().permissions().mode() & 0o777;
        let modes = ["service", "service/keys.redb", "service/operator.sock"].map(mode);
        assert_eq!(modes, [0o700, 0o600, 0o600]);
    }

    // A client that was removed can come back, because its certificate is valid.
    let removed = world.sandbox.run(&["clients", "remove", "--name", "bob"]).succeeds();
    assert!(removed.stdout.contains("removed: bob") && removed.stdout.contains("authority revoke"));
    assert_eq!(names(&world), ["alice valid"]);
    world.sandbox.run(&["clients", "remove", "--name", "bob"]).fails(1, &["no such client", "clients list"]);
    assert!(registers(&world, &served.url, "bob"));
    assert!(!registers(&world, &served.url, "bob"));

    // The commands work on a service that was killed, and the next one replaces its socket.
    served.kill();
    assert_eq!(list(&world)["running"], false);
    assert_eq!(names(&world), ["alice valid", "bob valid"]);
    let serial = alice["serial"].as_str().unwrap();
    world.sandbox.run(&["clients", "remove", "--serial", serial]).succeeds();
    let served = Served::start(&world, &["small"], &SECURE);
    assert_eq!(names(&world), ["bob valid"]);
    assert_eq!(list(&world)["running"], true);
    assert!(!registers(&world, &served.url, "bob"));
    assert!(registers(&world, &served.url, "alice"));
    // A second service with the same folder leaves the first one's socket alone.
    let second = ["serve", "--models", "small", "--range", "proven", "--listen", "127.0.0.1:0"];
    world.sandbox.run(&[&second[..], &SECURE].concat()).fails(1, &["in use by another service", "--state"]);
    assert_eq!(names(&world), ["alice valid", "bob valid"]);
    world.sandbox.run(&["clients", "list", "--state", "elsewhere"]).fails(1, &["elsewhere/keys.redb"]);
}

#[test]
fn a_removed_client_is_disconnected_and_its_batches_are_dropped() {
    let world = World::new();
    world.authority();
    world.add_model("endless", &endless());
    let metrics = ["--metrics", "127.0.0.1:0", "--threads", "1"];
    let served = Served::start(&world, &["small", "endless"], &[&SECURE[..], &metrics].concat());
    world.enrol("alice", &served.url);
    let cancelled = "sottovoce_batches_total{outcome=\"cancelled\"}";
    let computing = AtomicUsize::new(0);
    let watch = |step| {
        // The batch is evaluated for minutes, so that it is still being evaluated when the command ends.
        let RemoteProgress::Computing { .. } = step else { return };
        let ends = served.metric(cancelled).unwrap_or(0.0);
        match computing.fetch_add(1, Ordering::Relaxed) {
            0 => world.sandbox.run(&["clients", "remove", "--name", "alice"]).succeeds(),
            // The certificate is valid, so that the client has registered and sent the batch again.
            1 => world.sandbox.run(&["authority", "revoke", "authority", "--name", "alice"]).succeeds(),
            _ => return,
        };
        served.wait_until("the batch is cancelled", |served| served.metric(cancelled) == Some(ends + 1.0));
    };
    let alice = EnrolledClient::new(&world, &served, "alice", "endless");
    let error = alice.evaluate(&world.quantised(&world.slow), &watch).err().unwrap().to_string();
    assert_eq!(served.metric(cancelled), Some(2.0), "{error}");
    let log = served.log();
    assert!(log.contains("an operator deleted a registration client=\"alice\""), "{log}");
    assert_eq!(log.matches("registered client=\"alice\"").count(), 2, "{log}");
    assert_eq!(log.matches("outcome=\"cancelled\"").count(), 2, "{log}");
}

#[test]
fn registrations_of_revoked_clients_make_room_and_disappear() {
    let world = World::new();
    world.authority();
    let one = [&SECURE[..], &["--stored-keys", "1"]].concat();
    let mut served = Served::start(&world, &["small"], &one);
    for name in ["alice", "bob", "carol"] {
        world.enrol(name, &served.url);
    }
    assert!(registers(&world, &served.url, "alice"));
    // There is no room for a newcomer as long as the first client is valid.
    world.classify(&served.url, "bob", &[]).fails(1, &["the keys of 1 clients are stored"]);
    assert_eq!(names(&world), ["alice valid"]);
    revoke(&world, "alice");
    served.wait_until("bob has a place", |served| world.classify(&served.url, "bob", &[]).code == Some(0));
    assert_eq!(names(&world), ["bob valid"]);
    world.classify(&served.url, "alice", &[]).fails(1, &["evoked"]);

    // The operator need not wait for the service.
    revoke(&world, "bob");
    served.wait_until("bob is revoked", |_| names(&world) == ["bob revoked"]);
    let expired = world.sandbox.run(&["clients", "expire"]).succeeds();
    assert!(expired.stdout.contains("removed: bob"), "{}", expired.stdout);
    assert!(names(&world).is_empty());
    let none = world.sandbox.run(&["clients", "expire", "--unused-days", "1"]).succeeds();
    assert!(none.stdout.contains("No registration was removed"), "{}", none.stdout);

    // A service deletes the registrations of revoked clients when it starts.
    assert!(registers(&world, &served.url, "carol"));
    served.kill();
    revoke(&world, "carol");
    assert_eq!(names(&world), ["carol valid"], "a stopped service does not know");
    let served = Served::start(&world, &["small"], &one);
    served.wait_until("carol is gone", |_| names(&world).is_empty());
}

#[test]
fn registrations_end_with_their_issuer_or_root() {
    let world = World::new();
    world.authority();
    let mut served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    assert!(registers(&world, &served.url, "alice"));
    world.sandbox.run(&["authority", "renew-issuer", "authority", "--revoke-former"]).succeeds();
    served.wait_until("the issuer is revoked", |_| names(&world) == ["alice issuer revoked"]);
    let expired = world.sandbox.run(&["clients", "expire"]).succeeds();
    assert!(expired.stdout.contains("removed: alice") && expired.stdout.contains("issuer revoked"));
    assert!(names(&world).is_empty());

    // Another root replaces the first one, and only the provider gets another certificate.
    let again = |name: &str| {
        fs::remove_file(world.sandbox.path(&format!("{name}/certificate.pem"))).unwrap();
        world.issue(name, "authority", &format!("{name}/certificate.pem"), &[]);
    };
    again("alice");
    assert!(registers(&world, &served.url, "alice"));
    world.sandbox.run(&["authority", "new-root", "authority", "--name", "next"]).succeeds();
    fs::remove_file(world.sandbox.path("provider/certificate.pem")).unwrap();
    fs::copy(world.sandbox.path("authority/root.pem"), world.sandbox.path("alice/root.pem")).unwrap();
    world.provider_identity_again("provider");
    assert!(!registers(&world, &served.url, "alice"), "both roots are trusted");
    assert_eq!(names(&world), ["alice valid"]);
    world.sandbox.run(&["authority", "retire-roots", "authority"]).fails(1, &["alice, serial"]);
    // The certificate of the new root is issued, and does not reach the client.
    world.issue("alice", "authority", "other.pem", &[]);
    world.sandbox.run(&["authority", "retire-roots", "authority"]).succeeds();
    fs::copy(world.sandbox.path("authority/root.pem"), world.sandbox.path("provider/root.pem")).unwrap();
    served.wait_until("the root is not trusted", |_| names(&world) == ["alice issuer unknown"]);
    served.kill();
    assert_eq!(names(&world), ["alice valid"], "a stopped service does not know");
    let served = Served::start(&world, &["small"], &SECURE);
    served.wait_until("alice is gone", |_| names(&world).is_empty());
}

#[test]
fn registrations_of_expired_clients_make_room_and_disappear() {
    let signed = Signed::new();
    let served = signed.serve(&["--stored-keys", "2"]);
    let world = &signed.world;
    for (name, serial) in [("alice", 11), ("bob", 12), ("carol", 13)] {
        signed.enrol(name, &served.url, serial);
    }
    // On a slow machine the certificates may end before both clients have registered. The next ones are valid for twice the time.
    let are_registered = [(20, 6), (30, 12), (40, 24)].into_iter().any(|(serial, seconds)| {
        let validity = time::Duration::seconds(seconds);
        signed.certify_client("alice", serial, validity);
        signed.certify_client("bob", serial + 1, validity);
        ["alice", "bob"].iter().all(|name| world.classify(&served.url, name, &[]).code == Some(0))
    });
    assert!(are_registered, "{}", served.log());
    served.wait_until("both have expired", |_| names(world) == ["alice expired", "bob expired"]);
    assert!(registers(world, &served.url, "carol"));
    assert_eq!(names(world).len(), 2, "one of the two made room");
    world.sandbox.run(&["clients", "expire"]).succeeds();
    assert_eq!(names(world), ["carol valid"]);
}

#[test]
fn a_renewed_certificate_takes_the_place_of_the_former_one() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    assert!(registers(&world, &served.url, "alice"));
    let serial = || list(&world)["clients"][0]["serial"].as_str().unwrap().to_owned();
    let former = serial();
    fs::remove_file(world.sandbox.path("alice/certificate.pem")).unwrap();
    world.issue("alice", "authority", "alice/certificate.pem", &["--days", "200"]);
    assert!(!registers(&world, &served.url, "alice"), "the keys are the same");
    assert_ne!(serial(), former);
    // The former certificate ends, and the registration stays.
    world.sandbox.run(&["authority", "revoke", "authority", "--serial", &former]).succeeds();
    world.sandbox.run(&["clients", "expire"]).succeeds();
    assert_eq!(names(&world), ["alice valid"]);
}

#[test]
fn a_folder_to_which_others_have_access_is_refused() {
    let world = World::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir(world.sandbox.path("shared")).unwrap();
        fs::write(world.sandbox.path("shared/letters"), "").unwrap();
        fs::set_permissions(world.sandbox.path("shared"), fs::Permissions::from_mode(0o755)).unwrap();
        let serve =
            ["serve", "--models", "small", "--range", "proven", "--insecure-local", "--state", "shared"];
        world.sandbox.run(&serve).fails(1, &["mode 755", "chmod 700", "--state"]);
        // Others could replace a folder in a folder to which they may write.
        fs::create_dir(world.sandbox.path("open")).unwrap();
        fs::set_permissions(world.sandbox.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
        let serve =
            ["serve", "--models", "small", "--range", "proven", "--insecure-local", "--state", "open/state"];
        world.sandbox.run(&serve).fails(1, &["open", "777"]);
        // The path of a socket has a maximum, which is found before anything else.
        let long = "d".repeat(110);
        let serve = ["serve", "--models", "small", "--range", "proven", "--insecure-local", "--state", &long];
        world.sandbox.run(&serve).fails(1, &["--state", "at most"]);
    }
    // Clients without certificates are listed by their keys.
    let served = Served::start(&world, &["small"], &LOCAL);
    world.classify(&served.url, "client", &LOCAL).succeeds();
    assert_eq!(names(&world), ["- unknown"]);
    let keys = list(&world)["clients"][0]["keys"].as_str().unwrap().to_owned();
    world.sandbox.run(&["clients", "remove", "--keys", &keys]).succeeds();
    assert!(names(&world).is_empty());
}
