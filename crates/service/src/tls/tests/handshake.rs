use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::tls::client_verifier::handshake_error;

/// Outcome of a connection for each side: the identity that the server sees, and whether the client receives a greeting.
struct Outcome {
    server: Result<Option<ClientIdentity>, String>,
    client: Result<(), String>,
}

impl Outcome {
    #[track_caller]
    fn identity(self) -> Option<ClientIdentity> {
        self.client.unwrap();
        self.server.unwrap()
    }

    #[track_caller]
    fn refusal(self) -> String {
        self.client.unwrap_err();
        self.server.unwrap_err()
    }
}

async fn meet(server: &ServerTls, client: Arc<ClientConfig>, host: &'static str) -> Outcome {
    let (near, far) = tokio::io::duplex(1 << 14);
    let serve = async {
        let stream = TlsAcceptor::from(server.current_configuration()).accept(far).await;
        let mut stream = stream.map_err(|error| handshake_error(&error))?;
        let connection = stream.get_ref().1;
        assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(connection.alpn_protocol(), Some(b"h2".as_slice()));
        let identity =
            server.read_identity(connection.peer_certificates()).map_err(|error| with_causes(&error));
        stream.write_all(b"welcome").await.map_err(|error| error.to_string())?;
        stream.shutdown().await.map_err(|error| error.to_string())?;
        identity
    };
    let visit = async {
        let name = ServerName::try_from(host).unwrap();
        let mut stream =
            TlsConnector::from(client).connect(name, near).await.map_err(|error| error.to_string())?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.map_err(|error| error.to_string())?;
        assert_eq!(text, "welcome");
        Ok(())
    };
    let (server, client) = tokio::join!(serve, visit);
    Outcome { server, client }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let world = World::new();
    let client = world.client("clinic", 7, Dates::year());
    let server = world.server();
    for host in ["localhost", "127.0.0.1"] {
        let identity = meet(&server, client.clone(), host).await.identity().unwrap();
        assert_eq!(identity.name, "clinic");
        assert_eq!(identity.keys, Fingerprint::from_bytes([6; 32]));
        assert_eq!(identity.serial_number, serial(7));
        server.check_still_valid(&identity).unwrap();
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_has_no_identity() {
    let world = World::new();
    let client = load_client_tls(&world.roots(), None).unwrap();
    assert!(meet(&world.server(), client, "localhost").await.identity().is_none());
}

#[tokio::test]
async fn a_provider_is_refused_under_another_name_or_authority() {
    let world = World::new();
    let client = load_client_tls(&world.roots(), None).unwrap();
    let outcome = meet(&world.server(), client, "elsewhere.example").await;
    assert!(outcome.client.unwrap_err().contains("not valid for name"));

    let stranger = load_client_tls(&World::new().roots(), None).unwrap();
    let outcome = meet(&world.server(), stranger, "localhost").await;
    assert!(outcome.client.is_err());
}

#[tokio::test]
async fn a_client_of_another_authority_is_refused() {
    let (world, other) = (World::new(), World::new());
    // The client trusts this provider, and shows a certificate of the other authority.
    other.client("stranger", 7, Dates::year());
    let (certificate, key) = (other.path("stranger.pem"), other.path("stranger.key.pem"));
    let client = load_client_tls(&world.roots(), Some((&certificate, &key))).unwrap();
    let refusal = meet(&world.server(), client, "localhost").await.refusal();
    assert!(refusal.contains("UnknownIssuer") || refusal.contains("BadSignature"), "{refusal}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let world = World::new();
    for (name, until) in [("just now", Duration::seconds(-2)), ("long ago", Duration::days(-10))] {
        let client = world.client(name, 7, Dates::around(Duration::days(20), until));
        let refusal = meet(&world.server(), client, "localhost").await.refusal();
        assert!(refusal.contains("expired"), "{refusal}");
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_from_the_next_refresh_on() {
    let world = World::new();
    let thief = world.client("thief", 7, Dates::year());
    let honest = world.client("honest", 8, Dates::year());
    let server = world.server();
    let identity = meet(&server, thief.clone(), "localhost").await.identity().unwrap();
    server.check_still_valid(&identity).unwrap();
    world.revoke(2, &[7]);
    server.refresh();
    let error = server.check_still_valid(&identity).unwrap_err();
    assert!(
        matches!(error, IdentityError::Revoked { .. }),
        "a connection that is open is no way around: {error}"
    );
    let refusal = meet(&server, thief.clone(), "localhost").await.refusal();
    assert!(refusal.contains("Revoked"), "{refusal}");
    let refusal = meet(&world.server(), thief, "localhost").await.refusal();
    assert!(refusal.contains("Revoked"), "{refusal}");
    let other = meet(&server, honest, "localhost").await.identity().unwrap();
    assert_eq!(other.name, "honest");
}

#[tokio::test]
async fn clients_of_a_revoked_issuer_or_without_a_list_are_refused() {
    let world = World::new();
    let client = world.client("client", 7, Dates::year());
    let server = world.server();
    meet(&server, client.clone(), "localhost").await.identity().unwrap();
    // A list that is too old is no matter of TLS.
    let past = Dates::around(Duration::days(9), Duration::days(-1));
    let old = world.issuer.list_with(2, &[], past) + &world.root.list_with(2, &[], past);
    fs::write(world.lists(), world.issuer.pem.clone() + &old).unwrap();
    server.refresh();
    meet(&server, client.clone(), "localhost").await.identity().unwrap();
    fs::write(world.lists(), world.root.list(3, &[ISSUER])).unwrap();
    server.refresh();
    let refusal = meet(&server, client.clone(), "localhost").await.refusal();
    assert!(refusal.contains("Revoked"), "{refusal}");
    // Nobody knows which certificates an issuer without a list has revoked.
    let other = World::new();
    let client = other.client("client", 7, Dates::year());
    fs::write(other.lists(), other.root.list(1, &[])).unwrap();
    let refusal = meet(&other.server(), client, "localhost").await.refusal();
    assert!(refusal.contains("copy the authority's new revoked.pem"), "{refusal}");
}

/// Roots and issuers of the same name are told apart by their keys.
#[tokio::test]
async fn clients_of_two_roots_are_served_while_one_replaces_the_other() {
    let (former, next) = (World::new(), World::new());
    let lists = former.bundle(1, &[8]) + &next.bundle(1, &[9]);
    for trusting in [&former, &next] {
        fs::write(trusting.roots(), former.root.pem.clone() + &next.root.pem).unwrap();
        fs::write(trusting.lists(), &lists).unwrap();
        for (world, revoked, serial) in [(&former, 8, 9), (&next, 9, 8)] {
            let server = trusting.server();
            fs::write(world.path("both.pem"), former.root.pem.clone() + &next.root.pem).unwrap();
            for (name, number) in [("thief", revoked), ("honest", serial)] {
                let _ = fs::remove_file(world.path(&format!("{name}.key.pem")));
                world.client(name, number, Dates::year());
                let identity = (world.path(&format!("{name}.pem")), world.path(&format!("{name}.key.pem")));
                let client =
                    load_client_tls(&world.path("both.pem"), Some((&identity.0, &identity.1))).unwrap();
                let outcome = meet(&server, client, "localhost").await;
                match name {
                    "honest" => assert_eq!(outcome.identity().unwrap().serial_number, super::serial(number)),
                    _ => assert!(outcome.refusal().contains("Revoked")),
                }
            }
        }
    }
}

/// An authority of the former form: its root signs leaves directly, and one list without other certificates.
#[tokio::test]
async fn a_root_may_sign_leaves_itself() {
    let mut world = World::new();
    world.issuer = Signer::root("test authority");
    fs::write(world.roots(), &world.issuer.pem).unwrap();
    fs::write(world.lists(), world.issuer.list(2, &[8])).unwrap();
    world.write_provider(Dates::year());
    let server = world.server();
    let client = world.client("client", 7, Dates::year());
    let identity = meet(&server, client, "localhost").await.identity().unwrap();
    server.check_still_valid(&identity).unwrap();
    let client = world.client("thief", 8, Dates::year());
    assert!(meet(&server, client, "localhost").await.refusal().contains("Revoked"));
}

#[tokio::test]
async fn a_providers_certificate_is_not_accepted_from_a_client() {
    let world = World::new();
    let (certificate, key) = (world.path("provider.pem"), world.path("provider.key.pem"));
    let client = load_client_tls(&world.roots(), Some((&certificate, &key))).unwrap();
    let refusal = meet(&world.server(), client, "localhost").await.refusal();
    assert!(refusal.contains("extended key usage for client authentication"), "{refusal}");
}

#[test]
fn a_clients_certificate_is_not_served_by_a_provider() {
    let world = World::new();
    world.client("usurper", 7, Dates::year());
    let (certificate, private_key) = (world.path("usurper.pem"), world.path("usurper.key.pem"));
    let files = ServerTlsFiles { certificate, private_key, ..world.files() };
    let error = with_causes(&ServerTls::load(files).unwrap_err());
    assert!(error.contains("do not certify") && error.contains("server authentication"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_expires_while_its_connection_lasts_is_refused() {
    let world = World::new();
    let client = world.client("brief", 7, Dates::year());
    let server = world.server();
    let mut identity = meet(&server, client, "localhost").await.identity().unwrap();
    identity.not_after = OffsetDateTime::now_utc() - Duration::seconds(1);
    let error = server.check_still_valid(&identity).unwrap_err();
    assert!(matches!(error, IdentityError::Expired { .. }), "{error}");
}

/// Writes a client's certificate, that of its issuer and others, and returns a configuration that sends all of them.
fn client_with_others(world: &World, others: &[&Signer]) -> Arc<ClientConfig> {
    let (path, key) = (world.path("client.pem"), world.path("client.key.pem"));
    let _ = fs::remove_file(&key);
    world.client("client", 7, Dates::year());
    let others: String = others.iter().map(|signer| signer.pem.as_str()).collect();
    fs::write(&path, fs::read_to_string(&path).unwrap() + &others).unwrap();
    load_client_tls(&world.roots(), Some((&path, &key))).unwrap()
}

#[tokio::test]
async fn more_than_three_certificates_are_refused_before_a_path_is_searched() {
    let world = World::new();
    let server = world.server();
    let strangers: Vec<Signer> = (0..93).map(|_| Signer::root("test issuer")).collect();
    for count in [2, 93] {
        let others: Vec<&Signer> = strangers.iter().take(count).collect();
        let refusal = meet(&server, client_with_others(&world, &others), "localhost").await.refusal();
        let expected = format!("the client sent {} certificates, at most 3 are allowed", count + 2);
        assert_eq!(refusal, format!("invalid peer certificate: {expected}"));
    }
}

#[tokio::test]
async fn certificates_that_a_valid_chain_does_not_need_are_not_kept() {
    let world = World::new();
    let server = world.server();
    let stranger = Signer::root_with("test issuer", Dates::around(Duration::hours(1), Duration::hours(1)));
    for other in [&stranger, &world.root, &world.issuer] {
        let client = client_with_others(&world, &[other]);
        let identity = meet(&server, client, "localhost").await.identity().unwrap();
        let chain = pem_files::read_certificates(&world.path("client.pem")).unwrap();
        assert_eq!(identity.chain, chain[..2]);
        assert!(identity.not_after > OffsetDateTime::now_utc() + Duration::days(300));
        server.check_still_valid(&identity).unwrap();
    }
}
