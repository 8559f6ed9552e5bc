use rustls::pki_types::ServerName;
use rustls::{ProtocolVersion, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

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

async fn meet(server: Arc<ServerConfig>, client: Arc<ClientConfig>, host: &'static str) -> Outcome {
    let (near, far) = tokio::io::duplex(1 << 14);
    let serve = async {
        let mut stream = TlsAcceptor::from(server).accept(far).await.map_err(|error| error.to_string())?;
        let connection = stream.get_ref().1;
        assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(connection.alpn_protocol(), Some(b"h2".as_slice()));
        let identity =
            ServerTls::read_identity(connection.peer_certificates()).map_err(|error| causes(&error));
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
    let (certificate, client) = world.client("clinic", Duration::days(1));
    let server = world.server();
    for host in ["localhost", "127.0.0.1"] {
        let identity = meet(server.current_configuration(), client.clone(), host).await.identity().unwrap();
        assert_eq!(identity.name, "clinic");
        assert_eq!(identity.keys, Fingerprint::from_bytes([6; 32]));
        assert_eq!(identity.serial_number, certificate.entry.serial_number);
        server.check_still_valid(&identity).unwrap();
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_has_no_identity() {
    let world = World::new();
    let client = load_client_tls(&world.authority.root_path(), None).unwrap();
    assert_eq!(meet(world.server().current_configuration(), client, "localhost").await.identity(), None);
}

#[tokio::test]
async fn a_provider_is_refused_under_another_name_or_authority() {
    let world = World::new();
    let client = load_client_tls(&world.authority.root_path(), None).unwrap();
    let outcome = meet(world.server().current_configuration(), client, "elsewhere.example").await;
    assert!(outcome.client.unwrap_err().contains("not valid for name"));

    let stranger = load_client_tls(&World::new().authority.root_path(), None).unwrap();
    let outcome = meet(world.server().current_configuration(), stranger, "localhost").await;
    assert!(outcome.client.is_err());
}

#[tokio::test]
async fn a_client_of_another_authority_is_refused() {
    let (world, other) = (World::new(), World::new());
    // The client trusts this provider, and shows a certificate of the other authority.
    other.client("stranger", Duration::days(1));
    let (certificate, key) = (other.path("stranger.pem"), other.path("stranger.key.pem"));
    let client = load_client_tls(&world.authority.root_path(), Some((&certificate, &key))).unwrap();
    let refusal = meet(world.server().current_configuration(), client, "localhost").await.refusal();
    assert!(refusal.contains("UnknownIssuer") || refusal.contains("BadSignature"), "{refusal}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let world = World::new();
    for valid in [Duration::seconds(-2), Duration::days(-10)] {
        let name = if valid < Duration::days(-1) { "long ago" } else { "just now" };
        let (_, client) = world.client(name, valid);
        let refusal = meet(world.server().current_configuration(), client, "localhost").await.refusal();
        assert!(refusal.contains("expired"), "{refusal}");
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_from_the_next_connection_on() {
    let world = World::new();
    let (certificate, client) = world.client("thief", Duration::days(1));
    let (_, honest) = world.client("honest", Duration::days(1));
    let server = world.server();
    let identity =
        meet(server.current_configuration(), client.clone(), "localhost").await.identity().unwrap();
    server.check_still_valid(&identity).unwrap();

    world.revoke(&certificate.entry.serial_number);
    let error = server.check_still_valid(&identity).unwrap_err();
    assert!(
        matches!(error, IdentityError::Revoked { .. }),
        "a connection that is open is no way around: {error}"
    );
    let refusal = meet(server.current_configuration(), client.clone(), "localhost").await.refusal();
    assert!(refusal.contains("Revoked"), "{refusal}");
    let refusal = meet(world.server().current_configuration(), client, "localhost").await.refusal();
    assert!(refusal.contains("Revoked"), "{refusal}");
    let other = meet(server.current_configuration(), honest, "localhost").await.identity().unwrap();
    assert_eq!(other.name, "honest");
}

#[tokio::test]
async fn a_providers_certificate_is_not_accepted_from_a_client() {
    let world = World::new();
    let (certificate, key) = (world.path("provider.pem"), world.path("provider.key.pem"));
    let client = load_client_tls(&world.authority.root_path(), Some((&certificate, &key))).unwrap();
    let refusal = meet(world.server().current_configuration(), client, "localhost").await.refusal();
    assert!(refusal.contains("extended key usage for client authentication"), "{refusal}");
}

#[tokio::test]
async fn a_clients_certificate_is_not_accepted_from_a_provider() {
    let world = World::new();
    world.client("usurper", Duration::days(1));
    let (certificate, key) = (world.path("usurper.pem"), world.path("usurper.key.pem"));
    let server = ServerTls::load(&certificate, &key, &world.authority.root_path(), None).unwrap();
    let client = load_client_tls(&world.authority.root_path(), None).unwrap();
    assert!(meet(server.current_configuration(), client, "localhost").await.client.is_err());
}

#[tokio::test]
async fn a_certificate_that_expires_while_its_connection_lasts_is_refused() {
    let world = World::new();
    let (_, client) = world.client("brief", Duration::days(1));
    let server = world.server();
    let mut identity = meet(server.current_configuration(), client, "localhost").await.identity().unwrap();
    identity.not_after = OffsetDateTime::now_utc() - Duration::seconds(1);
    let error = server.check_still_valid(&identity).unwrap_err();
    assert!(matches!(error, IdentityError::Expired { .. }), "{error}");
}
