//! Revoked certificates, and lists that are replaced by others.

use super::signed::{ISSUER, Signed};
use super::signer::{Dates, Signer};
use time::Duration;

/// A client gives up at once.
const IMPATIENT: [&str; 2] = ["--patience-seconds", "0"];

#[test]
fn a_revoked_certificate_stays_revoked() {
    let signed = Signed::new();
    let world = &signed.world;
    let mut served = signed.serve(&[]);
    let url = served.url.clone();
    signed.enrol("alice", &url, 7);
    signed.enrol("bob", &url, 8);
    world.classify(&url, "alice", &[]).succeeds();

    // A list is in use a second after it was written, without a signal.
    let earlier = signed.bundle(1, &[]);
    signed.revoke(10, &[7]);
    served.wait_for_log("the revocation list was read");
    // The list is in use when the log says so: the handshake is refused.
    world.classify(&url, "alice", &[]).fails(1, &["no secure connection", "CertificateRevoked"]);
    world.classify(&url, "bob", &[]).succeeds();

    let stranger = Signer::root("test root");
    for (list, reason) in [
        (earlier.clone(), "has the number 1 and is older than the one in use, 10"),
        (
            signed.bundle(10, &[8]),
            "has the same number as the one in use, 10, but other revoked certificates",
        ),
        (signed.bundle(11, &[8]), "does not contain the certificate 07, which is revoked"),
        (signed.root.list(11, &[]), "no valid revocation list of CN=test issuer"),
        (stranger.list(11, &[]), "not signed by the authority"),
        ("nothing".to_owned(), "no revocation list in PEM"),
    ] {
        signed.write("revoked.pem", &list);
        served.wait_for_log(reason);
        assert!(served.log().contains("the revocation list before it stays in use"));
    }
    world.classify(&url, "alice", &[]).fails(1, &["evoked"]);
    world.classify(&url, "bob", &[]).succeeds();
    // A list stays refused while its file does not change, for longer than the files are looked at.
    let usable = "the revocation list can be used again";
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(!served.log().contains(usable), "{}", served.log());
    signed.write("revoked.pem", &signed.bundle(10, &[7]));
    served.wait_for_log(usable);

    // A restart forgets nothing.
    served.kill();
    signed.write("revoked.pem", &earlier);
    signed.does_not_start(&[
        "revoked.pem cannot replace the revocation list that was in use before",
        "service/revoked.pem",
        "authority revoke",
        "has the number 1 and is older than the one in use, 10",
    ]);
    signed.revoke(12, &[7]);
    let served = signed.serve(&[]);
    world.classify(&served.url, "alice", &[]).fails(1, &["evoked"]);
    world.classify(&served.url, "bob", &[]).succeeds();

    // The root revokes the issuer, and with it all its certificates.
    signed.write("revoked.pem", &signed.root.list(13, &[ISSUER]));
    served.hang_up();
    served.wait_for_logs("the revocation list was read", 2);
    world.classify(&served.url, "bob", &[]).fails(1, &["evoked"]);
}

#[test]
fn a_list_that_is_too_old_is_the_providers_fault() {
    let signed = Signed::new();
    let (world, issuer) = (&signed.world, &signed.issuer);
    let with_list = |number: u64, dates: Dates| {
        issuer.pem.clone() + &issuer.list_with(number, &[7], dates) + &signed.root.list(number, &[])
    };
    signed.write("revoked.pem", &with_list(2, Dates::around(Duration::days(9), Duration::hours(-1))));
    let served = signed.serve(&["--revocation-days", "2"]);
    let url = &served.url;
    served.wait_for_log("the revocation list is too old");
    signed.enrol("alice", url, 8);
    signed.enrol("thief", url, 7);
    let too_old = ["the provider's revocation list was current until", "within 0 s"];
    world.classify(url, "alice", &IMPATIENT).fails(1, &too_old);
    world.classify(url, "thief", &IMPATIENT).fails(1, &["evoked"]);
    // A list that is older than the operator allows is too old as well.
    signed.write("revoked.pem", &with_list(3, Dates::around(Duration::days(3), Duration::days(9))));
    served.hang_up();
    served.wait_for_log("the revocation list was read");
    world.classify(url, "alice", &IMPATIENT).fails(1, &too_old);
    // A client that waits is answered as soon as there is a new list. This list soon ends.
    signed.write("revoked.pem", &with_list(4, Dates::around(Duration::days(1), Duration::hours(1))));
    served.hang_up();
    world.classify(url, "alice", &[]).succeeds();
    served.wait_for_log("the revocation list will soon be too old");
    world.classify(url, "thief", &IMPATIENT).fails(1, &["evoked"]);
}

/// An authority of the former form: its root signs leaves directly, and its list is alone in the file.
#[test]
fn a_root_that_signs_leaves_itself_is_served() {
    let mut signed = Signed::new();
    signed.issuer = Signer::root("test authority");
    signed.write("provider/root.pem", &signed.issuer.pem);
    signed.certify_provider(&["127.0.0.1"], Dates::year());
    signed.write("revoked.pem", &signed.issuer.list(2, &[7]));
    let served = signed.serve(&[]);
    signed.enrol("alice", &served.url, 8);
    signed.enrol("thief", &served.url, 7);
    signed.world.classify(&served.url, "alice", &[]).succeeds();
    signed.world.classify(&served.url, "thief", &[]).fails(1, &["evoked"]);
}

#[test]
fn clients_of_two_roots_are_served_while_one_replaces_the_other() {
    let former = Signed::new();
    let mut signed = Signed::new();
    signed.write("provider/root.pem", &former.root.pem);
    signed.write("revoked.pem", &former.bundle(1, &[]));
    let (certificate, key) = former.issuer.provider(&["127.0.0.1"], 3, Dates::year());
    signed.write_key("provider/key.pem", &key);
    signed.write("provider/certificate.pem", &(certificate + &former.issuer.pem));
    let served = signed.serve(&[]);
    let (url, root, issuer) = (served.url.clone(), signed.root.pem.clone(), signed.issuer);
    signed.issuer = former.issuer;
    signed.enrol("alice", &url, 7);
    signed.world.classify(&url, "alice", &[]).succeeds();
    // Roots and issuers have the same names. Both are trusted while the service runs.
    signed.write("provider/root.pem", &(root.clone() + &former.root.pem));
    let lists = issuer.pem.clone() + &issuer.list(1, &[9]) + &signed.root.list(1, &[]);
    let both = lists + &signed.issuer.pem + &signed.issuer.list(2, &[]) + &former.root.list(2, &[]);
    signed.write("revoked.pem", &both);
    served.hang_up();
    served.wait_for_log("everything was read again");
    signed.issuer = issuer;
    signed.enrol("bob", &url, 8);
    signed.enrol("thief", &url, 9);
    signed.world.classify(&url, "alice", &[]).succeeds();
    signed.world.classify(&url, "bob", &[]).succeeds();
    signed.world.classify(&url, "thief", &[]).fails(1, &["evoked"]);
}
