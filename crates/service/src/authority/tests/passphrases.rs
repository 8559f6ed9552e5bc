use super::*;

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
        assert!(error.to_string().contains("choose another passphrase"), "{error}");
    }
}

/// A file of a key that somebody else wrote is refused, and neither crashes nor stops the program.
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
