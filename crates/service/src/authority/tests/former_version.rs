use super::*;

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
    let list = certificate::revocation_list([(revoked, now())], 2, now() + Duration::days(7000));
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
