use super::*;

#[test]
fn an_authority_is_never_replaced() {
    let (folder, authority) = authority();
    let key = fs::read(folder.path().join("root.key.pem")).unwrap();
    let again = Authority::create(folder.path(), "another", None).map(|_| ()).unwrap_err();
    assert!(matches!(again, AuthorityError::Exists { .. }), "{again}");
    fs::remove_file(authority.root_path()).unwrap();
    let again = Authority::create(folder.path(), "another", None).map(|_| ()).unwrap_err();
    assert!(matches!(again, AuthorityError::Unfinished { .. }), "{again}");
    assert!(again.to_string().contains("restore root.pem"), "{again}");
    assert_eq!(fs::read(folder.path().join("root.key.pem")).unwrap(), key);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for error in [Authority::create(&file, "another", None), Authority::open(&file)] {
        assert!(matches!(error.map(|_| ()), Err(AuthorityError::NotAFolder { .. })));
    }
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
