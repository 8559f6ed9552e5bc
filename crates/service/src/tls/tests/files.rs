use super::*;

fn refused(files: ServerTlsFiles) -> String {
    with_causes(&ServerTls::load(files).map(|_| ()).unwrap_err())
}

/// A client that is connected.
fn connected(world: &World, name: &str, serial: u64) -> ClientIdentity {
    world.client(name, serial, Dates::year());
    let chain = pem_files::read_certificates(&world.path(&format!("{name}.pem"))).unwrap();
    ClientIdentity::from_chain(&chain).unwrap()
}

/// Returns whether a server refuses a client because its certificate is revoked.
fn is_revoked(server: &ServerTls, client: &ClientIdentity) -> bool {
    match server.check_still_valid(client) {
        Ok(()) => false,
        Err(IdentityError::Revoked { .. } | IdentityError::IssuerRevoked { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn files_are_read_only_by_a_refresh() {
    let world = World::new();
    let client = connected(&world, "client", 7);
    let server = world.server();
    let configuration = server.current_configuration();
    assert!(!is_revoked(&server, &client));
    world.revoke(2, &[7]);
    assert!(!is_revoked(&server, &client) && Arc::ptr_eq(&configuration, &server.current_configuration()));
    server.refresh();
    assert!(is_revoked(&server, &client) && !Arc::ptr_eq(&configuration, &server.current_configuration()));
    let configuration = server.current_configuration();
    server.refresh();
    assert!(Arc::ptr_eq(&configuration, &server.current_configuration()), "nothing has changed since");
    // Nothing that is used needs a file.
    fs::remove_dir_all(world.folder.path()).unwrap();
    server.refresh();
    assert!(is_revoked(&server, &client) && Arc::ptr_eq(&configuration, &server.current_configuration()));
}

#[test]
fn a_list_that_cannot_be_used_leaves_the_one_before_in_use() {
    let world = World::new();
    let client = connected(&world, "client", 7);
    let earlier = world.bundle(1, &[]);
    world.revoke(2, &[7]);
    let server = world.server();
    let good = fs::read_to_string(world.lists()).unwrap();
    let stranger = Signer::root("test root");
    for bad in ["nothing", &good[..good.len() / 2], &stranger.list(9, &[]), &earlier, ""] {
        fs::write(world.lists(), bad).unwrap();
        server.refresh();
        server.reload();
        assert!(is_revoked(&server, &client), "{bad}");
        assert_eq!(fs::read_to_string(world.path("kept.pem")).unwrap(), good);
    }
    fs::remove_file(world.lists()).unwrap();
    server.refresh();
    assert!(is_revoked(&server, &client));
    world.revoke(3, &[7, 8]);
    server.refresh();
    assert!(is_revoked(&server, &client) && is_revoked(&server, &connected(&world, "other", 8)));
    assert_eq!(fs::read(world.path("kept.pem")).unwrap(), fs::read(world.lists()).unwrap());
}

#[test]
fn a_server_that_starts_accepts_no_list_older_than_the_one_it_kept() {
    let world = World::new();
    world.revoke(2, &[7]);
    drop(world.server());
    world.revoke(1, &[]);
    let error = refused(world.files());
    for words in ["revoked.pem cannot replace", "kept.pem", "number 1 and is older than the one in use, 2"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    world.revoke(3, &[7]);
    drop(world.server());
    fs::write(world.path("kept.pem"), "damaged").unwrap();
    let error = refused(world.files());
    assert!(
        error.contains("kept.pem from a backup") && error.contains("no revocation list in PEM"),
        "{error}"
    );
    // Other roots begin with other lists.
    let other = Signer::root("test root");
    fs::write(world.path("kept.pem"), other.list(9, &[])).unwrap();
    drop(world.server());
}

#[test]
fn an_issuer_that_its_root_revokes_ends_all_its_certificates() {
    let world = World::new();
    let client = connected(&world, "client", 7);
    let server = world.server();
    let second = world.root.issuer("second issuer", 4);
    fs::write(
        world.lists(),
        world.root.list(2, &[ISSUER])
            + &world.issuer.pem
            + &world.issuer.list(2, &[])
            + &second.pem
            + &second.list(2, &[]),
    )
    .unwrap();
    server.refresh();
    assert!(is_revoked(&server, &client));
}

#[test]
fn a_client_of_a_root_that_is_no_longer_trusted_is_refused() {
    let world = World::new();
    let client = connected(&world, "client", 7);
    let server = world.server();
    // Two roots with the same name are trusted while one replaces the other.
    let next = Signer::root("test root");
    let issuer = next.issuer("test issuer", ISSUER);
    let lists = issuer.pem.clone() + &issuer.list(2, &[]) + &next.list(2, &[]);
    fs::write(world.roots(), next.pem.clone() + &world.root.pem).unwrap();
    fs::write(world.lists(), lists.clone() + &world.bundle(2, &[])).unwrap();
    server.refresh();
    assert!(!is_revoked(&server, &client));
    // Then the provider's certificate and the trust in the former root end.
    let (pem, key) = issuer.provider(&["localhost"], 9, Dates::year());
    fs::write(world.path("provider.pem"), pem + &issuer.pem).unwrap();
    fs::remove_file(world.path("provider.key.pem")).unwrap();
    write_private_key(&world.path("provider.key.pem"), &key).unwrap();
    fs::write(world.roots(), &next.pem).unwrap();
    fs::write(world.lists(), lists).unwrap();
    server.refresh();
    let error = server.check_still_valid(&client).unwrap_err();
    assert!(matches!(error, IdentityError::Distrusted { .. }), "{error}");
}

#[test]
fn a_list_that_is_too_old_is_told_from_a_revoked_certificate() {
    let world = World::new();
    let past = Dates::around(Duration::days(9), Duration::hours(-1));
    let old = world.issuer.pem.clone() + &world.issuer.list_with(2, &[8], past) + &world.root.list(2, &[]);
    fs::write(world.lists(), old).unwrap();
    let server = world.server();
    let (client, thief) = (connected(&world, "client", 7), connected(&world, "thief", 8));
    server.check_still_valid(&client).unwrap();
    assert_eq!(server.check_lists_current(&client).unwrap_err().current_until, past.not_after);
    assert!(is_revoked(&server, &thief));
    world.revoke(3, &[8]);
    server.refresh();
    server.check_lists_current(&client).unwrap();
}

#[test]
fn certificate_and_key_are_taken_together() {
    let world = World::new();
    let server = world.server();
    let configuration = server.current_configuration();
    let (pem, key) = world.issuer.provider(&["localhost"], 9, Dates::year());
    fs::write(world.path("provider.pem"), pem + &world.issuer.pem).unwrap();
    for _ in 0..2 {
        server.refresh();
        assert!(Arc::ptr_eq(&configuration, &server.current_configuration()), "the key is another one's");
    }
    fs::remove_file(world.path("provider.key.pem")).unwrap();
    write_private_key(&world.path("provider.key.pem"), &key).unwrap();
    server.refresh();
    assert!(!Arc::ptr_eq(&configuration, &server.current_configuration()));
}

#[test]
fn a_certificate_that_clients_would_refuse_is_not_served() {
    let world = World::new();
    let server = world.server();
    let configuration = server.current_configuration();
    let days = |from, to| Dates::around(Duration::days(from), Duration::days(to));
    let expired = days(9, -1);
    let date = expired.not_after.date().to_string();
    world.write_provider(expired);
    for words in [
        "provider.pem",
        "the provider's certificate",
        "was valid until",
        &date,
        "sottovoce authority provider",
    ] {
        let error = refused(world.files());
        assert!(error.contains(words), "{words}: {error}");
    }
    server.refresh();
    assert!(Arc::ptr_eq(&configuration, &server.current_configuration()));
    world.write_provider(days(-1, 9));
    assert!(refused(world.files()).contains("is not valid before"));
    // The issuer's certificate is missing, or has expired.
    let (pem, key) = world.issuer.provider(&["localhost"], 9, Dates::year());
    fs::write(world.path("provider.pem"), &pem).unwrap();
    fs::remove_file(world.path("provider.key.pem")).unwrap();
    write_private_key(&world.path("provider.key.pem"), &key).unwrap();
    let error = refused(world.files());
    assert!(error.contains("do not certify") && error.contains("UnknownIssuer"), "{error}");
    let former = world.root.issuer_with("former issuer", 4, expired);
    fs::write(world.path("provider.pem"), pem + &former.pem).unwrap();
    assert!(refused(world.files()).contains("the certificate of the issuer CN=former issuer"));
    // No root is valid.
    world.write_provider(Dates::year());
    fs::write(world.roots(), Signer::root_with("former root", expired).pem).unwrap();
    let error = refused(world.files());
    assert!(error.contains("no root certificate in") && error.contains("was valid until"), "{error}");
    let error = with_causes(&load_client_tls(&world.roots(), None).unwrap_err());
    assert!(error.contains("no root certificate in"), "{error}");
}

#[test]
fn unusable_files_are_named_with_the_reason() {
    let world = World::new();
    let root = world.roots();
    let (certificate, key) = (world.path("provider.pem"), world.path("provider.key.pem"));
    let load = |certificate: &Path, key: &Path, root: &Path| {
        refused(ServerTlsFiles {
            certificate: certificate.into(),
            private_key: key.into(),
            roots: root.into(),
            revocations: None,
        })
    };
    let missing = world.path("missing.pem");
    let text = world.path("text.pem");
    fs::write(&text, "nothing").unwrap();
    let broken = world.path("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let no_key = world.path("no.key.pem");
    write_private_key(&no_key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let issuer = world.path("issuer.pem");
    fs::write(&issuer, &world.issuer.pem).unwrap();
    world.client("other", 7, Dates::year());
    let other_key = world.path("other.key.pem");
    for (error, words) in [
        (load(&missing, &key, &root), ["cannot read", "missing.pem"]),
        (load(&certificate, &missing, &root), ["cannot read", "missing.pem"]),
        (load(&certificate, &key, &missing), ["cannot read", "missing.pem"]),
        (load(&text, &key, &root), ["text.pem", "no certificate in PEM"]),
        (load(&key, &key, &root), ["provider.key.pem", "no certificate in PEM"]),
        (load(&broken, &key, &root), ["broken.pem", "no readable certificate"]),
        (load(&certificate, &key, &broken), ["broken.pem", "no readable certificate"]),
        (load(&certificate, &key, &certificate), ["provider.pem", "does not belong to an authority"]),
        (load(&certificate, &key, &issuer), ["issuer.pem", "Is this revoked.pem?"]),
        (load(&certificate, &no_key, &root), ["no.key.pem", "no usable private key"]),
        (load(&certificate, &other_key, &root), ["other.key.pem", "does not belong to"]),
    ] {
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    fs::remove_file(world.lists()).unwrap();
    let error = refused(world.files());
    assert!(error.contains("cannot read") && error.contains("revoked.pem"), "{error}");
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
        let error = refused(world.files());
        assert!(
            error.contains(&format!("mode {mode:o}"))
                && error.ends_with(&format!("correct this with: chmod 600 {}", key.display())),
            "{error}"
        );
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    world.server();
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

#[test]
fn a_damaged_pem_file_is_described_in_words_without_its_text() {
    let world = World::new();
    let path = world.path("damaged.pem");
    for (pem, expected) in [
        ("", "no section has the expected label"),
        ("-----BEGIN PRIVATE KEY-----c2VjcmV0\n", "does not end with `-----`"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", "may be cut off"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0?\n-----END PRIVATE KEY-----\n", "is not in Base64"),
    ] {
        sottovoce_network::atomic_file::write_private(&path, pem.as_bytes()).unwrap();
        let error = pem_files::read_private_key(&path).map(|_| ()).unwrap_err();
        let texts = [with_causes(&error), format!("{error:?}")];
        assert!(texts[0].contains(expected), "{}", texts[0]);
        // Bytes as numbers would be in brackets.
        assert!(texts.iter().all(|text| !text.contains("c2Vj") && !text.contains('[')), "{texts:?}");
    }
}
