use super::*;

fn refused(result: Result<ServerTls, TlsError>) -> TlsError {
    result.map(|_| ()).unwrap_err()
}

#[test]
fn the_revocation_list_is_read_again_when_it_has_changed() {
    let world = World::new();
    let (certificate, _) = world.client("client", Duration::days(1));
    let serial = certificate.entry.serial_number;
    let path = world.authority.revocation_list_path();
    let mut revocations = RevocationFile::read(&path, &world.root()).unwrap();
    assert!(!revocations.refresh().unwrap() && !revocations.list().contains(&serial));
    world.revoke(&serial);
    assert!(revocations.refresh().unwrap() && revocations.list().contains(&serial));
    assert!(!revocations.refresh().unwrap(), "nothing has changed since");
}

#[test]
fn a_damaged_revocation_list_is_reported_and_the_list_before_stays_in_use() {
    let world = World::new();
    let path = world.authority.revocation_list_path();
    let empty = fs::read(&path).unwrap();
    let serial = world.client("client", Duration::days(1)).0.entry.serial_number;
    world.revoke(&serial);
    let good = fs::read(&path).unwrap();
    let mut revocations = RevocationFile::read(&path, &world.root()).unwrap();

    let foreign = fs::read(World::new().authority.revocation_list_path()).unwrap();
    for (bytes, reason) in [
        (b"nothing".to_vec(), "no revocation list in PEM"),
        (good[..good.len() / 2].to_vec(), "no revocation list in PEM"),
        (foreign, "not signed by the authority"),
        (empty, "older than the one in use"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = causes(&revocations.refresh().unwrap_err());
        assert!(error.contains(reason) && error.contains("revoked.pem"), "{error}");
        // A refused file is read once.
        assert!(!revocations.refresh().unwrap() && revocations.is_outdated());
        assert!(revocations.list().contains(&serial));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(revocations.refresh(), Err(TlsError::Read { .. })));
    assert!(revocations.list().contains(&serial));
    fs::write(&path, good).unwrap();
    assert!(revocations.refresh().unwrap() && !revocations.is_outdated(), "it is mended");
}

#[test]
fn a_server_with_a_damaged_revocation_list_uses_the_list_before() {
    let world = World::new();
    let path = world.authority.revocation_list_path();
    let serial = world.client("client", Duration::days(1)).0.entry.serial_number;
    world.revoke(&serial);
    let server = world.server();
    let configuration = server.current_configuration();
    fs::write(&path, "nothing").unwrap();
    assert!(Arc::ptr_eq(&configuration, &server.current_configuration()));
    let not_after = OffsetDateTime::now_utc() + Duration::days(1);
    let client = ClientIdentity {
        name: "client".into(),
        serial_number: serial,
        keys: Fingerprint::from_bytes([1; 32]),
        not_after,
    };
    assert!(matches!(server.check_still_valid(&client), Err(IdentityError::Revoked { .. })));
}

#[test]
fn unusable_files_are_named_with_the_reason() {
    let world = World::new();
    let root = world.authority.root_path();
    let (certificate, key) = (world.path("provider.pem"), world.path("provider.key.pem"));
    let load = |certificate: &Path, key: &Path, root: &Path| {
        let error = refused(ServerTls::load(certificate, key, root, None));
        causes(&error)
    };
    let missing = world.path("missing.pem");
    let text = world.path("text.pem");
    fs::write(&text, "nothing").unwrap();
    let broken = world.path("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let two = world.path("two.pem");
    fs::write(&two, fs::read_to_string(&root).unwrap().repeat(2)).unwrap();
    let leaf = world.path("leaf.pem");
    let chain = fs::read_to_string(&certificate).unwrap();
    fs::write(&leaf, chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap()).unwrap();
    let no_key = world.path("no.key.pem");
    write_private_key(&no_key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    world.client("other", Duration::days(1));
    let other_key = world.path("other.key.pem");
    for (error, words) in [
        (load(&missing, &key, &root), ["cannot read", "missing.pem"]),
        (load(&certificate, &missing, &root), ["cannot read", "missing.pem"]),
        (load(&certificate, &key, &missing), ["cannot read", "missing.pem"]),
        (load(&text, &key, &root), ["text.pem", "no certificate in PEM"]),
        (load(&key, &key, &root), ["provider.key.pem", "no certificate in PEM"]),
        (load(&broken, &key, &root), ["broken.pem", "no readable certificate"]),
        (load(&certificate, &key, &broken), ["broken.pem", "no readable certificate"]),
        (load(&certificate, &key, &two), ["two.pem", "holds 2 certificates"]),
        (load(&certificate, &key, &leaf), ["leaf.pem", "does not belong to an authority"]),
        (load(&certificate, &no_key, &root), ["no.key.pem", "no usable private key"]),
        (load(&certificate, &other_key, &root), ["other.key.pem", "does not belong to"]),
    ] {
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    let error = refused(world.server_with(Some(&missing)));
    assert!(matches!(error, TlsError::Read { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_can_read_is_refused_with_the_command_that_corrects_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let key = world.path("provider.key.pem");
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for mode in [0o644, 0o640, 0o601, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = refused(world.server_with(None)).to_string();
        assert!(
            error.contains(&format!("mode {mode:o}"))
                && error.ends_with(&format!("correct this with: chmod 600 {}", key.display())),
            "{error}"
        );
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    world.server_with(None).unwrap();
}

#[test]
fn a_private_key_replaces_no_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key.pem");
    write_private_key(&path, "first").unwrap();
    assert!(write_private_key(&path, "second").is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn equal_serial_numbers_can_be_written_in_several_ways() {
    let serial: SerialNumber = "00AB01".parse().unwrap();
    assert_eq!(serial, SerialNumber::from_bytes(&[0, 0, 0xab, 1]));
    assert_eq!(serial.to_string(), "ab01");
    for text in ["", "a", "abc", "0x12", "12:34", "+1"] {
        assert!(text.parse::<SerialNumber>().is_err(), "{text:?}");
    }
}
