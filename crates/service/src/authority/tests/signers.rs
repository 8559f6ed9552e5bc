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
