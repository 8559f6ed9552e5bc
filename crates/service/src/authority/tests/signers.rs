use super::*;

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
    let notices = authority.sign_lists(30, ListScope::Issuers).unwrap();
    assert!(
        matches!(&notices[..], [ListNotice::MissingIssuer { signer, .. }] if *signer == former),
        "{notices:?}"
    );
    assert_eq!(lists(&authority)[&former], before);
    assert_eq!(before.1, [one].into());
}

#[test]
fn a_stolen_issuer_is_revoked_by_the_root() {
    let (_folder, authority) = authority();
    let stolen = signers(&authority, false)[0].clone();
    let error = authority.revoke(&CertificateSelection::SerialNumber(stolen.clone()), 30).unwrap_err();
    assert!(error.to_string().contains("renew-issuer FOLDER --revoke-former"), "{error}");
    authority.make_issuer(100, true, 30).unwrap();
    let root = signers(&authority, true)[0].clone();
    assert_eq!(lists(&authority)[&root].1, [stolen].into());
}

#[test]
fn an_issuer_is_replaced_only_if_all_lists_can_be_signed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("authority");
    Authority::create(&path, "test", Some(passphrase("correct horse battery"))).unwrap();
    let mut authority = Authority::open(&path).unwrap().with_passphrase(passphrase("correct horse battery"));
    authority.make_issuer(100, false, 30).unwrap();
    let former = authority.folder.former_key_paths().unwrap();
    assert_eq!(former.len(), 1, "the present issuer has no copy there");
    let older = fs::read(&former[0]).unwrap();
    authority.encrypt(Some(passphrase("another passphrase"))).unwrap();
    write_private(&former[0], &older);
    let files = || {
        ["issuer.key.pem", "issued.csv", "revoked.csv", "revoked.pem"]
            .map(|name| fs::read(path.join(name)).unwrap())
    };
    let before = files();
    let error = authority.make_issuer(100, true, 30).unwrap_err();
    assert!(matches!(&error, AuthorityError::WrongPassphrase { path } if *path == former[0]), "{error}");
    assert_eq!(files(), before);
    assert_eq!(authority.folder.former_key_paths().unwrap(), former);
}

#[test]
fn an_interrupted_replacement_of_a_stolen_issuer_is_finished_or_refused() {
    let key = format!("issuer.key.pem.{}.partial", std::process::id());
    for unwritable in ["revoked.pem.partial", &key, "issued.csv.partial", "revoked.csv.partial"] {
        let (folder, authority) = authority();
        let stolen = signers(&authority, false)[0].clone();
        // A folder with the name of the temporary file makes the write fail.
        let obstacle = folder.path().join(unwritable);
        fs::create_dir(&obstacle).unwrap();
        let error = authority.make_issuer(100, true, 30).unwrap_err();
        assert!(matches!(error, AuthorityError::Write { .. }), "{unwritable}: {error}");
        fs::remove_dir(&obstacle).unwrap();

        let root = signers(&authority, true)[0].clone();
        let is_revoked = lists(&authority)[&root].1.contains(&stolen);
        assert_eq!(is_revoked, unwritable != "revoked.pem.partial");
        match issue(&authority, &request("one", 1), 90) {
            Ok(issued) => {
                let issuer = issued.entry.signer.unwrap();
                assert!(!lists(&authority)[&root].1.contains(&issuer), "{unwritable}: issuer is revoked");
                assert!(lists(&authority).contains_key(&issuer), "{unwritable}: issuer has no list");
            }
            Err(error) => {
                assert_eq!(unwritable, key, "{error}");
                assert!(error.to_string().contains("is revoked"), "{error}");
            }
        }
        authority.make_issuer(100, true, 30).unwrap();
        assert_eq!(authority.sign_lists(30, ListScope::Issuers).unwrap(), [], "{unwritable}");
        let issued = issue(&authority, &request("one", 1), 90).unwrap().entry;
        assert!(lists(&authority).contains_key(&issued.signer.unwrap()));
        assert!(lists(&authority)[&root].1.contains(&stolen));
        assert_eq!(states(&authority).last(), Some(&IssuedState::Good));
    }
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
    let error = authority.retire_roots(30).unwrap_err();
    assert!(
        matches!(&error, AuthorityError::RootInUse { certificates } if certificates[0].holder.to_string() == "one"),
        "{error}"
    );
    assert!(error.to_string().contains("one, serial "), "{error}");
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

/// Returns the states of clients' and providers' certificates.
fn states(authority: &Authority) -> Vec<IssuedState> {
    let mut all = authority.states().unwrap();
    all.retain(|(issued, _)| !matches!(issued.holder, CertificateHolder::Issuer(_)));
    all.into_iter().map(|(_, state)| state).collect()
}

#[test]
fn certificates_of_a_revoked_issuer_are_not_good() {
    let (_folder, authority) = authority();
    issue(&authority, &request("one", 1), 90).unwrap();
    issue_provider(&authority, "localhost");
    authority.make_issuer(100, true, 30).unwrap();
    issue(&authority, &request("one", 1), 90).unwrap();
    assert_eq!(
        states(&authority),
        [IssuedState::IssuerRevoked, IssuedState::IssuerRevoked, IssuedState::Good]
    );
}

#[test]
fn a_root_is_retired_after_all_certificates_were_issued_again() {
    let (_folder, authority) = authority();
    let provider = ProviderRequest::new(&["localhost".parse().unwrap()]).unwrap();
    let provider = ReceivedProviderRequest::from_pem(&provider.pem).unwrap();
    let issue_all = || {
        issue(&authority, &request("one", 1), 90).unwrap();
        issue(&authority, &request("two", 2), 90).unwrap();
        authority.issue_provider(&provider, &Approval::new(provider.key(), 30)).unwrap();
    };
    issue_all();
    authority.make_root("next", FormerKey::Required, 100, 30).unwrap();
    let error = authority.retire_roots(30).unwrap_err();
    assert!(matches!(&error, AuthorityError::RootInUse { certificates } if certificates.len() == 3));
    issue_all();
    authority.retire_roots(30).unwrap();
    let (retired, good) = (IssuedState::IssuerRetired, IssuedState::Good);
    assert_eq!(states(&authority), [retired, retired, retired, good, good, good]);
}

#[test]
fn the_list_of_a_root_whose_key_is_here_is_signed_on_demand() {
    let (_folder, authority) = authority();
    let before = fs::read(authority.revocation_list_path()).unwrap();
    let stolen = signers(&authority, false)[0].clone();
    authority.make_issuer(100, true, 30).unwrap();
    fs::write(authority.revocation_list_path(), before).unwrap();
    let notices = authority.sign_lists(30, ListScope::Issuers).unwrap();
    let text = notices.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains(&stolen.to_string()) && text.contains("sign-list FOLDER --root"), "{text}");
    assert_eq!(authority.sign_lists(30, ListScope::IssuersAndRoots).unwrap(), []);
}
