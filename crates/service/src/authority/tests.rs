use std::fs;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;

use super::*;
use crate::tls::{ClientIdentity, RevocationList, Subject, TlsError};
use sottovoce_protocol::Fingerprint;

fn keys(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; Fingerprint::BYTES])
}

fn request(name: &str, byte: u8) -> ReceivedRequest {
    let request = CertificateRequest::new(&Subject::new(name, keys(byte)).unwrap()).unwrap();
    ReceivedRequest::from_pem(&request.pem).unwrap()
}

fn authority() -> (TempDir, Authority) {
    let folder = TempDir::new().unwrap();
    let authority = Authority::create(folder.path(), "test authority").unwrap();
    (folder, authority)
}

fn revocation_list(authority: &Authority) -> RevocationList {
    RevocationList::from_pem(&fs::read(authority.revocation_list_path()).unwrap(), authority.root()).unwrap()
}

#[test]
fn a_certificate_has_the_name_and_keys_of_the_request() {
    let (_folder, authority) = authority();
    let certificate = authority.issue(&request("clinic-7 a.b_c@d", 7), 90).unwrap();
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
    let one = authority.issue(&request("one", 1), 90).unwrap().entry;
    let two = authority.issue(&request("two", 2), 90).unwrap().entry;
    let (provider, _) = authority.issue_provider(&["localhost".parse().unwrap()], 30).unwrap();
    let revoked = authority.revoke(&CertificateSelection::Keys(keys(2))).unwrap();

    let opened = Authority::open(folder.path()).unwrap();
    assert_eq!(opened.list().unwrap(), [one.clone(), revoked[0].clone(), provider.entry]);
    assert_eq!(revoked.iter().map(|issued| &issued.serial_number).collect::<Vec<_>>(), [&two.serial_number]);
    let list = revocation_list(&opened);
    assert!(list.contains(&two.serial_number) && !list.contains(&one.serial_number));
}

#[test]
fn all_certificates_of_a_name_are_revoked_at_once_and_stay_so() {
    let (_folder, authority) = authority();
    let first = authority.issue(&request("one", 1), 90).unwrap().entry.serial_number;
    let renewed = authority.issue(&request("one", 1), 90).unwrap().entry.serial_number;
    let name = CertificateSelection::Name("one".to_owned());
    let revoked = authority.revoke(&name).unwrap();
    assert_eq!(revoked.len(), 2);
    assert_eq!(authority.revoke(&name).unwrap(), revoked, "revoking again changes nothing");
    let other = authority.issue(&request("two", 2), 90).unwrap().entry.serial_number;
    authority.revoke(&CertificateSelection::SerialNumber(other.clone())).unwrap();
    let list = revocation_list(&authority);
    assert!([&first, &renewed, &other].into_iter().all(|serial| list.contains(serial)));
    let error = authority.revoke(&CertificateSelection::Name("nobody".to_owned())).unwrap_err();
    assert_eq!(error.to_string(), "no certificate was issued with the name \"nobody\"");
}

#[test]
fn keys_of_one_client_are_not_certified_under_another_name() {
    let (_folder, authority) = authority();
    authority.issue(&request("owner", 1), 90).unwrap();
    authority.issue(&request("owner", 1), 90).expect("a renewal");
    let error = authority.issue(&request("thief", 1), 90).unwrap_err();
    assert!(matches!(&error, AuthorityError::KeysTaken { name, .. } if name == "owner"), "{error}");
    authority.revoke(&CertificateSelection::Name("owner".to_owned())).unwrap();
    authority.issue(&request("heir", 1), 90).expect("they are free again");
}

#[test]
fn an_authority_is_never_replaced() {
    let (folder, authority) = authority();
    let key = fs::read(folder.path().join("root.key.pem")).unwrap();
    let again = Authority::create(folder.path(), "another").map(|_| ()).unwrap_err();
    assert!(matches!(again, AuthorityError::Exists { .. }), "{again}");
    fs::remove_file(authority.root_path()).unwrap();
    let again = Authority::create(folder.path(), "another").map(|_| ()).unwrap_err();
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
    Authority::create(&path, "test authority").unwrap();
    let key = path.join("root.key.pem");
    assert_eq!((mode(&path), mode(&key)), (0o700, 0o600));

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
    assert!(matches!(error, AuthorityError::File(TlsError::KeyMismatch { .. })), "{error}");
}

#[test]
fn a_list_that_was_changed_by_hand_is_refused_by_its_line() {
    let (folder, authority) = authority();
    authority.issue(&request("one", 1), 90).unwrap();
    let issued = folder.path().join("issued.csv");
    let good = fs::read_to_string(&issued).unwrap();
    for (text, line) in [
        (good.replace("client", "somebody"), 2),
        (good.clone() + "\n", 3),
        (good.replace("not_after", "until"), 1),
        (String::new(), 1),
    ] {
        fs::write(&issued, text).unwrap();
        let error = authority.list().unwrap_err();
        assert!(matches!(error, AuthorityError::Line { line: found, .. } if found == line), "{error}");
    }
    fs::write(&issued, &good).unwrap();
    authority.revoke(&CertificateSelection::Name("one".to_owned())).unwrap();
    fs::write(&issued, good.lines().next().unwrap()).unwrap();
    let error = authority.issue(&request("two", 2), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::NotIssued { .. }), "what is revoked is not forgotten: {error}");
}

#[test]
fn days_are_bounded_and_the_authority_outlives_its_certificates() {
    let (_folder, authority) = authority();
    for days in [0, MAX_VALIDITY_DAYS + 1, u32::MAX] {
        let error = authority.issue(&request("one", 1), days).unwrap_err();
        assert!(matches!(error, AuthorityError::Days { found, .. } if found == days), "{error}");
    }
    let certificate = authority.issue(&request("one", 1), MAX_VALIDITY_DAYS).unwrap();
    assert!(certificate.entry.not_after < authority.root().not_after());
    assert!(matches!(authority.issue_provider(&[], 30), Err(AuthorityError::NoHosts)));
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
    let uri = |text: &str| rcgen::SanType::URI(text.try_into().unwrap());
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
        rcgen::SanType::URI(keys_uri.try_into().unwrap()),
        rcgen::SanType::DnsName("provider.example".try_into().unwrap()),
    ];
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let pem = parameters.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();

    let certificate = authority.issue(&ReceivedRequest::from_pem(&pem).unwrap(), 90).unwrap();
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
                    authority.issue(&request(&name, thread * 5 + index), 90).unwrap();
                }
            });
        }
    });
    assert_eq!(Authority::open(folder.path()).unwrap().list().unwrap().len(), 20);
}
