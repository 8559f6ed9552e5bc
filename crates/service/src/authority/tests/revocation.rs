use super::*;

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
    let future = certificate::revocation_list([], u64::MAX / 2, now() + Duration::days(1));
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
fn a_certificate_that_the_ledger_does_not_have_is_revoked_for_its_issuer() {
    let (folder, authority) = authority();
    let backup = back_up(folder.path());
    let lost = issue(&authority, &request("lost", 1), 90).unwrap().entry;
    restore(backup.path(), folder.path());
    let (serial_number, issuer) = (lost.serial_number.clone(), lost.signer.unwrap());
    let files = || {
        ["issued.csv", "revoked.csv", "revoked.pem"].map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let before = files();
    let error = authority.revoke(&CertificateSelection::SerialNumber(serial_number.clone()), 30).unwrap_err();
    assert!(matches!(error, AuthorityError::UnknownIssuer { .. }), "{error}");
    for text in ["123456", "ca".repeat(16).as_str()] {
        let selection = CertificateSelection::SerialNumber(text.parse().unwrap());
        let error = authority.revoke(&selection, 30).unwrap_err();
        assert!(matches!(error, AuthorityError::SerialNumber { .. }), "{error}");
    }
    let of_issuer = |issuer: &SerialNumber| CertificateSelection::OfIssuer {
        serial_number: serial_number.clone(),
        issuer: issuer.clone(),
    };
    let error = authority.revoke(&of_issuer(&"4b".repeat(16).parse().unwrap()), 30).unwrap_err();
    assert!(matches!(error, AuthorityError::IssuerNotHere { .. }), "{error}");
    assert_eq!(files(), before);

    let revocation = authority.revoke(&of_issuer(&issuer), 30).unwrap();
    assert_eq!(revocation.notices, [ListNotice::Unknown(serial_number.clone())]);
    assert_eq!(revocation.certificates[0].holder, CertificateHolder::Unknown);
    assert_eq!(lists(&authority)[&issuer].1, [serial_number.clone()].into());
    assert_eq!(lists(&authority)[&signers(&authority, true)[0]].1, [].into());
    assert_eq!(Authority::open(folder.path()).unwrap().list().unwrap(), authority.list().unwrap());
    revoke(&authority, &CertificateSelection::SerialNumber(serial_number.clone()));
    let root = signers(&authority, true)[0].clone();
    let error = authority.revoke(&of_issuer(&root), 30).unwrap_err();
    assert!(matches!(error, AuthorityError::OtherIssuer { issuer: found, .. } if found == issuer));
}

#[test]
fn a_certificate_that_the_ledger_does_not_have_is_revoked_for_a_root() {
    let (folder, authority) = authority();
    let backup = back_up(folder.path());
    authority.make_issuer(100, false, 30).unwrap();
    let lost = signers(&authority, false)[0].clone();
    restore(backup.path(), folder.path());
    let root = signers(&authority, true)[0].clone();
    let of_root = CertificateSelection::OfIssuer { serial_number: lost.clone(), issuer: root.clone() };
    let revocation = authority.revoke(&of_root, 30).unwrap();
    assert_eq!(revocation.notices, [ListNotice::Unknown(lost.clone())]);
    assert_eq!(lists(&authority)[&root].1, [lost.clone()].into());
    revoke(&authority, &of_root);
    assert_eq!(lists(&authority)[&root].1, [lost].into());
}

#[test]
fn a_folder_from_before_its_present_issuer_revokes_that_issuer_and_not_its_certificates() {
    let (folder, authority) = authority();
    let older = back_up(folder.path());
    let old_issuer = signers(&authority, false)[0].clone();
    authority.make_issuer(100, false, 30).unwrap();
    let lost = issue(&authority, &request("clinic", 1), 90).unwrap().entry;
    let new_issuer = lost.signer.clone().unwrap();
    let newest_list = fs::read(authority.revocation_list_path()).unwrap();
    let newer = back_up(folder.path());
    let elsewhere = TempDir::new().unwrap();
    let (former, kept) = (folder.path().join("former"), elsewhere.path().join("former"));
    fs::rename(&former, &kept).unwrap();
    restore(older.path(), folder.path());
    fs::write(authority.revocation_list_path(), &newest_list).unwrap();

    assert_eq!(signers(&authority, false), [old_issuer.clone(), new_issuer.clone()]);
    let notices = authority.sign_lists(30, ListScope::Issuers).unwrap();
    assert!(
        matches!(&notices[..], [ListNotice::MissingIssuer { signer, .. }] if *signer == new_issuer),
        "{notices:?}"
    );
    let serial_number = lost.serial_number.clone();
    for (selection, issuer) in [
        (CertificateSelection::SerialNumber(serial_number.clone()), None),
        (
            CertificateSelection::OfIssuer {
                serial_number: serial_number.clone(),
                issuer: new_issuer.clone(),
            },
            Some(&new_issuer),
        ),
    ] {
        let error = authority.revoke(&selection, 30).unwrap_err();
        let named = match &error {
            AuthorityError::UnknownIssuer { .. } => None,
            AuthorityError::IssuerNotHere { issuer, .. } => Some(issuer),
            error => panic!("{error}"),
        };
        assert_eq!(named, issuer);
    }
    assert_eq!(listed(&authority), [].into());
    // The wrong issuer is named.
    let wrong =
        CertificateSelection::OfIssuer { serial_number: serial_number.clone(), issuer: old_issuer.clone() };
    authority.revoke(&wrong, 30).unwrap();
    let revocation = authority.revoke(&CertificateSelection::SerialNumber(new_issuer.clone()), 30).unwrap();
    assert_eq!(revocation.notices, []);
    let root = signers(&authority, true)[0].clone();
    assert_eq!(lists(&authority)[&root].1, [new_issuer.clone()].into());
    assert_eq!(authority.sign_lists(30, ListScope::Issuers).unwrap(), [], "a revoked issuer needs no key");

    // The newer folder comes back, and its lists have all that providers have seen.
    let seen = lists(&authority);
    let seen_list = fs::read(authority.revocation_list_path()).unwrap();
    restore(newer.path(), folder.path());
    fs::rename(&kept, &former).unwrap();
    fs::write(authority.revocation_list_path(), seen_list).unwrap();
    authority.sign_lists(30, ListScope::Issuers).unwrap();
    revoke(&authority, &CertificateSelection::SerialNumber(serial_number));
    for (signer, (number, revoked)) in lists(&authority) {
        assert!(number >= seen[&signer].0 && revoked.is_superset(&seen[&signer].1), "{signer}");
    }
}

#[test]
fn a_damaged_file_of_signed_lists_is_named() {
    let (_folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    revoke(&authority, &CertificateSelection::Keys(keys(1)));
    let path = authority.revocation_list_path();
    let good = fs::read_to_string(&path).unwrap();
    let certificate = good.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    for damaged in
        ["", "junk", &good[..900], &good[..good.len() - 20], &certificate.replace("X509 CRL", "NOTES")]
    {
        fs::write(&path, damaged).unwrap();
        for result in
            [authority.sign_lists(30, ListScope::Issuers).map(|_| ()), authority.signers().map(|_| ())]
        {
            let error = result.unwrap_err();
            assert!(
                matches!(&error, AuthorityError::Lists { path: named, .. } if *named == path),
                "{damaged:?}: {error}"
            );
            let text = error.to_string();
            assert!(text.contains("sign-list FOLDER --root`, with root.key.pem in the folder"), "{text}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
    // Without the list of the issuer, the file is complete PEM.
    let first = good.split_inclusive("-----END X509 CRL-----\n").next().unwrap();
    fs::write(&path, first).unwrap();
    let issuer = signers(&authority, false)[0].clone();
    let notices = authority.sign_lists(30, ListScope::Issuers).unwrap();
    assert_eq!(notices, [ListNotice::NoList { signer: issuer }]);
}

#[test]
fn a_revocation_that_cannot_be_signed_is_not_entered() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("authority");
    Authority::create(&path, "test", Some(passphrase("correct horse battery"))).unwrap();
    let right = Authority::open(&path).unwrap().with_passphrase(passphrase("correct horse battery"));
    right.check_passphrase().unwrap();
    issue(&right, &request("one", 1), 90).unwrap();
    let files =
        || ["issued.csv", "revoked.csv", "revoked.pem"].map(|name| fs::read(path.join(name)).unwrap());
    let before = files();
    let wrong = Authority::open(&path).unwrap().with_passphrase(passphrase("correct horse batterz"));
    assert!(matches!(wrong.check_passphrase(), Err(AuthorityError::WrongPassphrase { .. })));
    let error = wrong.revoke(&CertificateSelection::Keys(keys(1)), 30).unwrap_err();
    assert!(matches!(error, AuthorityError::WrongPassphrase { .. }), "{error}");
    assert_eq!(files(), before);
    assert!(leaves(&right)[0].revoked.is_none());
}

#[test]
fn ledger_and_lists_that_differ_are_noticed() {
    let (folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    let unlisted = || authority.signers().unwrap().iter().map(|signer| signer.unlisted).sum::<usize>();
    let older = fs::read(authority.revocation_list_path()).unwrap();
    let ledger = ["issued.csv", "revoked.csv"].map(|name| fs::read(folder.path().join(name)).unwrap());
    revoke(&authority, &CertificateSelection::Keys(keys(1)));
    assert_eq!(unlisted(), 0);
    let newer = fs::read(authority.revocation_list_path()).unwrap();
    fs::write(authority.revocation_list_path(), older).unwrap();
    assert_eq!(unlisted(), 1);
    // The list has what the ledger lacks.
    fs::write(authority.revocation_list_path(), newer).unwrap();
    for (name, bytes) in ["issued.csv", "revoked.csv"].iter().zip(ledger) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    assert_eq!(unlisted(), 0);
    assert!(leaves(&authority)[0].revoked.is_some());
}

#[test]
fn a_certificate_that_nobody_received_is_withdrawn() {
    let (_folder, authority) = authority();
    let kept = issue(&authority, &request("one", 1), 90).unwrap().entry;
    let lost = issue(&authority, &request("one", 1), 90).unwrap().entry;
    authority.withdraw(&lost).unwrap();
    assert_eq!(leaves(&authority), [kept]);
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
