use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rcgen::{KeyPair, SanType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::tls::{CertifiedModel, ClientIdentity, ModelManifest, Subject, TlsError};

fn keys(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; Fingerprint::BYTES])
}

fn request(name: &str, byte: u8) -> ReceivedRequest {
    let request = CertificateRequest::new(&Subject::new(name, keys(byte)).unwrap()).unwrap();
    ReceivedRequest::from_pem(&request.pem).unwrap()
}

fn authority() -> (TempDir, Authority) {
    let folder = TempDir::new().unwrap();
    let authority = Authority::create(folder.path(), "test authority", None).unwrap();
    (folder, authority)
}

/// Approves whatever the request is for.
fn issue(
    authority: &Authority,
    request: &ReceivedRequest,
    days: u32,
) -> Result<SignedCertificate, AuthorityError> {
    authority.issue(request, &Approval::new(request.subject().keys(), days))
}

fn issue_provider(authority: &Authority, host: &str) -> SignedCertificate {
    let request = ProviderRequest::new(&[host.parse().unwrap()]).unwrap();
    let received = ReceivedProviderRequest::from_pem(&request.pem).unwrap();
    authority.issue_provider(&received, &Approval::new(request.key, 30)).unwrap()
}

#[test]
fn a_provider_s_certificate_lists_the_models_that_the_operator_names() {
    let (_folder, authority) = authority();
    let request = ProviderRequest::new(&["localhost".parse().unwrap()]).unwrap();
    let received = ReceivedProviderRequest::from_pem(&request.pem).unwrap();
    let models = [("digits", 1), ("digits", 2), ("letters-2.0", 3)]
        .map(|(name, byte)| CertifiedModel::new(name, Fingerprint::from_bytes([byte; 32])).unwrap());
    let listed = |approval: &Approval| {
        let issued = authority.issue_provider(&received, approval).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        ModelManifest::from_der(&certificate).unwrap().models().to_vec()
    };
    let approval = Approval::new(request.key, 30);
    assert_eq!(listed(&approval), []);
    assert_eq!(listed(&approval.with_models(models.to_vec())), models);
}

fn revoke(authority: &Authority, selection: &CertificateSelection) -> Vec<IssuedCertificate> {
    let revocation = authority.revoke(selection, 30).unwrap();
    assert_eq!(revocation.notices, []);
    revocation.certificates
}

/// Returns the signed lists by the serial numbers of their signers: number, and serial numbers of revoked certificates.
fn lists(authority: &Authority) -> BTreeMap<SerialNumber, (u64, BTreeSet<SerialNumber>)> {
    let roots = authority.folder.read_roots().unwrap();
    let lists = authority.folder.read_lists(&roots, &[]).unwrap().unwrap();
    let lists = lists.iter().map(|list| {
        let revoked = list.revoked().iter().map(|(serial, _)| serial.clone()).collect();
        (list.signer().serial_number().clone(), (list.number(), revoked))
    });
    lists.collect()
}

/// Returns all revoked certificates on the lists.
fn listed(authority: &Authority) -> BTreeSet<SerialNumber> {
    lists(authority).into_values().flat_map(|(_, revoked)| revoked).collect()
}

/// Returns the clients and providers in the ledger.
fn leaves(authority: &Authority) -> Vec<IssuedCertificate> {
    let mut all = authority.list().unwrap();
    all.retain(|issued| !matches!(issued.holder, CertificateHolder::Issuer(_)));
    all
}

/// Returns the serial numbers of roots or issuers, the present one first.
fn signers(authority: &Authority, is_root: bool) -> Vec<SerialNumber> {
    let signers = authority.signers().unwrap().into_iter().filter(|signer| signer.is_root == is_root);
    signers.map(|signer| signer.serial_number).collect()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned()))
}

/// Copies the files of a folder, as a backup does.
fn back_up(folder: &Path) -> TempDir {
    let backup = TempDir::new().unwrap();
    restore(folder, backup.path());
    backup
}

fn restore(backup: &Path, folder: &Path) {
    for entry in fs::read_dir(backup).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_certificate_has_the_name_and_keys_of_the_request() {
    let (_folder, authority) = authority();
    let certificate = issue(&authority, &request("clinic-7 a.b_c@d", 7), 90).unwrap();
    let der = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).unwrap();
    let identity = ClientIdentity::from_der(&der).unwrap();
    assert_eq!(identity.name, "clinic-7 a.b_c@d");
    assert_eq!(identity.keys, keys(7));
    assert_eq!(identity.serial_number, certificate.entry.serial_number);
    assert_eq!(identity.not_after, certificate.entry.not_after);
    assert_eq!(identity.serial_number.to_string().len(), 32);
}

#[test]
fn issued_and_revoked_certificates_survive_reopening_the_authority() {
    let (folder, authority) = authority();
    let one = issue(&authority, &request("one", 1), 90).unwrap().entry;
    let two = issue(&authority, &request("two", 2), 90).unwrap().entry;
    let provider = issue_provider(&authority, "localhost");
    let revoked = revoke(&authority, &CertificateSelection::Keys(keys(2)));

    let opened = Authority::open(folder.path()).unwrap();
    assert_eq!(leaves(&opened), [one.clone(), revoked[0].clone(), provider.entry]);
    assert_eq!(revoked.iter().map(|issued| &issued.serial_number).collect::<Vec<_>>(), [&two.serial_number]);
    assert_eq!(listed(&opened), [two.serial_number].into());
}

#[test]
fn all_certificates_of_a_name_are_revoked_at_once_and_stay_so() {
    let (_folder, authority) = authority();
    let first = issue(&authority, &request("one", 1), 90).unwrap().entry.serial_number;
    let renewed = issue(&authority, &request("one", 1), 90).unwrap().entry.serial_number;
    let name = CertificateSelection::Name("one".to_owned());
    let revoked = revoke(&authority, &name);
    assert_eq!(revoked.len(), 2);
    assert_eq!(revoke(&authority, &name), revoked, "revoking again changes nothing");
    let other = issue(&authority, &request("two", 2), 90).unwrap().entry.serial_number;
    revoke(&authority, &CertificateSelection::SerialNumber(other.clone()));
    assert_eq!(listed(&authority), [first, renewed, other].into());
    let error = authority.revoke(&CertificateSelection::Name("nobody".to_owned()), 30).unwrap_err();
    assert_eq!(error.to_string(), "no certificate was issued with the name \"nobody\"");
}

#[test]
fn keys_of_one_client_are_not_certified_under_another_name() {
    let (_folder, authority) = authority();
    issue(&authority, &request("owner", 1), 90).unwrap();
    issue(&authority, &request("owner", 1), 90).expect("a renewal");
    let error = issue(&authority, &request("thief", 1), 90).unwrap_err();
    assert!(matches!(&error, AuthorityError::KeysTaken { name, .. } if name == "owner"), "{error}");
    revoke(&authority, &CertificateSelection::Name("owner".to_owned()));
    issue(&authority, &request("heir", 1), 90).expect("they are free again");
}

#[test]
fn an_authority_is_never_replaced() {
    let (folder, authority) = authority();
    let key = fs::read(folder.path().join("root.key.pem")).unwrap();
    let again = Authority::create(folder.path(), "another", None).map(|_| ()).unwrap_err();
    assert!(matches!(again, AuthorityError::Exists { .. }), "{again}");
    fs::remove_file(authority.root_path()).unwrap();
    let again = Authority::create(folder.path(), "another", None).map(|_| ()).unwrap_err();
    assert!(matches!(again, AuthorityError::NotEmpty { .. }), "{again}");
    assert_eq!(fs::read(folder.path().join("root.key.pem")).unwrap(), key);
    let missing = Authority::open(&folder.path().join("nowhere")).map(|_| ()).unwrap_err();
    assert!(missing.to_string().contains("it has no file root.pem"), "{missing}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_authoritys_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/authority");
    Authority::create(&path, "test authority", None).unwrap();
    let key = path.join("issuer.key.pem");
    assert_eq!((mode(&path), mode(&key), mode(&path.join("root.key.pem"))), (0o700, 0o600, 0o600));

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Authority::open(&path).map(|_| ()).unwrap_err();
    assert!(matches!(error, AuthorityError::File(TlsError::AccessRights(_))));
    let text = error.to_string();
    assert!(text.contains("mode 640") && text.ends_with(&format!("chmod 600 {}", key.display())), "{text}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o703)).unwrap();
    let text = Authority::open(&path).map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("mode 703") && text.contains("chmod go-w"), "{text}");
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (folder, _authority) = authority();
    let (other, _other_authority) = self::authority();
    fs::copy(other.path().join("root.pem"), folder.path().join("root.pem")).unwrap();
    let error = Authority::open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error, AuthorityError::ForeignIssuer { .. }), "{error}");

    let (folder, authority) = self::authority();
    let [own, other] =
        [&folder, &other].map(|folder| fs::read_to_string(folder.path().join("issuer.key.pem")).unwrap());
    let mixed = [
        own.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap(),
        other.split_once("-----END CERTIFICATE-----\n").unwrap().1,
    ]
    .concat();
    fs::write(folder.path().join("issuer.key.pem"), mixed).unwrap();
    let error = issue(&authority, &request("one", 1), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::KeyMismatch { .. }), "{error}");
}

#[test]
fn a_list_that_was_changed_by_hand_is_refused_by_its_line() {
    let (folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    let issued = folder.path().join("issued.csv");
    let good = fs::read_to_string(&issued).unwrap();
    for (text, line) in [
        (good.replace("client", "somebody"), 3),
        (good.clone() + "\n", 4),
        (good.replace("not_after", "until"), 1),
        (String::new(), 1),
    ] {
        fs::write(&issued, text).unwrap();
        let error = authority.list().unwrap_err();
        assert!(matches!(error, AuthorityError::Line { line: found, .. } if found == line), "{error}");
    }
    fs::write(&issued, &good).unwrap();
    assert_eq!(leaves(&authority).len(), 1);
}

#[test]
fn days_are_bounded_and_the_authority_outlives_its_certificates() {
    let (_folder, authority) = authority();
    for days in [0, MAX_VALIDITY_DAYS + 1, u32::MAX] {
        let error = issue(&authority, &request("one", 1), days).unwrap_err();
        assert!(matches!(error, AuthorityError::Days { found, .. } if found == days), "{error}");
    }
    let error = issue(&authority, &request("one", 1), DEFAULT_ISSUER_DAYS + 1).unwrap_err();
    assert!(matches!(error, AuthorityError::Outlives { .. }), "{error}");
    assert!(error.to_string().contains("authority renew-issuer"), "{error}");
    issue(&authority, &request("one", 1), DEFAULT_ISSUER_DAYS - 1).unwrap();
    for days in [0, MAX_LIST_DAYS + 1] {
        let error = authority.sign_lists(days, ListScope::Issuers).unwrap_err();
        assert!(matches!(error, AuthorityError::Days { found, .. } if found == days), "{error}");
    }
}

#[test]
fn hosts_are_names_or_addresses() {
    for host in ["localhost", "a.example.org", "127.0.0.1", "::1"] {
        assert_eq!(host.parse::<Host>().unwrap().to_string(), host);
    }
    for text in ["", "a b", "*", "https://example.org", "a,b", "127.0.0.1:8080", "ü.example"] {
        let error = text.parse::<Host>().unwrap_err().to_string();
        assert!(error.contains("neither a DNS name nor an IP address"), "{error}");
    }
}

#[test]
fn names_that_could_be_misread_are_refused() {
    let long = "a".repeat(65);
    for name in ["", " a", "a ", "-a", "=1+1", "a,b", "a\nb", "a\"b", "\u{1b}[2J", "clïnic", "../x", &long] {
        let error = Subject::new(name, keys(1)).unwrap_err().to_string();
        assert!(error.contains("must have 1 to 64 letters"), "{error}");
    }
}

#[test]
fn a_request_is_for_one_name_and_one_registration_with_a_key_on_p256() {
    let key = KeyPair::generate().unwrap();
    let other_key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let keys_uri = Subject::new("a", keys(1)).unwrap().keys_uri();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let pem = |name: Option<&str>, uris: &[&str], key: &KeyPair| {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = name {
            parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        }
        parameters.subject_alt_names = uris.iter().map(|text| uri(text)).collect();
        parameters.serialize_request(key).unwrap().pem().unwrap()
    };
    let short = &keys_uri[..keys_uri.len() - 1];
    for (request, reason) in [
        (pem(None, &[&keys_uri], &key), "0 common names"),
        (pem(Some("a\tb"), &[&keys_uri], &key), "must have 1 to 64 letters"),
        (pem(Some("a"), &[], &key), "0 names start with urn:sottovoce:keys:"),
        (pem(Some("a"), &["https://example.org"], &key), "0 names start with"),
        (pem(Some("a"), &[&keys_uri, &keys_uri], &key), "2 names start with"),
        (pem(Some("a"), &[short], &key), "not a fingerprint"),
        (pem(Some("a"), &[&keys_uri], &other_key), "ECDSA on P-256"),
        ("-----BEGIN NOTHING-----".to_owned(), "not a usable certificate request"),
        ("a".repeat(100_000), "100000 bytes"),
    ] {
        let error = ReceivedRequest::from_pem(&request).unwrap_err();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(text.contains(reason), "{reason:?} is not in: {text}");
    }
    let accepted =
        ReceivedRequest::from_pem(&pem(Some("a"), &["https://example.org", &keys_uri], &key)).unwrap();
    assert_eq!(accepted.subject(), &Subject::new("a", keys(1)).unwrap());
}

#[test]
fn other_fields_of_a_request_are_ignored() {
    let (_folder, authority) = authority();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "climber");
    parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "of somebody else");
    let keys_uri = Subject::new("climber", keys(1)).unwrap().keys_uri();
    parameters.subject_alt_names = vec![
        SanType::URI(keys_uri.try_into().unwrap()),
        SanType::DnsName("provider.example".try_into().unwrap()),
    ];
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let pem = parameters.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();

    let certificate = issue(&authority, &ReceivedRequest::from_pem(&pem).unwrap(), 90).unwrap();
    let der = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert_eq!(parsed.subject().to_string(), "CN=climber");
    assert_eq!(parsed.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 1);
    assert!(!parsed.is_ca());
    let usage = parsed.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && !usage.key_cert_sign());
    let purposes = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.client_auth && !purposes.server_auth);
}

#[test]
fn authorities_that_share_a_folder_lose_no_certificate() {
    let (folder, _authority) = authority();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                let authority = Authority::open(folder).unwrap();
                for index in 0..5 {
                    let name = format!("client {thread} {index}");
                    issue(&authority, &request(&name, thread * 5 + index), 90).unwrap();
                }
            });
        }
    });
    assert_eq!(leaves(&Authority::open(folder.path()).unwrap()).len(), 20);
}

#[test]
fn a_certificate_is_issued_only_for_the_keys_that_the_sender_told() {
    let (_folder, authority) = authority();
    let error = authority.issue(&request("clinic", 1), &Approval::new(keys(2), 90)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&keys(1).to_string()) && text.contains(&keys(2).to_string()), "{text}");
    assert!(matches!(error, AuthorityError::NotConfirmed { .. }));
    let provider = ProviderRequest::new(&["localhost".parse().unwrap()]).unwrap();
    let provider = ReceivedProviderRequest::from_pem(&provider.pem).unwrap();
    let error = authority.issue_provider(&provider, &Approval::new(keys(2), 90)).unwrap_err();
    assert!(matches!(error, AuthorityError::NotConfirmed { .. }), "{error}");
    assert_eq!(leaves(&authority), []);
}

#[test]
fn a_name_with_a_valid_certificate_gets_other_keys_only_if_that_is_allowed() {
    let (_folder, authority) = authority();
    let first = issue(&authority, &request("clinic", 1), 90).unwrap().entry;
    let error = issue(&authority, &request("clinic", 2), 90).unwrap_err();
    assert!(
        matches!(&error, AuthorityError::OtherKeys { serial_number, keys: found, .. }
            if *serial_number == first.serial_number && *found == keys(1)),
        "{error}"
    );
    issue(&authority, &request("clinic", 1), 90).expect("a renewal");
    authority.issue(&request("clinic", 2), &Approval::new(keys(2), 90).with_other_keys()).unwrap();
    revoke(&authority, &CertificateSelection::Keys(keys(1)));
    issue(&authority, &request("clinic", 2), 90).expect("the other keys are revoked");

    let request = |hosts: &[&str]| {
        let hosts: Vec<Host> = hosts.iter().map(|host| host.parse().unwrap()).collect();
        ReceivedProviderRequest::from_pem(&ProviderRequest::new(&hosts).unwrap().pem).unwrap()
    };
    let (first, second) = (request(&["a.example", "10.0.0.1"]), request(&["b.example", "10.0.0.1"]));
    let approval = |request: &ReceivedProviderRequest| Approval::new(request.key(), 30);
    authority.issue_provider(&first, &approval(&first)).unwrap();
    authority.issue_provider(&first, &approval(&first)).expect("a renewal");
    let error = authority.issue_provider(&second, &approval(&second)).unwrap_err();
    assert!(
        matches!(&error, AuthorityError::OtherKeys { holder, .. } if holder == "a.example 10.0.0.1"),
        "{error}"
    );
    authority.issue_provider(&second, &approval(&second).with_other_keys()).unwrap();
}

#[test]
fn a_provider_s_request_is_for_hosts_with_a_key_on_p256() {
    let pem = |hosts: &[SanType], key: &KeyPair| {
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = hosts.to_vec();
        parameters.serialize_request(key).unwrap().pem().unwrap()
    };
    let key = KeyPair::generate().unwrap();
    let other_key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let name = |text: &str| SanType::DnsName(text.try_into().unwrap());
    let host = name("a.example");
    for (request, reason) in [
        (pem(&[], &key), "at least one host name"),
        (pem(&[SanType::URI("https://a.example".try_into().unwrap())], &key), "at least one host name"),
        (pem(&[host.clone(), name("*.example")], &key), "names a host that cannot be certified"),
        (pem(std::slice::from_ref(&host), &other_key), "ECDSA on P-256"),
    ] {
        let error = ReceivedProviderRequest::from_pem(&request).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason:?} is not in: {error}");
    }
    let address = SanType::IpAddress("::1".parse().unwrap());
    let accepted = ReceivedProviderRequest::from_pem(&pem(&[host, address], &key)).unwrap();
    assert_eq!(accepted.hosts().iter().map(Host::to_string).collect::<Vec<_>>(), ["a.example", "::1"]);
    assert!(matches!(ProviderRequest::new(&[]).map(|_| ()), Err(AuthorityError::NoHosts)));
}

#[test]
fn private_keys_are_opened_only_by_their_passphrase() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("authority");
    let error = Authority::create(&path, "test", Some(passphrase("short"))).map(|_| ()).unwrap_err();
    assert!(matches!(error, AuthorityError::ShortPassphrase { found: 5, .. }), "{error}");
    Authority::create(&path, "test", Some(passphrase("correct horse battery"))).unwrap();
    for file in ["root.key.pem", "issuer.key.pem"] {
        let text = fs::read_to_string(path.join(file)).unwrap();
        assert!(
            text.contains("BEGIN ENCRYPTED PRIVATE KEY") && !text.contains("BEGIN PRIVATE KEY"),
            "{text}"
        );
    }
    let open = || Authority::open(&path).unwrap();
    assert!(open().is_encrypted().unwrap());
    let error = issue(&open(), &request("one", 1), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::PassphraseNeeded { .. }), "{error}");
    let wrong = open().with_passphrase(passphrase("correct horse batterz"));
    let error = issue(&wrong, &request("one", 1), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::WrongPassphrase { .. }), "{error}");
    let right = open().with_passphrase(passphrase("correct horse battery"));
    issue(&right, &request("one", 1), 90).unwrap();
    revoke(&right, &CertificateSelection::Keys(keys(1)));
    assert_eq!(leaves(&right).len(), 1, "what failed is not in the ledger");
}

#[test]
fn the_passphrase_is_changed_for_all_keys_in_the_folder() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("authority");
    let (first, second) = ("first passphrase", "second passphrase");
    let mut authority = Authority::create(&path, "test", None).unwrap();
    assert!(!authority.is_encrypted().unwrap());
    authority.make_issuer(100, false, 30).unwrap();
    assert_eq!(authority.encrypt(Some(passphrase(first))).unwrap().len(), 3, "root, issuer, former issuer");
    // The root's key is kept elsewhere while the passphrase changes.
    let (key, elsewhere) = (path.join("root.key.pem"), folder.path().join("elsewhere"));
    fs::rename(&key, &elsewhere).unwrap();
    let mut authority = Authority::open(&path).unwrap().with_passphrase(passphrase(first));
    assert_eq!(authority.encrypt(Some(passphrase(second))).unwrap().len(), 2);
    issue(&authority, &request("one", 1), 90).expect("the root's key is not needed");
    fs::rename(&elsewhere, &key).unwrap();
    let mut authority = Authority::open(&path).unwrap().with_passphrase(passphrase(first));
    assert_eq!(authority.encrypt(Some(passphrase(second))).unwrap(), [key], "the others have it already");
    let mut authority = Authority::open(&path).unwrap().with_passphrase(passphrase(second));
    authority.make_issuer(100, false, 30).unwrap();
    authority.encrypt(None).unwrap();
    assert!(!authority.is_encrypted().unwrap());
}

#[cfg(unix)]
#[test]
fn a_passphrase_file_is_private_and_loses_one_line_feed() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("passphrase");
    for (content, expected) in
        [("word", "word"), ("word\n", "word"), ("word\n\n", "word\n"), (" word \r\n", " word \r")]
    {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Passphrase::read(&path).unwrap().as_bytes(), expected.as_bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Passphrase::read(&path).map(|_| ()).unwrap_err();
        assert!(matches!(error, AuthorityError::File(TlsError::AccessRights(_))), "{error}");
    }
}

#[test]
fn list_numbers_are_times_and_grow_also_if_the_clock_goes_back() {
    let (_folder, authority) = authority();
    let number = || lists(&authority).values().map(|(number, _)| *number).max().unwrap();
    let first = number();
    let milliseconds = u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap();
    assert!(milliseconds - first < 60_000, "{first}");
    for _ in 0..3 {
        let before = number();
        authority.sign_lists(30, ListScope::Issuers).unwrap();
        assert!(number() > before);
    }
    // A list of the future: the clock was wrong.
    let signers = Signers::read(&authority.folder).unwrap();
    let issuer = signers.issuer(&authority.folder).unwrap();
    let key = issuer.unlock(None, || AuthorityError::NoRoot).unwrap();
    let future = certificate::revocation_list([].iter(), u64::MAX / 2, now() + Duration::days(1));
    let future = future.signed_by(&key.issuer(&issuer.certificate).unwrap()).unwrap().pem().unwrap();
    let certificate = key_file::to_pem("CERTIFICATE", issuer.certificate.der().to_vec());
    fs::write(authority.revocation_list_path(), certificate + &future).unwrap();
    authority.sign_lists(30, ListScope::Issuers).unwrap();
    assert_eq!(number(), u64::MAX / 2 + 1);
}

#[test]
fn a_ledger_from_a_backup_makes_no_smaller_list() {
    let (folder, authority) = authority();
    issue(&authority, &request("early", 1), 90).unwrap();
    let backup = back_up(folder.path());
    let late = issue(&authority, &request("late", 2), 90).unwrap().entry.serial_number;
    let early = revoke(&authority, &CertificateSelection::Keys(keys(1)))[0].serial_number.clone();
    revoke(&authority, &CertificateSelection::Keys(keys(2)));
    let newest = fs::read(authority.revocation_list_path()).unwrap();
    let numbers = lists(&authority);
    restore(backup.path(), folder.path());
    // The operator copies the list that a provider uses.
    fs::write(authority.revocation_list_path(), &newest).unwrap();
    let third = issue(&authority, &request("third", 3), 90).unwrap().entry.serial_number;
    let revocation = authority.revoke(&CertificateSelection::SerialNumber(third.clone()), 30).unwrap();
    assert_eq!(revocation.notices, [], "the ledger was mended when the certificate was issued");
    assert_eq!(listed(&authority), [early.clone(), late.clone(), third].into());
    let unknown = leaves(&authority).into_iter().find(|issued| issued.serial_number == late).unwrap();
    assert_eq!(unknown.holder, CertificateHolder::Unknown);
    for (signer, (number, _)) in lists(&authority) {
        assert!(number >= numbers[&signer].0);
    }

    restore(backup.path(), folder.path());
    fs::write(authority.revocation_list_path(), &newest).unwrap();
    let notices = authority.sign_lists(30, ListScope::Issuers).unwrap();
    let ListNotice::Recovered(serials) = &notices[0] else { panic!("{notices:?}") };
    assert_eq!(BTreeSet::from_iter(serials.clone()), [early, late].into());
}

#[test]
fn a_certificate_that_the_ledger_does_not_have_can_be_revoked() {
    let (folder, authority) = authority();
    let backup = back_up(folder.path());
    let lost = issue(&authority, &request("lost", 1), 90).unwrap().entry.serial_number;
    restore(backup.path(), folder.path());
    let revocation = authority.revoke(&CertificateSelection::SerialNumber(lost.clone()), 30).unwrap();
    assert_eq!(revocation.notices, [ListNotice::Unknown(lost.clone())]);
    assert_eq!(revocation.certificates[0].holder, CertificateHolder::Unknown);
    // No issuer is known, so all of them list it.
    assert_eq!(lists(&authority)[&signers(&authority, false)[0]].1, [lost.clone()].into());
    assert_eq!(Authority::open(folder.path()).unwrap().list().unwrap(), authority.list().unwrap());
    revoke(&authority, &CertificateSelection::SerialNumber(lost));
}

#[test]
fn the_signed_lists_are_needed_and_must_be_this_authority_s() {
    let (_folder, authority) = authority();
    let path = authority.revocation_list_path();
    let (_other_folder, other) = self::authority();
    fs::copy(other.revocation_list_path(), &path).unwrap();
    let error = authority.sign_lists(30, ListScope::Issuers).unwrap_err();
    assert!(error.to_string().contains("not signed by this authority"), "{error}");
    fs::remove_file(&path).unwrap();
    assert_eq!(authority.sign_lists(30, ListScope::Issuers).unwrap(), [ListNotice::NoFile]);
    assert_eq!(lists(&authority).len(), 2);
}

#[test]
fn daily_work_needs_no_root_key() {
    let (folder, authority) = authority();
    let root_key = folder.path().join("root.key.pem");
    let kept = fs::read(&root_key).unwrap();
    fs::remove_file(&root_key).unwrap();
    let authority = Authority::open(authority.root_path().parent().unwrap()).unwrap();
    let root_list = |authority: &Authority| lists(authority)[&signers(authority, true)[0]].clone();
    let before = root_list(&authority);
    issue(&authority, &request("one", 1), 90).unwrap();
    revoke(&authority, &CertificateSelection::Keys(keys(1)));
    assert_eq!(authority.sign_lists(30, ListScope::Issuers).unwrap(), []);
    assert_eq!(root_list(&authority), before);
    for error in [
        authority.sign_lists(30, ListScope::IssuersAndRoots).unwrap_err(),
        authority.make_issuer(100, false, 30).unwrap_err(),
        authority.make_root("new", FormerKey::Required, 100, 30).unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("root.key.pem: this command needs the root's private key"),
            "{error}"
        );
    }
    write_private(&root_key, &kept);
    authority.sign_lists(30, ListScope::IssuersAndRoots).unwrap();
    assert!(root_list(&authority).0 > before.0);
}

fn write_private(path: &Path, bytes: &[u8]) {
    sottovoce_network::atomic_file::write_private(path, bytes).unwrap();
}

#[test]
fn a_former_issuer_signs_its_list_until_it_expires() {
    let (_folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    let former = signers(&authority, false)[0].clone();
    authority.make_issuer(100, false, 30).unwrap();
    let present = signers(&authority, false)[0].clone();
    assert_eq!(signers(&authority, false), [present.clone(), former.clone()]);
    let two = issue(&authority, &request("two", 2), 90).unwrap().entry;
    assert_eq!(two.signer, Some(present.clone()));
    let one = revoke(&authority, &CertificateSelection::Keys(keys(1)))[0].serial_number.clone();
    revoke(&authority, &CertificateSelection::Keys(keys(2)));
    let lists = lists(&authority);
    assert_eq!(lists[&former].1, [one].into());
    assert_eq!(lists[&present].1, [two.serial_number].into());
}

#[test]
fn the_list_of_a_lost_issuer_stays_in_the_file() {
    let (folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    let one = revoke(&authority, &CertificateSelection::Keys(keys(1)))[0].serial_number.clone();
    let former = signers(&authority, false)[0].clone();
    authority.make_issuer(100, false, 30).unwrap();
    fs::remove_dir_all(folder.path().join("former")).unwrap();
    let before = lists(&authority)[&former].clone();
    assert_eq!(authority.sign_lists(30, ListScope::Issuers).unwrap(), []);
    assert_eq!(lists(&authority)[&former], before);
    assert_eq!(before.1, [one].into());
}

#[test]
fn a_stolen_issuer_is_revoked_by_the_root() {
    let (_folder, authority) = authority();
    let stolen = signers(&authority, false)[0].clone();
    let error = authority.revoke(&CertificateSelection::SerialNumber(stolen.clone()), 30).unwrap_err();
    assert!(error.to_string().contains("renew-issuer --revoke-former"), "{error}");
    authority.make_issuer(100, true, 30).unwrap();
    let root = signers(&authority, true)[0].clone();
    assert_eq!(lists(&authority)[&root].1, [stolen].into());
}

#[test]
fn a_former_root_stays_trusted_until_nothing_depends_on_it() {
    let (folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    let (old_root, old_issuer) =
        (signers(&authority, true)[0].clone(), signers(&authority, false)[0].clone());
    assert!(matches!(authority.retire_roots(30), Err(AuthorityError::NoFormerRoot)));
    authority.make_root("next", FormerKey::Required, 100, 30).unwrap();
    let (roots, issuers) = (signers(&authority, true), signers(&authority, false));
    assert_eq!((roots.len(), &roots[1]), (2, &old_root));
    assert_eq!((issuers.len(), &issuers[1]), (2, &old_issuer));
    assert_eq!(lists(&authority).len(), 4);
    let two = issue(&authority, &request("two", 2), 90).unwrap().entry;
    assert_eq!(two.signer.as_ref(), Some(&issuers[0]));
    assert!(matches!(authority.retire_roots(30), Err(AuthorityError::RootInUse { count: 1 })));
    revoke(&authority, &CertificateSelection::Keys(keys(1)));
    authority.sign_lists(30, ListScope::IssuersAndRoots).expect("both roots' keys are here");
    authority.retire_roots(30).unwrap();
    assert_eq!((signers(&authority, true).len(), signers(&authority, false).len()), (1, 1));
    assert_eq!(lists(&authority).len(), 2);
    issue(&Authority::open(folder.path()).unwrap(), &request("three", 3), 90).unwrap();
}

#[test]
fn an_interrupted_change_of_the_root_is_finished() {
    let (folder, authority) = authority();
    let root = fs::read(authority.root_path()).unwrap();
    let issuer = fs::read(folder.path().join("issuer.key.pem")).unwrap();
    let lists_before = fs::read(authority.revocation_list_path()).unwrap();
    authority.make_root("next", FormerKey::Required, 100, 30).unwrap();
    let next = signers(&authority, true)[0].clone();
    // Only the new root's key was written.
    fs::write(authority.root_path(), root).unwrap();
    write_private(&folder.path().join("issuer.key.pem"), &issuer);
    fs::write(authority.revocation_list_path(), lists_before).unwrap();
    let error = authority.make_issuer(100, false, 30).unwrap_err();
    assert!(error.to_string().contains("was interrupted. Run it again"), "{error}");
    issue(&authority, &request("one", 1), 90).expect("the former issuer still signs");
    authority.make_root("next", FormerKey::Required, 100, 30).unwrap();
    assert_eq!(signers(&authority, true)[0], next);
}

/// Makes the folder of a former version: a root that signs clients, without issuers and passphrases.
fn former_authority() -> (TempDir, Authority) {
    let folder = TempDir::new().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "former authority");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    let root = parameters.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&parameters, &key);
    let serial = "4a".repeat(16);
    let revoked: SerialNumber = serial.parse().unwrap();
    let entry = IssuedCertificate {
        serial_number: revoked,
        holder: CertificateHolder::Unknown,
        not_after: now(),
        signer: None,
        revoked: Some(now()),
    };
    let list = certificate::revocation_list([entry].iter(), 2, now() + Duration::days(7000));
    let write = |name: &str, text: &str| write_private(&folder.path().join(name), text.as_bytes());
    write("root.pem", &root.pem());
    write("root.key.pem", &key.serialize_pem());
    write("revoked.pem", &list.signed_by(&issuer).unwrap().pem().unwrap());
    write(
        "issued.csv",
        &format!("serial,for,name,keys,not_after\n{serial},client,clinic,{},2046-01-01T00:00:00Z\n", keys(9)),
    );
    write("revoked.csv", &format!("serial,revoked\n{serial},2026-01-01T00:00:00Z\n"));
    let authority = Authority::open(folder.path()).unwrap();
    (folder, authority)
}

#[test]
fn the_folder_of_a_former_version_is_used_and_gets_an_issuer() {
    let (folder, mut authority) = former_authority();
    let one = issue(&authority, &request("one", 1), 90).unwrap();
    assert_eq!(one.pem.matches("BEGIN CERTIFICATE").count(), 1, "there is no issuer");
    revoke(&authority, &CertificateSelection::Keys(keys(1)));
    let root = signers(&authority, true)[0].clone();
    let (number, revoked) = lists(&authority)[&root].clone();
    assert!(number > 1_000_000_000_000 && revoked.len() == 2 && lists(&authority).len() == 1);
    let error = authority.make_issuer(100, false, 30).unwrap_err();
    assert!(error.to_string().contains("authority new-root"), "{error}");

    let words = "a new passphrase";
    assert_eq!(authority.encrypt(Some(passphrase(words))).unwrap().len(), 1);
    let authority = Authority::open(folder.path()).unwrap().with_passphrase(passphrase(words));
    authority.make_root("new", FormerKey::Required, 100, 30).unwrap();
    let two = issue(&authority, &request("two", 2), 90).unwrap();
    assert_eq!(two.pem.matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(lists(&authority).len(), 3, "former root, new root, issuer");
    assert!(lists(&authority)[&root].1.is_superset(&revoked));
    authority.retire_roots(30).unwrap();
    assert_eq!(lists(&authority).len(), 2);
}

/// Whoever can write the file of a key can make it useless, but neither crash nor stop the program.
#[test]
fn a_damaged_file_of_a_key_is_refused() {
    use pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, ScryptParams};
    use pkcs8::der::Encode as _;
    use rand::{Rng as _, SeedableRng as _};

    let folder = TempDir::new().unwrap();
    let path = folder.path().join("authority");
    let words = "correct horse battery";
    let authority = Authority::create(&path, "test", Some(passphrase(words))).unwrap();
    let file = authority.folder.issuer_key_path();
    let key = || key_file::KeyFile::read(&file, None).map(Option::unwrap);
    let good = fs::read(&file).unwrap();
    let mut rng = rand::rngs::StdRng::seed_from_u64(5);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = good.clone();
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..3) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << rng.random_range(0..7),
            _ => bytes[at] = b"A/+=9\n-"[rng.random_range(0..7)],
        }
        write_private(&file, &bytes);
        refused += usize::from(key().is_err());
    }
    assert!(refused > 100, "{refused}");

    let text = String::from_utf8(good).unwrap();
    let (certificate, encrypted) = text.split_at(text.find("-----BEGIN ENCRYPTED").unwrap());
    let good = pem::parse(encrypted).unwrap().into_contents();
    for distance in [1, 17, 40, 80, 120] {
        let mut der = good.clone();
        let at = der.len() - distance;
        der[at] ^= 1;
        let content = certificate.to_owned() + &key_file::to_pem("ENCRYPTED PRIVATE KEY", der);
        write_private(&file, content.as_bytes());
        let error = key().unwrap().unlock(Some(&passphrase(words))).map(|_| ()).unwrap_err();
        assert!(matches!(error, AuthorityError::WrongPassphrase { .. }), "{error}");
    }

    // The file states the cost of opening it.
    for (cost_parameter, block_size, parallelization) in
        [(0, 8, 1), (1 << 40, 8, 1), (1 << 14, 8, u16::MAX), (u64::MAX, u16::MAX, 1)]
    {
        let (salt, iv) = ([1; 16], [2; 16]);
        let kdf = ScryptParams { salt: &salt, cost_parameter, block_size, parallelization, key_length: None };
        let parameters =
            Parameters { kdf: Kdf::Scrypt(kdf), encryption: EncryptionScheme::Aes256Cbc { iv: &iv } };
        let info = pkcs8::EncryptedPrivateKeyInfo {
            encryption_algorithm: parameters.into(),
            encrypted_data: &[3; 32],
        };
        let encrypted = key_file::to_pem("ENCRYPTED PRIVATE KEY", info.to_der().unwrap());
        write_private(&file, (certificate.to_owned() + &encrypted).as_bytes());
        let error = key().unwrap().unlock(Some(&passphrase(words))).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("at too great a cost"), "{error}");
    }
}
