use std::fs;

use serde_json::Value;
use sottovoce_service::authority::CertificateRequest;
use sottovoce_service::tls::{Subject, load_client_tls, write_private_key};

use super::sandbox::Sandbox;

/// A folder with the authority `ca`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(&["authority", "create", "ca"]).succeeds();
    sandbox
}

fn keys(digits: &str) -> String {
    digits.repeat(32)
}

/// Writes `NAME.request.pem` and `NAME.key.pem`.
fn request(sandbox: &Sandbox, name: &str, keys: &str) {
    let subject = Subject::new(name, keys.parse().unwrap()).unwrap();
    let request = CertificateRequest::new(&subject).unwrap();
    sandbox.write(&format!("{name}.request.pem"), &request.pem);
    write_private_key(&sandbox.path(&format!("{name}.key.pem")), &request.private_key_pem).unwrap();
}

#[test]
fn an_authority_issues_a_certificate_and_prints_the_client() {
    let sandbox = sandbox();
    request(&sandbox, "clinic", &keys("a1"));
    let run = sandbox.run(&["authority", "issue", "ca", "clinic.request.pem"]).succeeds();
    assert!(
        run.stderr.contains(&format!("issuing a certificate for clinic with the keys {}", keys("a1"))),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("certificate.pem"), "{}", run.stdout);
    let (certificate, key) = (sandbox.path("certificate.pem"), sandbox.path("clinic.key.pem"));
    load_client_tls(&sandbox.path("ca/root.pem"), Some((&certificate, &key))).unwrap();

    let again = sandbox.run(&["authority", "issue", "ca", "clinic.request.pem"]);
    again.fails(1, &["certificate.pem exists", "--out"]);
    let list = sandbox.run(&["authority", "list", "ca", "--json"]).succeeds();
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1, "what is refused is not issued");
    assert_eq!((&list[0]["client"], &list[0]["state"]), (&"clinic".into(), &"good".into()));
    assert_eq!(list[0]["keys"], keys("a1"));
}

#[test]
fn certificates_are_revoked_by_name_serial_or_keys() {
    let sandbox = sandbox();
    for (name, digits) in [("one", "01"), ("two", "02"), ("three", "03"), ("four", "04")] {
        request(&sandbox, name, &keys(digits));
        let (request, out) = (format!("{name}.request.pem"), format!("{name}.pem"));
        sandbox.run(&["authority", "issue", "ca", &request, "--out", &out, "--days", "7"]).succeeds();
    }
    let before = sandbox.read("ca/revoked.pem");
    let list = || -> Value {
        let run = sandbox.run(&["authority", "list", "ca", "--json"]).succeeds();
        serde_json::from_str(&run.stdout).unwrap()
    };
    let serial = list()[1]["serial"].as_str().unwrap().to_owned();
    let run = sandbox.run(&["authority", "revoke", "ca", "--name", "one"]).succeeds();
    assert!(run.stdout.contains("revoked: one") && run.stdout.contains("revoked.pem"), "{}", run.stdout);
    sandbox.run(&["authority", "revoke", "ca", "--serial", &serial]).succeeds();
    sandbox.run(&["authority", "revoke", "ca", "--keys", &keys("03")]).succeeds();
    let states: Vec<Value> =
        list().as_array().unwrap().iter().map(|issued| issued["state"].clone()).collect();
    assert_eq!(states, ["revoked", "revoked", "revoked", "good"]);
    assert_ne!(sandbox.read("ca/revoked.pem"), before);
    let table = sandbox.run(&["authority", "list", "ca"]).succeeds().stdout;
    assert_eq!(table.matches("revoked").count(), 3, "{table}");
}

#[test]
fn a_provider_gets_a_certificate_and_a_private_key() {
    let sandbox = sandbox();
    let arguments = [
        "authority",
        "provider",
        "ca",
        "--host",
        "localhost",
        "127.0.0.1",
        "--host",
        "::1",
        "--out",
        "provider",
    ];
    let run = sandbox.run(&arguments).succeeds();
    assert!(run.stdout.contains("localhost 127.0.0.1 ::1"), "{}", run.stdout);
    assert_eq!(sandbox.read("provider/root.pem"), sandbox.read("ca/root.pem"));
    assert!(sandbox.read("provider/certificate.pem").contains("BEGIN CERTIFICATE"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name| fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("provider/key.pem"), mode("ca/root.key.pem"), mode("ca")), (0o600, 0o600, 0o700));
    }
    let key = sandbox.read("provider/key.pem");
    sandbox.run(&arguments).fails(1, &["certificate.pem exists"]);
    fs::remove_file(sandbox.path("provider/certificate.pem")).unwrap();
    sandbox.run(&arguments).fails(1, &["key.pem exists"]);
    assert_eq!(sandbox.read("provider/key.pem"), key);
}

#[test]
fn a_failed_command_of_the_authority_changes_nothing() {
    let sandbox = sandbox();
    request(&sandbox, "clinic", &keys("a1"));
    sandbox.write("text.pem", "not a request");
    let issued = sandbox.read("ca/issued.csv");
    sandbox.run(&["authority", "create", "ca"]).fails(1, &["ca already holds an authority"]);
    sandbox.run(&["authority", "create", "."]).fails(1, &["is not empty"]);
    sandbox.run(&["authority", "create", "new", "--name", "a\nb"]).fails(1, &["must have 1 to 64 letters"]);
    sandbox.run(&["authority", "list", "nowhere"]).fails(1, &["no authority in nowhere", "root.pem"]);
    sandbox.run(&["authority", "issue", "ca", "missing.pem"]).fails(1, &["cannot read missing.pem"]);
    sandbox
        .run(&["authority", "issue", "ca", "text.pem"])
        .fails(1, &["text.pem", "not a usable certificate request"]);
    sandbox.run(&["authority", "revoke", "ca", "--name", "nobody"]).fails(1, &["the name \"nobody\""]);
    assert_eq!(sandbox.read("ca/issued.csv"), issued);
    assert!(!sandbox.path("certificate.pem").exists() && !sandbox.path("new").exists());
}

#[test]
fn wrong_arguments_are_refused_with_what_is_allowed() {
    let sandbox = sandbox();
    let provider = ["authority", "provider", "ca", "--out", "provider"];
    sandbox.run(&provider).fails(2, &["--host"]);
    sandbox
        .run(&[&provider[..], &["--host", "a b"]].concat())
        .fails(2, &["neither a DNS name nor an IP address"]);
    for days in ["0", "3651", "-1", "many"] {
        sandbox.run(&["authority", "issue", "ca", "r.pem", &format!("--days={days}")]).fails(2, &["--days"]);
    }
    sandbox.run(&["authority", "revoke", "ca"]).fails(2, &["--name", "--serial", "--keys"]);
    sandbox.run(&["authority", "revoke", "ca", "--keys", "ab"]).fails(2, &["64 hexadecimal digits"]);
    sandbox.run(&["authority", "revoke", "ca", "--serial", "x"]).fails(2, &["hexadecimal digits"]);
    sandbox
        .run(&["authority", "revoke", "ca", "--serial", "ab", "--name", "one"])
        .fails(2, &["cannot be used with"]);
}

#[cfg(unix)]
#[test]
fn an_authority_whose_key_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = sandbox();
    let key = sandbox.path("ca/root.key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.run(&["authority", "list", "ca"]).fails(1, &["mode 644", "chmod 600 ca/root.key.pem"]);
}
