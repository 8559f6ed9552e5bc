use std::fs;

use serde_json::Value;
use sottovoce_service::authority::{CertificateRequest, ReceivedRequest};
use sottovoce_service::tls::{Subject, load_client_tls, write_private_key};

use super::sandbox::{Run, Sandbox};

/// A folder with the authority `ca`, whose keys are not encrypted.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(&["authority", "create", "ca", "--no-passphrase"]).succeeds();
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

/// Issues `NAME.pem` for the keys `digits`.
fn issue(sandbox: &Sandbox, name: &str, digits: &str, arguments: &[&str]) -> Run {
    if !sandbox.path(&format!("{name}.request.pem")).exists() {
        request(sandbox, name, &keys(digits));
    }
    let (request, out) = (format!("{name}.request.pem"), format!("{name}.pem"));
    let key = request_key(sandbox, &request);
    let issue = ["authority", "issue", "ca", &request, "--out", &out, "--key", &key];
    sandbox.run(&[&issue[..], arguments].concat())
}

/// Returns the fingerprint that the sender of a request tells over another channel.
pub fn request_key(sandbox: &Sandbox, request: &str) -> String {
    ReceivedRequest::read(&sandbox.path(request)).unwrap().key().to_string()
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let run = sandbox.run(&[arguments, &["--json"]].concat()).succeeds();
    serde_json::from_str(&run.stdout).unwrap()
}

/// The clients and providers in the list.
fn certificates(sandbox: &Sandbox) -> Vec<Value> {
    let mut list = json(sandbox, &["authority", "list", "ca"])["certificates"].as_array().unwrap().clone();
    list.retain(|one| one["name"].is_null());
    list
}

#[cfg(unix)]
fn private_file(sandbox: &Sandbox, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    sandbox.write(name, text);
    fs::set_permissions(sandbox.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_authority_issues_a_certificate_for_the_request_that_the_client_told() {
    let sandbox = sandbox();
    request(&sandbox, "clinic", &keys("a1"));
    let told = request_key(&sandbox, "clinic.request.pem");
    let arguments = ["authority", "issue", "ca", "clinic.request.pem"];
    sandbox.run(&arguments).fails(1, &["--key", "clinic told you over another channel", "terminal"]);
    sandbox
        .run(&[&arguments[..], &["--key", &keys("a1")]].concat())
        .fails(1, &[&keys("a1"), "it was confirmed"]);
    assert!(!sandbox.path("certificate.pem").exists());
    let run = sandbox.run(&[&arguments[..], &["--key", &told]].concat()).succeeds();
    assert!(run.stderr.contains("clinic requests a certificate"), "{}", run.stderr);
    assert!(run.stdout.contains("certificate.pem") && run.stdout.contains(&keys("a1")), "{}", run.stdout);
    let (certificate, key) = (sandbox.path("certificate.pem"), sandbox.path("clinic.key.pem"));
    load_client_tls(&sandbox.path("ca/root.pem"), Some((&certificate, &key))).unwrap();

    let again = sandbox.run(&[&arguments[..], &["--key", &told]].concat());
    again.fails(1, &["certificate.pem exists", "--out"]);
    let list = certificates(&sandbox);
    assert_eq!(list.len(), 1, "what is refused is not issued");
    assert_eq!((&list[0]["client"], &list[0]["state"]), (&"clinic".into(), &"good".into()));
    assert_eq!((&list[0]["keys"], &list[0]["days_left"]), (&keys("a1").into(), &89.into()));
}

#[test]
fn a_name_gets_other_keys_only_if_told() {
    let sandbox = sandbox();
    issue(&sandbox, "clinic", "a1", &[]).succeeds();
    let serial = certificates(&sandbox)[0]["serial"].as_str().unwrap().to_owned();
    fs::remove_file(sandbox.path("clinic.request.pem")).unwrap();
    fs::remove_file(sandbox.path("clinic.key.pem")).unwrap();
    fs::remove_file(sandbox.path("clinic.pem")).unwrap();
    issue(&sandbox, "clinic", "a2", &[]).fails(1, &["--other-keys", &serial, &keys("a1"), "revoke it first"]);
    issue(&sandbox, "clinic", "a2", &["--other-keys"]).succeeds();
    assert_eq!(certificates(&sandbox).len(), 2);
}

#[test]
fn certificates_are_revoked_by_name_serial_or_keys() {
    let sandbox = sandbox();
    for (name, digits) in [("one", "01"), ("two", "02"), ("three", "03"), ("four", "04")] {
        issue(&sandbox, name, digits, &["--days", "7"]).succeeds();
    }
    let before = sandbox.read("ca/revoked.pem");
    let serial = certificates(&sandbox)[1]["serial"].as_str().unwrap().to_owned();
    let run = sandbox.run(&["authority", "revoke", "ca", "--name", "one"]).succeeds();
    assert!(run.stdout.contains("revoked: one") && run.stdout.contains("revoked.pem"), "{}", run.stdout);
    sandbox.run(&["authority", "revoke", "ca", "--serial", &serial]).succeeds();
    sandbox.run(&["authority", "revoke", "ca", "--keys", &keys("03")]).succeeds();
    let states: Vec<Value> = certificates(&sandbox).iter().map(|issued| issued["state"].clone()).collect();
    assert_eq!(states, ["revoked", "revoked", "revoked", "good"]);
    assert_ne!(sandbox.read("ca/revoked.pem"), before);
    let run = sandbox.run(&["authority", "list", "ca"]).succeeds();
    let revoked = run.stdout.lines().filter(|line| line.contains(" client ") && line.contains(" revoked "));
    assert_eq!(revoked.count(), 3, "{}", run.stdout);
    assert!(run.stdout.contains("warning: a certificate ends soon: four"), "{}", run.stdout);
}

#[test]
fn a_certificate_that_only_the_operator_knows_is_revoked_by_its_serial_number() {
    let sandbox = sandbox();
    let serial = "4a".repeat(16);
    let revoke = ["authority", "revoke", "ca", "--serial", &serial];
    sandbox.run(&revoke).fails(1, &["issued.csv has no certificate", "nothing was revoked", "--issuer"]);
    let signers = json(&sandbox, &["authority", "list", "ca"])["signers"].clone();
    let issuer = signers[1]["serial"].as_str().unwrap().to_owned();
    sandbox.run(&[&revoke[..], &["--issuer", &serial]].concat()).fails(1, &["is no issuer"]);
    let run = sandbox.run(&[&revoke[..], &["--issuer", &issuer]].concat()).succeeds();
    assert!(run.stderr.contains(&format!("issued.csv has no certificate {serial}")), "{}", run.stderr);
    assert!(run.stdout.contains("revoked: unknown holder"), "{}", run.stdout);
    let list = certificates(&sandbox);
    assert_eq!((&list[0]["serial"], &list[0]["state"]), (&serial.into(), &"revoked".into()));
}

#[test]
fn a_provider_makes_its_key_and_gets_a_certificate() {
    let sandbox = sandbox();
    let hosts = ["--host", "localhost", "127.0.0.1", "--host", "::1"];
    let request = json(&sandbox, &[&["provider-request"], &hosts[..]].concat());
    let key = request["key"].as_str().unwrap();
    let arguments = ["authority", "provider", "ca", "identity/request.pem", "--out", "provider"];
    let refused = sandbox.run(&arguments);
    assert!(refused.stderr.contains("localhost 127.0.0.1 ::1"), "{}", refused.stderr);
    refused.fails(1, &["--key", "the provider told you over another channel"]);
    sandbox
        .run(&[&arguments[..], &["--key", &keys("a1")]].concat())
        .fails(1, &[&keys("a1"), "it was confirmed"]);
    let run = sandbox.run(&[&arguments[..], &["--key", key]].concat()).succeeds();
    assert!(run.stdout.contains("localhost 127.0.0.1 ::1") && run.stdout.contains(key), "{}", run.stdout);
    assert_eq!(sandbox.read("provider/root.pem"), sandbox.read("ca/root.pem"));
    let certificate = sandbox.read("provider/certificate.pem");
    assert_eq!(certificate.matches("BEGIN CERTIFICATE").count(), 2, "provider and issuer");
    assert!(!sandbox.path("provider/key.pem").exists(), "the provider's key stays with the provider");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name| fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777;
        let files = ["identity/key.pem", "ca/root.key.pem", "ca/issuer.key.pem", "ca"];
        assert_eq!(files.map(mode), [0o600, 0o600, 0o600, 0o700]);
    }
    let again = [&arguments[..], &["--key", key]].concat();
    sandbox.run(&again).fails(1, &["certificate.pem exists"]);
    let kept = sandbox.read("identity/key.pem");
    sandbox.run(&[&["provider-request"], &hosts[..]].concat()).fails(1, &["key.pem exists", "--out"]);
    assert_eq!(sandbox.read("identity/key.pem"), kept);
    // The same request renews the certificate, and the key fits.
    fs::rename(sandbox.path("provider/certificate.pem"), sandbox.path("former.pem")).unwrap();
    sandbox.run(&again).succeeds();
    let (certificate, key) = (sandbox.path("provider/certificate.pem"), sandbox.path("identity/key.pem"));
    load_client_tls(&sandbox.path("ca/root.pem"), Some((&certificate, &key))).unwrap();
}

#[cfg(unix)]
#[test]
fn the_private_keys_of_an_authority_are_encrypted() {
    let sandbox = Sandbox::new();
    private_file(&sandbox, "passphrase", "correct horse battery\n");
    private_file(&sandbox, "wrong", "correct horse batterz\n");
    private_file(&sandbox, "short", "horse\n");
    sandbox.write("public", "correct horse battery\n");
    let create = ["authority", "create", "ca"];
    sandbox.run(&create).fails(1, &["--passphrase-file", "terminal", "--no-passphrase"]);
    let with = |file| ["--passphrase-file", file];
    sandbox.run(&[&create[..], &with("short")].concat()).fails(1, &["5 bytes", "at least 12"]);
    sandbox.run(&[&create[..], &with("public")].concat()).fails(1, &["chmod 600 public"]);
    sandbox.run(&[&create[..], &with("missing")].concat()).fails(1, &["cannot read missing"]);
    assert!(!sandbox.path("ca").exists());
    let run = sandbox.run(&[&create[..], &with("passphrase")].concat()).succeeds();
    assert!(run.stdout.contains("keys are encrypted"), "{}", run.stdout);
    for file in ["ca/root.key.pem", "ca/issuer.key.pem"] {
        let text = sandbox.read(file);
        assert!(text.contains("BEGIN ENCRYPTED PRIVATE KEY") && !text.contains("BEGIN PRIVATE KEY"));
    }
    issue(&sandbox, "clinic", "a1", &[]).fails(1, &["are encrypted", "--passphrase-file", "terminal"]);
    issue(&sandbox, "clinic", "a1", &with("wrong"))
        .fails(1, &["the passphrase does not open ca/issuer.key.pem"]);
    issue(&sandbox, "clinic", "a1", &with("passphrase")).succeeds();
    // The list needs no passphrase, and a list is signed without a terminal.
    assert_eq!(certificates(&sandbox).len(), 1);
    sandbox.run(&[&["authority", "sign-list", "ca"], &with("passphrase")[..]].concat()).succeeds();

    // The passphrase is changed, or removed.
    let encrypt = ["authority", "encrypt", "ca", "--passphrase-file", "passphrase"];
    sandbox.run(&encrypt).fails(1, &["--new-passphrase-file", "--no-passphrase"]);
    private_file(&sandbox, "other", "another long passphrase");
    assert!(!sandbox.run(&["authority", "list", "ca"]).succeeds().stdout.contains("not encrypted"));
    sandbox.run(&[&encrypt[..], &["--new-passphrase-file", "other"]].concat()).succeeds();
    let revoke = ["authority", "revoke", "ca", "--name", "clinic", "--passphrase-file"];
    sandbox.run(&[&revoke[..], &["passphrase"]].concat()).fails(1, &["does not open"]);
    sandbox.run(&[&revoke[..], &["ca"]].concat()).fails(1, &["ca is a folder, not a file"]);
    sandbox.run(&[&revoke[..], &["other"]].concat()).succeeds();
    let run = sandbox
        .run(&["authority", "encrypt", "ca", "--passphrase-file", "other", "--no-passphrase"])
        .succeeds();
    assert!(run.stdout.contains("NOT encrypted: ca/root.key.pem"), "{}", run.stdout);
    let list = sandbox.run(&["authority", "list", "ca"]).succeeds().stdout;
    assert_eq!(list.matches("here, not encrypted").count(), 2, "{list}");
    sandbox.run(&["authority", "sign-list", "ca"]).succeeds();
}

/// `script` gives the program a terminal, as a person has one.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_asks_for_the_passphrase_and_the_fingerprint() {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    let sandbox = Sandbox::new();
    // Answers each prompt after it was shown, because what is typed before may be discarded.
    let talk = |arguments: &str, answers: &[(&str, &str)]| -> (Option<i32>, String) {
        let program = sandbox.command(&[]).get_program().to_str().unwrap().to_owned();
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &format!("{program} {arguments}"), "/dev/null"])
            .current_dir(sandbox.path("."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut shown, mut seen) = (Vec::new(), 0);
        for (prompt, answer) in answers {
            while !String::from_utf8_lossy(&shown[seen..]).contains(prompt) {
                let mut byte = [0];
                assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
                shown.push(byte[0]);
            }
            seen = shown.len();
            writeln!(input, "{answer}").unwrap();
        }
        output.read_to_end(&mut shown).unwrap();
        (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
    };
    let words = "correct horse battery";
    let new = "new passphrase of at least 12 bytes: ";
    let (code, shown) = talk("authority create ca", &[(new, words), ("again: ", "something else")]);
    assert!(code == Some(1) && shown.contains("the two passphrases differ"), "{shown}");
    let (code, shown) = talk("authority create ca", &[(new, words), ("again: ", words)]);
    assert!(code == Some(0) && shown.contains("keys are encrypted"), "{shown}");

    request(&sandbox, "clinic", &keys("a1"));
    let issue = "authority issue ca clinic.request.pem";
    let told = request_key(&sandbox, "clinic.request.pem");
    // The fingerprint of the keys is not the one that counts.
    for wrong in [&told[..14], &keys("a1")[..16], ""] {
        let (code, shown) = talk(issue, &[("clinic told you over another channel", wrong)]);
        assert!(code == Some(1) && shown.contains("no certificate was issued"), "{shown}");
        assert!(!shown.contains(&told), "{shown}");
    }
    let spaced = format!("{} {}", told[..4].to_uppercase(), &told[4..16]);
    let digits = ("clinic told you over another channel", spaced.as_str());
    let ask = "passphrase of ca: ";
    let (code, shown) = talk(issue, &[digits, (ask, "wrong"), (ask, "wrong"), (ask, "wrong")]);
    assert!(code == Some(1) && shown.matches("try again").count() == 2, "{shown}");
    let (code, shown) = talk(issue, &[digits, (ask, "wrong"), (ask, words)]);
    assert!(code == Some(0), "{shown}");
    assert_eq!(certificates(&sandbox).len(), 1);
}

#[test]
fn another_issuer_and_another_root_take_over() {
    let sandbox = sandbox();
    issue(&sandbox, "one", "01", &[]).succeeds();
    let run = sandbox.run(&["authority", "renew-issuer", "ca"]).succeeds();
    assert!(run.stdout.contains("former issuer") && run.stdout.contains("new revoked.pem"), "{}", run.stdout);
    issue(&sandbox, "two", "02", &[]).succeeds();
    let root =
        json(&sandbox, &["authority", "list", "ca"])["signers"][0]["serial"].as_str().unwrap().to_owned();
    let former_key = format!("ca/former/root-{root}.key.pem is the private key of a former root");
    let run = sandbox.run(&["authority", "new-root", "ca", "--name", "next"]).succeeds();
    assert!(run.stdout.contains(&former_key) && run.stdout.contains("keep it offline"), "{}", run.stdout);
    assert_eq!(sandbox.read("ca/root.pem").matches("BEGIN CERTIFICATE").count(), 2);
    issue(&sandbox, "three", "03", &[]).succeeds();
    // The client with the former root's certificate trusts both.
    for name in ["one", "two", "three"] {
        let (certificate, key) =
            (sandbox.path(&format!("{name}.pem")), sandbox.path(&format!("{name}.key.pem")));
        assert!(certificate.exists() && key.exists());
    }
    sandbox
        .run(&["authority", "retire-roots", "ca"])
        .fails(1, &["valid certificates depend on a former root", "one, serial", "two, serial"]);
    sandbox.run(&["authority", "revoke", "ca", "--name", "one"]).succeeds();
    sandbox.run(&["authority", "revoke", "ca", "--name", "two"]).succeeds();
    let run = sandbox.run(&["authority", "retire-roots", "ca"]).succeeds();
    assert!(run.stdout.contains(&former_key) && run.stdout.contains("delete it"), "{}", run.stdout);
    assert_eq!(sandbox.read("ca/root.pem").matches("BEGIN CERTIFICATE").count(), 1);
}

#[test]
fn what_ends_soon_is_warned_of() {
    let sandbox = sandbox();
    let warnings = || json(&sandbox, &["authority", "list", "ca"])["warnings"].clone();
    assert_eq!(warnings(), Value::Array(Vec::new()));
    issue(&sandbox, "brief", "01", &["--days", "20"]).succeeds();
    sandbox.run(&["authority", "sign-list", "ca", "--list-days", "3"]).succeeds();
    sandbox.run(&["authority", "renew-issuer", "ca", "--days", "29", "--list-days", "3"]).succeeds();
    let warnings = warnings();
    let text = warnings.to_string();
    for words in [
        "a certificate ends soon: brief",
        "the issuer ends at",
        "authority renew-issuer FOLDER",
        "authority sign-list FOLDER",
        "the list of the issuer",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let days = ["authority", "sign-list", "ca", "--list-days"];
    sandbox.run(&[&days[..], &["401"]].concat()).fails(2, &["--list-days"]);
}

#[test]
fn the_root_s_key_is_kept_elsewhere() {
    let sandbox = sandbox();
    fs::rename(sandbox.path("ca/root.key.pem"), sandbox.path("safe.pem")).unwrap();
    issue(&sandbox, "clinic", "a1", &[]).succeeds();
    sandbox.run(&["authority", "revoke", "ca", "--name", "clinic"]).succeeds();
    sandbox.run(&["authority", "sign-list", "ca"]).succeeds();
    for command in ["renew-issuer", "new-root"] {
        sandbox
            .run(&["authority", command, "ca"])
            .fails(1, &["there is no ca/root.key.pem", "Put the file back for as long as the command runs"]);
    }
    sandbox.run(&["authority", "sign-list", "ca", "--root"]).fails(1, &["there is no ca/root.key.pem"]);
    fs::rename(sandbox.path("safe.pem"), sandbox.path("ca/root.key.pem")).unwrap();
    sandbox.run(&["authority", "sign-list", "ca", "--root"]).succeeds();
}

#[test]
fn a_failed_command_of_the_authority_changes_nothing() {
    let sandbox = sandbox();
    request(&sandbox, "clinic", &keys("a1"));
    sandbox.write("text.pem", "not a request");
    let issued = sandbox.read("ca/issued.csv");
    let plain = "--no-passphrase";
    sandbox.run(&["authority", "create", "ca", plain]).fails(1, &["ca already holds an authority"]);
    sandbox.run(&["authority", "create", ".", plain]).fails(1, &["is not empty"]);
    sandbox
        .run(&["authority", "create", "new", plain, "--name", "a\nb"])
        .fails(1, &["must have 1 to 64 letters"]);
    sandbox.run(&["authority", "list", "nowhere"]).fails(1, &["no authority in nowhere", "root.pem"]);
    sandbox.run(&["authority", "issue", "ca", "missing.pem"]).fails(1, &["cannot read missing.pem"]);
    for command in ["issue", "provider"] {
        sandbox
            .run(&["authority", command, "ca", "text.pem", "--out", "certificate.pem"])
            .fails(1, &["text.pem", "not a usable certificate request"]);
    }
    sandbox.run(&["authority", "revoke", "ca", "--name", "nobody"]).fails(1, &["the name \"nobody\""]);
    assert_eq!(sandbox.read("ca/issued.csv"), issued);
    assert!(!sandbox.path("certificate.pem").exists() && !sandbox.path("new").exists());
}

#[test]
fn wrong_arguments_are_refused_with_what_is_allowed() {
    let sandbox = sandbox();
    sandbox.run(&["provider-request"]).fails(2, &["--host"]);
    sandbox.run(&["provider-request", "--host", "a b"]).fails(2, &["neither a DNS name nor an IP address"]);
    for days in ["0", "3651", "-1", "many"] {
        sandbox.run(&["authority", "issue", "ca", "r.pem", &format!("--days={days}")]).fails(2, &["--days"]);
    }
    sandbox.run(&["authority", "revoke", "ca"]).fails(2, &["--name", "--serial", "--keys"]);
    sandbox.run(&["authority", "revoke", "ca", "--keys", "ab"]).fails(2, &["64 hexadecimal digits"]);
    sandbox.run(&["authority", "revoke", "ca", "--serial", "x"]).fails(2, &["hexadecimal digits"]);
    sandbox.run(&["authority", "revoke", "ca", "--name", "one", "--issuer", "ab"]).fails(2, &["--issuer"]);
    sandbox
        .run(&["authority", "revoke", "ca", "--serial", "ab", "--name", "one"])
        .fails(2, &["cannot be used with"]);
    sandbox
        .run(&["authority", "create", "new", "--no-passphrase", "--passphrase-file", "x"])
        .fails(2, &["cannot be used with"]);
}

#[cfg(unix)]
#[test]
fn an_authority_whose_key_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = sandbox();
    let key = sandbox.path("ca/issuer.key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.run(&["authority", "list", "ca"]).fails(1, &["mode 644", "chmod 600 ca/issuer.key.pem"]);
}

#[test]
fn a_certificate_whose_file_cannot_be_written_is_not_issued() {
    let sandbox = sandbox();
    request(&sandbox, "clinic", &keys("a1"));
    sandbox.write("file", "");
    let told = request_key(&sandbox, "clinic.request.pem");
    let issue = ["authority", "issue", "ca", "clinic.request.pem", "--key", &told, "--out"];
    sandbox.run(&[&issue[..], &["file/certificate.pem"]].concat()).fails(1, &["cannot make the folder file"]);
    // A name that is too long for the file system is found only when the file is written.
    let long = "c".repeat(300);
    sandbox
        .run(&[&issue[..], &[&long]].concat())
        .fails(1, &["no certificate was issued", "taken out of the ledger", "cannot write"]);
    assert_eq!(certificates(&sandbox), Vec::<Value>::new());
    sandbox.run(&[&issue[..], &["new/folder/certificate.pem"]].concat()).succeeds();
    assert!(sandbox.path("new/folder/certificate.pem").exists());
    assert_eq!(certificates(&sandbox).len(), 1);
}

#[test]
fn the_list_says_which_certificates_ended_with_their_issuer() {
    let sandbox = sandbox();
    issue(&sandbox, "one", "01", &[]).succeeds();
    issue(&sandbox, "two", "02", &[]).succeeds();
    sandbox.run(&["authority", "renew-issuer", "ca", "--revoke-former"]).succeeds();
    fs::remove_file(sandbox.path("one.pem")).unwrap();
    issue(&sandbox, "one", "01", &[]).succeeds();
    let run = sandbox.run(&["authority", "list", "ca"]).succeeds();
    assert_eq!(run.stdout.matches("issuer revoked").count(), 2, "{}", run.stdout);
    assert!(run.stdout.contains("warning: 1 certificate has ended before time"), "{}", run.stdout);
    let states: Vec<Value> = certificates(&sandbox).iter().map(|issued| issued["state"].clone()).collect();
    assert_eq!(states, ["issuer revoked", "issuer revoked", "good"]);
}

#[test]
fn mistakes_with_names_folders_and_files_are_explained() {
    let sandbox = sandbox();
    let provider_request = json(&sandbox, &["provider-request", "--host", "localhost", "127.0.0.1"]);
    let key = provider_request["key"].as_str().unwrap();
    let provider = ["authority", "provider", "ca", "identity/request.pem", "--key", key, "--out", "out"];
    sandbox
        .run(&[&provider[..], &["--days", "3650"]].concat())
        .fails(1, &["expires at 20", "Z, in less than 3650 days"]);
    assert!(!sandbox.path("out").exists(), "nothing was issued");
    let model = format!("bad name={}", keys("a1"));
    sandbox.run(&[&provider[..], &["--model", &model]].concat()).fails(2, &["name is \"bad name\", but"]);
    sandbox.run(&provider).succeeds();
    let issue = ["authority", "issue", "ca", "identity/request.pem", "--key", key, "--out", "client.pem"];
    sandbox.run(&issue).fails(1, &["a provider's request; use `sottovoce authority provider"]);
    request(&sandbox, "clinic", &keys("a1"));
    sandbox
        .run(&["authority", "provider", "ca", "clinic.request.pem", "--out", "out2"])
        .fails(1, &["a client's request; use `sottovoce authority issue"]);
    // The folder is checked before the passphrase, which no terminal can be asked for here.
    sandbox.run(&["authority", "create", "ca"]).fails(1, &["ca already holds an authority"]);
    sandbox
        .run(&["authority", "revoke", "ca", "--name", "localhost"])
        .fails(1, &["all of its hosts: --name \"localhost 127.0.0.1\""]);
    sandbox.write("file", "");
    sandbox.run(&["authority", "create", "file", "--no-passphrase"]).fails(1, &["file is not a folder"]);
    sandbox.run(&["authority", "list", "file"]).fails(1, &["file is not a folder"]);
    sandbox.run(&["clients", "list", "--state", "file"]).fails(1, &["file is a file", "--state"]);
    fs::create_dir(sandbox.path("half")).unwrap();
    fs::copy(sandbox.path("ca/root.key.pem"), sandbox.path("half/root.key.pem")).unwrap();
    for command in ["create", "list"] {
        let arguments = ["authority", command, "half"];
        let no_passphrase: &[&str] = if command == "create" { &["--no-passphrase"] } else { &[] };
        sandbox
            .run(&[&arguments[..], no_passphrase].concat())
            .fails(1, &["was interrupted there, remove the folder"]);
    }
    let run = sandbox.run(&["authority", "sign-list", "ca", "--list-days", "1"]).succeeds();
    assert!(run.stdout.contains("signed for 1 day:"), "{}", run.stdout);
}
