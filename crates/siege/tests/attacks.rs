//! Every attack against a server in this process.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "no clients cause the blocking work of tests")]

use std::net::SocketAddr;
use std::time::Duration;

use sottovoce_bfv::planner::{FixedParameters, ParameterRequest, choose_parameters};
use sottovoce_bfv::{Encryption, Parameters};
use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels};
use sottovoce_protocol::ModelDescription;
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::Provider;
use sottovoce_service::server::{AccessPolicy, Limits, Server, StateFolder};
use sottovoce_siege::{AttackKind, Attacker, Bounds, Target, hold_connections};
use tempfile::TempDir;

fn ensemble() -> IntegerEnsemble {
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 2, kernel: 2, stride: 2, padding, maps: 1, hidden: 2, classes: 2 };
    let weight = |_: &str, row, column| (row + column) as i64 - 1;
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, row| row as i128).unwrap();
    IntegerEnsemble::new(vec![network]).unwrap()
}

/// A server without certificates, for which every program on this machine is a client with all rights.
struct World {
    parameters: Parameters,
    model: Vec<u8>,
    address: SocketAddr,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let ensemble = ensemble();
        let fixed = FixedParameters {
            encryption: Some(Encryption::SecretKey),
            degree: Some(4096),
            ..FixedParameters::default()
        };
        let ensembles = [&ensemble];
        let request =
            ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, ensemble.proven_logits()) };
        let parameters = choose_parameters(&request).unwrap().parameters;
        let provider = Provider::new(&parameters, vec![ensemble], 4).unwrap();
        let model = provider.model_messages().remove(0);
        let folder = TempDir::new().unwrap();
        let keys = StateFolder::open(&folder.path().join("service")).unwrap();
        let access = AccessPolicy::InsecureLocal;
        let server =
            Server::new(provider, vec!["tiny".to_owned()], access, Limits::default(), &keys, || None)
                .unwrap();
        let listener = server.bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server.serve(listener, std::future::pending()));
        Self { parameters, model, address, _folder: folder }
    }

    fn client(&self) -> (Client, ModelDescription) {
        let client = Client::new(&self.parameters).unwrap();
        let model = client.read_model(&self.model[..]).unwrap();
        (client, model)
    }

    fn attacker(&self) -> Attacker {
        let (client, model) = self.client();
        Attacker::new(Target::new(self.address, None).unwrap(), &client, &model).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_ends_and_says_what_it_tried() {
    let world = World::new().await;
    let threads = AttackKind::ALL.map(|kind| {
        // Each attack has keys of its own: some delete them, and others send wrong ones.
        let (attacker, (other, _)) = (world.attacker(), world.client());
        let target = attacker.target.clone();
        let attacker = Attacker {
            anonymous: Some(target.clone()),
            revoked: Some(target),
            other_keys: Some((other.key_fingerprint(), other.registration_message().to_vec().into())),
            ..attacker.with_paths_of(other.key_fingerprint(), None)
        };
        std::thread::spawn(move || {
            let bounds = Bounds::new(Duration::from_secs(3), 40)
                .with_connections(4)
                .with_pace(Duration::from_millis(1));
            kind.run_blocking(&attacker, &bounds).unwrap()
        })
    });
    for (kind, thread) in AttackKind::ALL.into_iter().zip(threads) {
        let report = tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
        assert_eq!(report.attack, kind.name());
        assert!(report.attempts > 0, "{report:?}");
        // The server has no certificates, so it cannot refuse these attacks. The next test expects their breaches.
        let open = [
            AttackKind::ForeignPaths,
            AttackKind::OtherKeys,
            AttackKind::RevokedCertificate,
            AttackKind::AnonymousConnections,
        ];
        if !open.contains(&kind) {
            assert_eq!(report.breaches, Vec::<String>::new(), "{report:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_without_certificates_gives_away_is_a_breach() {
    let world = World::new().await;
    let (other, _) = world.client();
    let attacker = world.attacker().with_paths_of(other.key_fingerprint(), None);
    let target = attacker.target.clone();
    let attacker = Attacker {
        anonymous: Some(target.clone()),
        revoked: Some(target),
        other_keys: Some((other.key_fingerprint(), other.registration_message().to_vec().into())),
        ..attacker
    };
    let few = Bounds::new(Duration::from_secs(60), 3);
    // Held connections end with their time.
    let short = || Bounds::new(Duration::from_secs(5), 1).with_connections(1);
    assert_breach(AttackKind::ForeignPaths, &attacker, few, "GET /v1/keys/").await;
    // This one registers the keys of the other client, so that the last one can read them.
    assert_breach(AttackKind::OtherKeys, &attacker, few, "other keys under their own name").await;
    assert_breach(AttackKind::RevokedCertificate, &attacker, few, "GET keys with a revoked").await;
    assert_breach(AttackKind::AnonymousConnections, &attacker, short(), "GET /v1/keys/").await;
}

/// Runs an attack, and asserts that it reports a breach that begins with `text`.
async fn assert_breach(kind: AttackKind, attacker: &Attacker, bounds: Bounds, text: &str) {
    let report = kind.run(attacker, &bounds).await;
    assert!(report.breaches.iter().any(|breach| breach.starts_with(text)), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_connections_tell_when_they_were_closed() {
    let world = World::new().await;
    let bounds = Bounds::new(Duration::from_secs(1), 10).with_connections(3);
    let held = hold_connections(&world.attacker(), &bounds).await;
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|connection| connection.closed.is_none()), "{held:?}");
}
