//! A provider that clients refuse, or that should be refused, says so in its own log.

#![cfg(unix)]

use std::fs;

use sottovoce_network::disk::{Origin, write_ensemble};
use sottovoce_protocol::Fingerprint;

use super::world::{SECURE, Served, World, slow_with_members};

#[test]
fn models_that_the_provider_s_certificate_does_not_list_are_named() {
    let world = World::new();
    world.authority();
    let listed = Fingerprint::of_ensemble(&world.slow);
    let identity = world.provider_identity("listed", &["--model", &format!("digits={listed}")]);
    let served = Served::start(&world, &["digits=slow"], &["--identity", &identity]);
    served.wait_for_log(" serving ");
    assert!(!served.log().contains("clients refuse"), "{}", served.log());
    // Another model under the same name, which fits the same parameters.
    let next = slow_with_members(5);
    let path = |name: &str| world.sandbox.path(name);
    write_ensemble(&path("new"), &next, &Origin::default()).unwrap();
    fs::rename(path("slow"), path("former")).unwrap();
    fs::rename(path("new"), path("slow")).unwrap();
    served.hang_up();
    served.wait_for_log("clients refuse the model digits");
    assert!(
        served.log().contains(&format!("--model digits={}", Fingerprint::of_ensemble(&next))),
        "{}",
        served.log()
    );
    drop(served);

    // A model under another name, from the start.
    fs::remove_file(path("serve.log")).unwrap();
    let served = Served::start(&world, &["digits=former", "spare=small"], &["--identity", &identity]);
    assert!(served.log().contains("clients refuse the model spare"), "{}", served.log());
    assert!(!served.log().contains("clients refuse the model digits"), "{}", served.log());
}

#[test]
fn a_provider_whose_own_certificate_or_issuer_is_revoked_warns() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "127.0.0.1"]).succeeds();
    served.wait_for_log("the provider's own certificate is revoked");
    world.sandbox.run(&["authority", "renew-issuer", "authority", "--revoke-former"]).succeeds();
    served.wait_for_log("the issuer of the provider's own certificate");
    drop(served);
    let served = Served::start(&world, &["small"], &SECURE);
    assert!(served.log().matches("the issuer of the provider's own certificate").count() >= 2);
}

#[test]
fn a_certificate_that_is_put_back_is_mentioned() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    let path = world.sandbox.path("provider/certificate.pem");
    let good = fs::read(&path).unwrap();
    fs::write(&path, "no certificate").unwrap();
    served.wait_for_log("certificate, private key and roots stay as they were");
    served.hang_up();
    served.wait_for_log("not everything could be read again");
    assert!(served.log().contains("unchanged=\"certificate, private key and roots\""), "{}", served.log());
    fs::write(&path, good).unwrap();
    served.wait_for_log("certificate, private key and roots can be used again");
}
