use super::*;

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
fn a_certificate_is_issued_only_for_the_key_that_the_sender_told() {
    let (_folder, authority) = authority();
    // Somebody else can make a request for the same name and keys, but not with the same public key.
    let (told, forged) = (request("clinic", 1).key(), request("clinic", 1));
    let error = authority.issue(&forged, &Approval::new(told, 90)).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains(&forged.key().to_string()) && text.contains(&told.to_string()), "{text}");
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
    let other = request("clinic", 2);
    authority.issue(&other, &Approval::new(other.key(), 90).with_other_keys()).unwrap();
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
fn certificates_that_ended_with_their_issuer_or_root_exclude_no_other_keys_and_names() {
    let (_folder, authority) = authority();
    let issue_both = |byte| {
        issue(&authority, &request("clinic", byte), 90).unwrap();
        issue_provider(&authority, "localhost");
    };
    issue_both(1);
    authority.make_issuer(100, true, 30).unwrap();
    issue_both(2);
    issue(&authority, &request("other", 1), 90)
        .expect("the certificate of the clinic for these keys has ended");
    let error = issue(&authority, &request("clinic", 3), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::OtherKeys { .. }), "{error}");

    authority.make_root("next", FormerKey::Required, 100, 30).unwrap();
    let error = issue(&authority, &request("third", 2), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::KeysTaken { .. }), "{error}");
    let renewed = issue(&authority, &request("clinic", 2), 90).unwrap().entry.serial_number;
    for name in ["localhost", "other"] {
        revoke(&authority, &CertificateSelection::Name(name.to_owned()));
    }
    authority.retire_roots(30).unwrap();
    revoke(&authority, &CertificateSelection::SerialNumber(renewed));
    issue_both(3);
}

#[test]
fn a_certificate_names_the_keys_of_both_forms_of_evaluation() {
    let (folder, authority) = authority();
    let with_packed = |name: &str, batched: u8, packed: u8| {
        let subject = Subject::new(name, keys(batched)).unwrap().with_packed_keys(Some(keys(packed)));
        ReceivedRequest::from_pem(&CertificateRequest::new(&subject).unwrap().pem).unwrap()
    };
    let issued = issue(&authority, &with_packed("owner", 1, 2), 90).unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let identity = ClientIdentity::from_der(&der).unwrap();
    assert_eq!((identity.keys, identity.packed_keys), (keys(1), Some(keys(2))));
    assert!(identity.may_use(keys(1)) && identity.may_use(keys(2)) && !identity.may_use(keys(3)));
    assert_eq!(leaves(&Authority::open(folder.path()).unwrap()), std::slice::from_ref(&issued.entry));

    // Keys of either form belong to their owner, whichever form another request gives them.
    for thief in [with_packed("thief", 3, 2), with_packed("thief", 2, 3), request("thief", 2)] {
        let error = issue(&authority, &thief, 90).unwrap_err();
        assert!(matches!(&error, AuthorityError::KeysTaken { name, .. } if name == "owner"), "{error}");
    }
    let error = issue(&authority, &with_packed("owner", 1, 3), 90).unwrap_err();
    assert!(matches!(error, AuthorityError::OtherKeys { .. }), "{error}");
    let revoked = revoke(&authority, &CertificateSelection::Keys(keys(2)));
    assert_eq!(revoked.len(), 1);
}
