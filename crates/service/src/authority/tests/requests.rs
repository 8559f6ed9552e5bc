use super::*;

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
    let keys_uri = Subject::new("a", keys(1)).unwrap().keys_uris().concat();
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
    let both = Subject::new("a", keys(1)).unwrap().with_packed_keys(Some(keys(2)));
    let packed_uri = &both.keys_uris()[1];
    let short_packed_uri = &packed_uri[..packed_uri.len() - 1];
    for (request, reason) in [
        (pem(None, &[&keys_uri], &key), "0 common names"),
        (pem(Some("a\tb"), &[&keys_uri], &key), "must have 1 to 64 letters"),
        (pem(Some("a"), &[], &key), "0 names start with urn:sottovoce:keys:"),
        (pem(Some("a"), &["https://example.org"], &key), "0 names start with"),
        (pem(Some("a"), &[&keys_uri, &keys_uri], &key), "2 names start with"),
        (pem(Some("a"), &[short], &key), "not a fingerprint"),
        (pem(Some("a"), &[packed_uri], &key), "0 names start with urn:sottovoce:keys:"),
        (
            pem(Some("a"), &[&keys_uri, packed_uri, packed_uri], &key),
            "2 names start with urn:sottovoce:packed-keys:",
        ),
        (pem(Some("a"), &[&keys_uri, short_packed_uri], &key), "not a fingerprint"),
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
    let keys_uri = Subject::new("climber", keys(1)).unwrap().keys_uris().concat();
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
