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
