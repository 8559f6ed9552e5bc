//! Certificates that expire or are not valid yet.

use std::thread;

use sottovoce_siege::{Bounds, hold_connections};
use time::{Duration, OffsetDateTime};

use super::signed::Signed;
use super::signer::{Dates, Signer};
use super::world::{Served, attacker};

#[test]
fn a_provider_does_not_start_with_a_certificate_that_clients_would_refuse() {
    let signed = Signed::new();
    let days = |from, to| Dates::around(Duration::days(from), Duration::days(to));
    let date = |time: OffsetDateTime| time.date().to_string();
    let expired = days(9, -2);
    signed.certify_provider(&["127.0.0.1"], expired);
    let advice = "sottovoce authority provider";
    signed.does_not_start(&[
        "the provider's certificate in provider/certificate.pem was valid until",
        &date(expired.not_after),
        &date(days(0, 0).not_after),
        advice,
    ]);
    let future = days(-2, 9);
    signed.certify_provider(&["127.0.0.1"], future);
    signed.does_not_start(&["is not valid before", &date(future.not_before), advice]);
    signed.certify_provider(&["127.0.0.1"], Dates::year());
    signed.write("provider/root.pem", &Signer::root("another root").pem);
    signed.does_not_start(&["the roots that are trusted here do not certify provider/certificate.pem"]);
    signed.write("provider/root.pem", &Signer::root_with("former root", expired).pem);
    signed.does_not_start(&["no root certificate in provider/root.pem is valid now", "was valid until"]);
}

#[test]
fn a_provider_warns_of_certificates_that_end_within_a_month() {
    let mut signed = Signed::new();
    let soon = |days| Dates::around(Duration::days(9), Duration::days(days));
    signed.root = Signer::root_with("test root", soon(29));
    signed.issuer = signed.root.issuer_with("test issuer", 2, soon(28));
    signed.write("provider/root.pem", &signed.root.pem);
    signed.certify_provider(&["127.0.0.1"], soon(27));
    signed.revoke(1, &[]);
    let served = signed.serve(&[]);
    for (days, holder) in [
        (27, "the provider's certificate expires soon"),
        (28, "the certificate of the issuer CN=test issuer expires soon"),
        (29, "the root certificate of CN=test root expires soon"),
    ] {
        served.wait_for_log(holder);
        assert!(served.log().contains(&soon(days).not_after.date().to_string()));
    }
    thread::sleep(std::time::Duration::from_millis(2500));
    let warnings = served.log().matches("the provider's certificate expires soon").count();
    assert_eq!(warnings, 1, "once a day: {}", served.log());
    let quiet = Signed::new();
    let served = quiet.serve(&[]);
    assert!(!served.log().contains("expires soon"), "{}", served.log());
}

/// A line of the log.
const READ: &str = "the provider's certificate was read";

/// Gives a running provider a certificate that is valid for a few seconds, and returns its dates. A provider does not take a
/// certificate that it reads after its end, so on a slow machine another one is valid for twice the time.
fn shorten_certificate(signed: &Signed, served: &Served) -> Dates {
    for seconds in [5, 10, 20, 40] {
        let dates = Dates::around(Duration::days(1), Duration::seconds(seconds));
        let before = served.log().matches(READ).count();
        signed.certify_provider(&["127.0.0.1"], dates);
        while OffsetDateTime::now_utc() <= dates.not_after {
            if served.log().matches(READ).count() > before {
                return dates;
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    panic!("no certificate was read before its end: {}", served.log());
}

#[test]
fn a_client_warns_of_its_own_certificate_that_ends_within_a_month() {
    let signed = Signed::new();
    let served = signed.serve(&[]);
    signed.enrol("alice", &served.url, 7);
    let run = signed.world.classify(&served.url, "alice", &[]).succeeds();
    assert!(!run.stderr.contains("expires on"), "{}", run.stderr);
    let dates = Dates::around(Duration::days(80), Duration::days(9));
    let certificate = signed.issuer.certify(&signed.world.sandbox.read("alice/request.pem"), 8, dates);
    signed.write("alice/certificate.pem", &(certificate + &signed.issuer.pem));
    let run = signed.world.classify(&served.url, "alice", &[]).succeeds();
    let date = dates.not_after.date().to_string();
    let warning = format!("alice/certificate.pem expires on {date}");
    assert!(run.stderr.contains(&warning) && run.stderr.contains("alice/request.pem"), "{}", run.stderr);
}

#[test]
fn connections_of_a_client_end_with_its_certificate() {
    let signed = Signed::new();
    let served = signed.serve(&[]);
    signed.enrol("alice", &served.url, 7);
    let ended = "a certificate ended client=\"alice\"";
    // On a slow machine a certificate may have ended before connections are open.
    for seconds in [8, 16, 32, 64] {
        signed.certify_client("alice", seconds, Duration::seconds(seconds as i64));
        let alice = attacker(&signed.world, &served, "alice");
        let bounds = Bounds::new(std::time::Duration::from_secs(seconds + 60), 10).with_connections(3);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let held = runtime.block_on(hold_connections(&alice, &bounds));
        if held.len() == 3 {
            assert!(held.iter().all(|connection| connection.closed.is_some()), "{held:?}");
            served.wait_for_log(ended);
            let log = served.log();
            let line = log.lines().find(|line| line.contains(ended)).unwrap();
            assert!(line.contains("connections=3") && line.contains("batches_deleted=true"), "{line}");
            signed
                .world
                .classify(&served.url, "alice", &["--patience-seconds", "0"])
                .fails(1, &["was valid until"]);
            return;
        }
    }
    panic!("no connections were opened before the certificate ended: {}", served.log());
}

#[test]
fn a_client_tells_that_the_providers_certificate_has_expired() {
    let signed = Signed::new();
    let served = signed.serve(&[]);
    let short = shorten_certificate(&signed, &served);
    served.wait_for_log("the provider's certificate has expired");
    // The client compares whole seconds.
    thread::sleep(std::time::Duration::from_secs(1));
    let enrol = ["enrol", "--name", "alice", "--provider", &served.url, "--client", "alice"];
    let run = signed.world.sandbox.run(&[&enrol[..], &["--authority", "provider/root.pem"]].concat());
    run.fails(
        1,
        &[
            "the provider's certificate, or its issuer's, was valid until",
            &short.not_after.date().to_string(),
            "by this machine's clock",
            "ask the provider's operator",
        ],
    );
    // The renewed certificate is served a second later.
    let reads = served.log().matches(READ).count();
    signed.certify_provider(&["127.0.0.1"], Dates::year());
    served.wait_for_logs(READ, reads + 1);
    signed.enrol("bob", &served.url, 7);
    signed.world.classify(&served.url, "bob", &[]).succeeds();
}
