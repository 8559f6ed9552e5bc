//! Tests of the limits on connections of clients, of peers without certificates, and of floods.

#[cfg(target_os = "linux")]
use std::collections::VecDeque;
#[cfg(target_os = "linux")]
use std::net::SocketAddr;
use std::sync::Mutex;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sottovoce_service::remote::{RemoteProgress, RetryBudget};
use sottovoce_siege::{AttackKind, AttackReport, Attacker, Bounds, hold_connections};
#[cfg(target_os = "linux")]
use tokio::{
    net::TcpSocket,
    time::{sleep, timeout},
};

use super::enrolled_client::EnrolledClient;
use super::world::{SECURE, Served, World, attacker, endless, remote};

/// A client that gives up at the first failure.
const IMPATIENT: RetryBudget = RetryBudget { max_stall: Duration::ZERO };

/// A provider with metrics, and the enrolled clients `alice` and `mallory`.
fn serve(models: &[&str], arguments: &[&str]) -> (World, Served) {
    serve_in(World::new(), models, arguments)
}

fn serve_in(world: World, models: &[&str], arguments: &[&str]) -> (World, Served) {
    world.authority();
    let metrics = ["--metrics", "127.0.0.1:0"];
    let served = Served::start(&world, models, &[&SECURE[..], &metrics, arguments].concat());
    world.enrol("alice", &served.url);
    world.enrol("mallory", &served.url);
    (world, served)
}

fn metric(served: &Served, name: &str) -> f64 {
    served.metric(name).unwrap_or_else(|| panic!("no metric {name}"))
}

fn closed(served: &Served, reason: &str) -> f64 {
    metric(served, &format!("sottovoce_closed_connections_total{{reason=\"{reason}\"}}"))
}

/// Runs attacks while alice classifies images.
fn classify_under(
    world: &World,
    served: &Served,
    attacker: &Attacker,
    attacks: &[AttackKind],
    bounds: Bounds,
) -> Vec<AttackReport> {
    thread::scope(|scope| {
        let run = |kind: AttackKind| scope.spawn(move || kind.run_blocking(attacker, &bounds).unwrap());
        let threads: Vec<_> = attacks.iter().copied().map(run).collect();
        thread::sleep(Duration::from_millis(500));
        world.classify(&served.url, "alice", &[]).succeeds();
        world.assert_exact("predictions.csv", &world.small);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_client_that_registers_again_and_again_is_refused() {
    let (world, served) = serve(&["small"], &[]);
    let mallory = attacker(&world, &served, "mallory");
    let bounds = Bounds::new(Duration::from_secs(60), 60);
    let reports = classify_under(&world, &served, &mallory, &[AttackKind::ChurnKeys], bounds);
    let outcome = |name: &str| reports[0].outcomes.get(name).copied().unwrap_or_default();
    assert!(outcome("status 201") >= 10 && outcome("status 429") > 0, "{reports:?}");
}

#[test]
fn peers_without_a_certificate_share_a_budget() {
    let (per_second, connections) = (2.0, 4);
    let (world, served) = serve(&["small"], &["--requests-per-second", "2"]);
    let mut mallory = attacker(&world, &served, "mallory");
    mallory.target = mallory.anonymous.clone().unwrap();
    let start = Instant::now();
    let reports: Vec<AttackReport> = thread::scope(|scope| {
        let flood = || {
            let bounds = Bounds::new(Duration::from_secs(5), 1000);
            AttackKind::FloodRequests.run_blocking(&mallory, &bounds).unwrap()
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(flood)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Five seconds' worth may come at once.
    let allowed = per_second * (5.0 + start.elapsed().as_secs_f64());
    let outcomes = || reports.iter().flat_map(|report| &report.outcomes);
    let counted = |is_counted: &dyn Fn(&str) -> bool| -> u64 {
        outcomes().filter(|(outcome, _)| is_counted(outcome)).map(|(_, count)| count).sum()
    };
    let answered = counted(&|outcome| outcome.starts_with("status") && outcome != "status 429");
    assert!(answered > 0 && answered as f64 <= allowed, "{answered} of {allowed}: {reports:?}");
    assert!(counted(&|outcome| outcome == "status 429") > 0, "{reports:?}");
    // A client with a certificate has its own.
    world.classify(&served.url, "alice", &[]).succeeds();
}

#[test]
fn frames_without_requests_have_a_budget() {
    let (world, served) = serve(&["small"], &[]);
    let mallory = attacker(&world, &served, "mallory");
    let bounds = Bounds::new(Duration::from_secs(120), 3000);
    classify_under(&world, &served, &mallory, &[AttackKind::FloodFrames], bounds);
    assert!(closed(&served, "frames") >= 1.0);
    // Other connections of the client wait until its budget has filled up a little.
    let bounds = Bounds::new(Duration::from_secs(60), 1).with_connections(1);
    let report = AttackKind::FloodRequests.run_blocking(&mallory, &bounds).unwrap();
    assert!(report.outcomes.contains_key("status 200"), "{report:?}");
}

#[test]
fn a_client_with_many_connections_keeps_nobody_out() {
    let (world, served) = serve(&["small"], &["--connections", "16", "--connections-per-client", "3"]);
    let mallory = attacker(&world, &served, "mallory");
    let bounds = Bounds::new(Duration::from_secs(5), 1000).with_connections(30);
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let now = |_| {
                thread::sleep(Duration::from_millis(100));
                metric(&served, "sottovoce_connections{kind=\"client\"}")
            };
            (0..40).map(now).fold(0.0, f64::max)
        });
        classify_under(&world, &served, &mallory, &[AttackKind::IdleConnections], bounds);
        watch.join().unwrap()
    });
    // Three of mallory's, and one of alice's.
    assert!((3.0..=4.0).contains(&most), "{most}");
    assert!(closed(&served, "room") > 0.0);
}

#[test]
fn an_idle_connection_is_closed_and_its_client_does_not_notice() {
    let (world, served) = serve(&["small"], &["--idle-seconds", "1"]);
    let remote = remote(&world, &served.url, "alice", IMPATIENT);
    for round in 1..=2 {
        remote.models().unwrap();
        served
            .wait_until("an idle connection is closed", |served| closed(served, "idle") >= f64::from(round));
    }
    assert_eq!(metric(&served, "sottovoce_connections{kind=\"client\"}"), 0.0);
}

#[test]
fn an_old_connection_is_closed_between_requests_of_an_evaluation() {
    let (world, served) = serve(&["slow"], &["--connection-seconds", "1", "--threads", "1"]);
    let alice = EnrolledClient::new(&world, &served, "alice", "slow");
    let start = Instant::now();
    while closed(&served, "age") < 3.0 {
        assert!(start.elapsed() < Duration::from_secs(60), "not three in 60 s: {}", served.log());
        let decrypted = alice.evaluate(&world.quantised(&world.slow), &|_| ()).unwrap();
        for (slot, expected) in world.oracle(&world.slow).iter().enumerate() {
            assert_eq!(&decrypted.slot(slot), expected);
        }
    }
}

/// Revokes a client at a moment of its evaluation by a model, and waits until the service has deleted its batch.
fn revoke_during(
    world: &World,
    served: &Served,
    name: &str,
    model: &str,
    moment: fn(RemoteProgress) -> bool,
) {
    let client = EnrolledClient::new(world, served, name, model);
    let is_revoked = Mutex::new(false);
    let watch = |step| {
        let mut is_revoked = is_revoked.lock().unwrap();
        if !*is_revoked && moment(step) {
            *is_revoked = true;
            world.sandbox.run(&["authority", "revoke", "authority", "--name", name]).succeeds();
            served.wait_until("the batch is deleted", |served| {
                metric(served, "sottovoce_answers") + metric(served, "sottovoce_held_batches") == 0.0
            });
        }
    };
    let error = client.evaluate(&world.quantised(&world.slow), &watch).err().unwrap();
    assert!(*is_revoked.lock().unwrap(), "{error}");
}

#[test]
fn connections_and_batches_of_a_revoked_client_end() {
    let world = World::new();
    world.add_model("endless", &endless());
    let (world, served) = serve_in(world, &["small", "endless"], &["--threads", "1"]);
    world.enrol("bob", &served.url);
    let mallory = attacker(&world, &served, "mallory");
    let alice = remote(&world, &served.url, "alice", IMPATIENT);
    alice.models().unwrap();
    let held = thread::scope(|scope| {
        let holding = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let bounds = Bounds::new(Duration::from_secs(60), 100).with_connections(4);
            runtime.block_on(hold_connections(&mallory, &bounds))
        });
        served.wait_until("four connections are held", |served| {
            metric(served, "sottovoce_connections{kind=\"client\"}") >= 5.0
        });
        // A batch that is computed, and one that waits to be fetched.
        let is_computing = |step| matches!(step, RemoteProgress::Computing { .. });
        revoke_during(&world, &served, "bob", "endless", is_computing);
        assert_eq!(metric(&served, "sottovoce_batches_total{outcome=\"cancelled\"}"), 1.0);
        let is_answered = |step| step == RemoteProgress::Downloading;
        revoke_during(&world, &served, "mallory", "small", is_answered);
        assert_eq!(metric(&served, "sottovoce_batches_total{outcome=\"answered\"}"), 1.0);
        holding.join().unwrap()
    });
    assert_eq!(held.len(), 4);
    assert!(held.iter().all(|connection| connection.closed.is_some()), "{held:?}");
    assert!(closed(&served, "certificate_ended") >= 4.0);
    let log = served.log();
    for name in ["bob", "mallory"] {
        let line = format!("a certificate ended client=\"{name}\"");
        let line = log.lines().find(|text| text.contains(&line)).unwrap_or_else(|| panic!("{log}"));
        assert!(line.contains("batches_deleted=true"), "{line}");
    }
    // The other client has kept its connection.
    alice.models().unwrap();
}

#[test]
fn strangers_fill_their_part_only_and_make_room_for_newcomers() {
    let (world, served) = serve(&["small"], &["--connections", "32"]);
    let mallory = attacker(&world, &served, "mallory");
    let bounds = Bounds::new(Duration::from_secs(8), 1000).with_connections(12);
    let strangers =
        [AttackKind::SilentConnections, AttackKind::AnonymousConnections, AttackKind::TrickleHandshakes];
    classify_under(&world, &served, &mallory, &strangers, bounds);
    assert!(closed(&served, "unverified") > 0.0);
    let log = served.log();
    let lines = log.lines().filter(|line| line.contains("closed for a newcomer")).count();
    assert!((1..=5).contains(&lines), "{lines}");
}

/// Opens silent connections from the address 127.0.0.2 until `is_over`, about a thousand a second, and holds the newest ones.
#[cfg(target_os = "linux")]
fn open_silent_connections(provider: SocketAddr, is_over: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut held = VecDeque::new();
        while !is_over.load(Ordering::Relaxed) {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            if let Ok(Ok(stream)) = timeout(Duration::from_secs(1), socket.connect(provider)).await {
                held.push_back(stream);
            }
            if held.len() > 100 {
                held.pop_front();
            }
            sleep(Duration::from_millis(1)).await;
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_one_address_keeps_no_client_of_another_address_out() {
    let (world, served) = serve(&["small"], &["--connections", "8"]);
    let provider = served.address().parse().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| open_silent_connections(provider, &is_over));
        // The flood ends also if an assertion fails.
        let _end = OnDrop(|| is_over.store(true, Ordering::Relaxed));
        served.wait_until("the flood fills its slots", |served| {
            metric(served, "sottovoce_connections{kind=\"unverified\"}") >= 2.0
                && closed(served, "no_slot") > 100.0
        });
        let refused = closed(&served, "no_slot");
        world.classify(&served.url, "alice", &["--patience-seconds", "60"]).succeeds();
        world.assert_exact("predictions.csv", &world.small);
        // Neither does it keep out a client that has no certificate yet.
        world.enrol("carol", &served.url);
        served.wait_until("the flood lasts", |served| closed(served, "no_slot") > refused + 100.0);
    });
    let log = served.log();
    let lines = log.lines().filter(|line| line.contains("others without a certificate have all slots"));
    assert!(lines.count() >= 1, "{log}");
}

/// Calls a function when it is dropped.
#[cfg(target_os = "linux")]
struct OnDrop<F: Fn()>(F);

#[cfg(target_os = "linux")]
impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_client_that_resets_its_requests_is_disconnected() {
    let (world, served) = serve(&["small"], &[]);
    let mallory = attacker(&world, &served, "mallory");
    // The pauses let the service see each request before it is reset.
    let bounds = Bounds::new(Duration::from_secs(20), 1000).with_pace(Duration::from_millis(1));
    classify_under(&world, &served, &mallory, &[AttackKind::ResetStreams], bounds);
    assert!(closed(&served, "resets") > 0.0);
    assert!(metric(&served, "sottovoce_resets_total") > 100.0);
    let log = served.log();
    let lines = log.lines().filter(|line| line.contains("beyond its budget") && line.contains("mallory"));
    assert!((1..=5).contains(&lines.count()), "{log}");
}

#[test]
fn a_client_that_floods_requests_is_refused_and_then_disconnected() {
    let (world, served) = serve(&["small"], &["--requests-per-second", "20"]);
    let mallory = attacker(&world, &served, "mallory");
    let bounds = Bounds::new(Duration::from_secs(40), 3000);
    let reports = classify_under(&world, &served, &mallory, &[AttackKind::FloodRequests], bounds);
    assert!(reports[0].outcomes["status 429"] >= 1000, "{reports:?}");
    assert!(metric(&served, "sottovoce_refused_requests_total") >= 1000.0);
    assert!(closed(&served, "requests") > 0.0);
}

#[test]
fn nonsense_is_counted_and_does_not_fill_the_log() {
    let (world, mut served) = serve(&["small"], &["--verbose"]);
    let start = Instant::now();
    world.classify(&served.url, "mallory", &[]).succeeds();
    let mallory = attacker(&world, &served, "mallory");
    let bounds = Bounds::new(Duration::from_secs(30), 60);
    let attacks = [
        AttackKind::NonsenseBytes,
        AttackKind::WrongProtocols,
        AttackKind::MalformedFrames,
        AttackKind::DamagedMessages,
    ];
    classify_under(&world, &served, &mallory, &attacks, bounds);
    served.wait_until("failed handshakes are counted", |served| closed(served, "handshake") >= 30.0);
    served.terminate();
    assert_eq!(served.ended(), Some(0), "{}", served.log());
    let log = served.log();
    // Five lines of a kind in each minute that has begun.
    let max_lines = 5 * (1 + start.elapsed().as_secs() as usize / 60);
    let lines = log.lines().filter(|line| line.contains("reason=\"handshake\"")).count();
    assert!((5..=max_lines).contains(&lines), "{lines} of at most {max_lines}: {log}");
    assert!(log.contains("not logged one by one kind=\"handshake\" count="), "{log}");
    // One client's refused batches.
    let lines = log.lines().filter(|line| line.contains(": refused client=\"mallory\"")).count();
    assert!((5..=max_lines).contains(&lines), "{lines} of at most {max_lines}: {log}");
    assert!(log.contains("not logged one by one kind=\"refused batch\" key="), "{log}");
    // Libraries log what peers send.
    assert!(log.lines().all(|line| !line.contains(" h2::") && !line.contains(" hyper")), "{log}");
}
