//! Slow uploads, and the turns that clients take.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use http::Method;

use sottovoce_siege::{AttackKind, Bounds};

use super::raw_client::Pace;
use super::registered_client::{Batch, RegisteredClient};
use super::world::{LOCAL, Served, World};

/// Longest time of an attack, which ends earlier.
const MAX_ATTACK: Duration = Duration::from_secs(600);

fn serve(world: &World, arguments: &[&str]) -> Served {
    Served::start(world, &["small"], &[&LOCAL[..], arguments].concat())
}

#[test]
fn a_trickling_upload_is_ended_and_another_client_gets_its_place() {
    let world = World::new();
    let rate = ["--upload-bytes-per-second", "100000", "--upload-grace-seconds", "1", "--batches", "1"];
    let served = serve(&world, &rate);
    let mut hostile = RegisteredClient::new(&served);
    let batch = hostile.batch(&world.quantised(&world.small));
    let trickle = Pace { piece_bytes: 100, pause: Duration::from_millis(50) };
    let upload = hostile.upload(&batch, trickle);
    hostile.wait_for_slot(&batch);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    let response = hostile.raw.finish(upload);
    assert_eq!(response.status, 408, "{}", response.text);
    assert!(
        response.text.contains("bytes a second; after 1 s, at least 100000 are needed"),
        "{}",
        response.text
    );
    assert!(served.log().contains("at least 100000 are needed"), "{}", served.log());
}

#[test]
fn a_slow_upload_continues_until_another_client_wants_its_place() {
    let world = World::new();
    let rate = ["--upload-bytes-per-second", "1000", "--upload-grace-seconds", "1", "--batches", "1"];
    let served = serve(&world, &rate);
    let mut hostile = RegisteredClient::new(&served);
    let batch = hostile.batch(&world.quantised(&world.small));
    // About 2 kB a second.
    let slow = Pace { piece_bytes: 100, pause: Duration::from_millis(50) };
    let upload = hostile.upload(&batch, slow);
    thread::sleep(Duration::from_secs(3));
    assert!(!upload.is_finished(), "nobody wants its slot");
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    let response = hostile.raw.finish(upload);
    assert_eq!(response.status, 503, "{}", response.text);
    assert!(response.text.contains("gave its slot to another client"), "{}", response.text);
    // The client's next try succeeds.
    hostile.submit(&batch);
    let answer = hostile.answer(&batch);
    assert_eq!(
        &hostile.client.decrypt(&batch.pending, &answer[..]).unwrap().slot(0),
        &world.oracle(&world.small)[0]
    );
}

/// A proxy that passes a client's bytes on at 24,000 bytes a second until it is told to hurry. A piece of a body is known to the
/// provider when all of its 16 kB have arrived.
struct SlowLine {
    url: String,
    is_quick: Arc<AtomicBool>,
}

impl SlowLine {
    fn new(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_quick = Arc::new(AtomicBool::new(false));
        let hurry = is_quick.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(provider) = TcpStream::connect(&target) else { break };
                let (mut back, mut forth) = (client.try_clone().unwrap(), provider.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut &provider, &mut back));
                let hurry = hurry.clone();
                thread::spawn(move || {
                    let mut client = client;
                    let mut piece = [0; 2400];
                    while let Ok(length @ 1..) = client.read(&mut piece) {
                        if forth.write_all(&piece[..length]).is_err() {
                            break;
                        }
                        if !hurry.load(Ordering::Relaxed) {
                            thread::sleep(Duration::from_millis(100));
                        }
                    }
                    let _ = forth.shutdown(Shutdown::Both);
                });
            }
        });
        Self { url, is_quick }
    }
}

#[test]
fn a_client_whose_upload_gave_up_its_place_sends_it_again() {
    let world = World::new();
    let rate = ["--upload-bytes-per-second", "10000", "--upload-grace-seconds", "1", "--batches", "1"];
    let served = serve(&world, &[&rate[..], &["--metrics", "127.0.0.1:0"]].concat());
    // Keys are registered on a quick line.
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let line = SlowLine::new(served.address());
    thread::scope(|scope| {
        let alice =
            scope.spawn(|| world.classify(&line.url, "alice", &["--insecure-local", "--out", "slow.csv"]));
        while served.metric("sottovoce_held_batches") != Some(1.0) {
            thread::sleep(Duration::from_millis(20));
        }
        world.classify(&served.url, "bob", &LOCAL).succeeds();
        assert!(served.log().contains("gave its slot to another client"), "{}", served.log());
        line.is_quick.store(true, Ordering::Relaxed);
        alice.join().unwrap().succeeds();
    });
    world.assert_exact("predictions.csv", &world.small);
    world.assert_exact("slow.csv", &world.small);
}

#[cfg(target_os = "linux")]
#[test]
fn uploads_that_are_reset_leave_neither_places_nor_threads_behind() {
    let world = World::new();
    let served = serve(&world, &["--metrics", "127.0.0.1:0"]);
    let mut hostile = RegisteredClient::new(&served);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let before = served.threads().len();
    let batch = hostile.batch(&world.quantised(&world.small));
    let beginning = batch.message.slice(..5000);
    let mut most = before;
    for _ in 0..10 {
        hostile.raw.reset(vec![(Method::PUT, batch.path.clone()); 100], &beginning);
        most = most.max(served.threads().len());
    }
    // A client has two slots, and an upload has four threads. As many may be ending.
    assert!(most <= before + 2 * 2 * 4, "{before} threads became {most}");
    while served.metric("sottovoce_held_batches") != Some(0.0) {
        thread::sleep(Duration::from_millis(20));
    }
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    hostile.submit(&batch);
}

#[test]
fn an_upload_with_good_progress_keeps_its_place() {
    let world = World::new();
    let rate = ["--upload-bytes-per-second", "1000", "--upload-grace-seconds", "1", "--batches", "1"];
    let served = serve(&world, &rate);
    let mut steady = RegisteredClient::new(&served);
    let batch = steady.batch(&world.quantised(&world.small));
    // Five seconds in all, which is many times the rate that is needed.
    let pieces = 50;
    let pace = Pace { piece_bytes: batch.message.len() / pieces, pause: Duration::from_millis(100) };
    let upload = steady.upload(&batch, pace);
    steady.wait_for_slot(&batch);
    let impatient = ["--insecure-local", "--patience-seconds", "2"];
    world.classify(&served.url, "alice", &impatient).fails(1, &["already has 1 batch", "within 2 s"]);
    let response = steady.raw.finish(upload);
    assert_eq!(response.status, 202, "{}", response.text);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
}

/// A provider with one slot, and a client whose upload of about 8 s is so slow that it yields to others.
fn serve_slow_upload(world: &World) -> (Served, RegisteredClient, Batch, Pace) {
    let length =
        RegisteredClient::new(&serve(world, &[])).batch(&world.quantised(&world.small)).message.len();
    // Three times the least rate, so that the upload may take three times as long on a slow machine.
    let rate = (length / 24).to_string();
    let served =
        serve(world, &["--batches", "1", "--upload-bytes-per-second", &rate, "--upload-grace-seconds", "1"]);
    let client = RegisteredClient::new(&served);
    let batch = client.batch(&world.quantised(&world.small));
    let pieces = 80;
    let pace = Pace { piece_bytes: length.div_ceil(pieces), pause: Duration::from_millis(100) };
    (served, client, batch, pace)
}

/// Lets a client send batches of one byte while something else happens. It has had a slot before that.
fn send_tiny_batches_during(served: &Served, during: impl FnOnce()) {
    let attacker = RegisteredClient::new(served).attacker(served);
    let once = AttackKind::TinyBatches.run_blocking(&attacker, &Bounds::new(MAX_ATTACK, 1)).unwrap();
    assert_eq!(once.outcomes["a batch of one byte: status 422"], 1, "{once:?}");
    // The attack ends when this is dropped, also by a failed assertion.
    let (running, is_running) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let attacker = &attacker;
        let attack = scope.spawn(move || {
            let few = Bounds::new(MAX_ATTACK, 20).with_pace(Duration::from_millis(5));
            let mut refused = 0;
            while is_running.try_recv() == Err(TryRecvError::Empty) {
                let report = AttackKind::TinyBatches.run_blocking(attacker, &few).unwrap();
                refused += report.outcomes.get("a batch of one byte: status 503").unwrap_or(&0);
            }
            refused
        });
        let running = running;
        during();
        drop(running);
        assert!(attack.join().unwrap() > 0, "the attack found a free slot each time");
    });
}

#[test]
fn a_slow_upload_ends_whole_while_another_client_sends_single_bytes() {
    let world = World::new();
    let (served, mut slow, batch, pace) = serve_slow_upload(&world);
    send_tiny_batches_during(&served, || {
        let upload = slow.upload_when_admitted(&batch, pace);
        let response = slow.raw.finish(upload);
        assert_eq!(response.status, 202, "{}", response.text);
    });
}

#[test]
fn a_client_that_completes_its_batches_gets_the_slot_of_a_slow_upload() {
    let world = World::new();
    let (served, mut slow, batch, pace) = serve_slow_upload(&world);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    send_tiny_batches_during(&served, || {
        let upload = slow.upload_when_admitted(&batch, pace);
        world.classify(&served.url, "alice", &LOCAL).succeeds();
        let response = slow.raw.finish(upload);
        assert_eq!(response.status, 503, "{}", response.text);
        assert!(response.text.contains("gave its slot to another client"), "{}", response.text);
    });
    world.assert_exact("predictions.csv", &world.small);
}

#[test]
fn one_client_cannot_hold_all_places() {
    let world = World::new();
    let served = serve(&world, &["--batches", "2", "--batches-per-client", "2"]);
    let mut hostile = RegisteredClient::new(&served);
    let batches = [0, 1].map(|first| hostile.batch(&world.quantised(&world.small)[first * 64..]));
    let stalled = Pace { piece_bytes: 21, pause: Duration::from_secs(60) };
    let first = hostile.upload(&batches[0], stalled);
    hostile.wait_for_slot(&batches[0]);
    let second = hostile.upload(&batches[1], stalled);
    let refused = hostile.raw.finish(second);
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("the free slots are kept for other clients"), "{}", refused.text);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    assert!(!first.is_finished());
}

#[test]
fn clients_take_turns_and_know_how_many_batches_are_before_theirs() {
    let world = World::new();
    let one_thread = ["--insecure-local", "--threads", "1"];
    let served = Served::start(&world, &["slow"], &one_thread);
    let images = world.quantised(&world.slow);
    let mut clients = [(); 4].map(|()| RegisteredClient::new(&served));
    let batches: Vec<[Batch; 2]> =
        clients.iter().map(|client| [0, 1].map(|first| client.batch(&images[first * 64..]))).collect();
    let [early, greedy, modest, second] = &mut clients;
    // Batches of two other clients, which come before those of `greedy`, are evaluated while the others arrive.
    early.submit(&batches[0][0]);
    second.submit(&batches[3][0]);
    greedy.submit(&batches[1][0]);
    greedy.submit(&batches[1][1]);
    modest.submit(&batches[2][0]);
    let ahead = [greedy.ahead(&batches[1][0]), modest.ahead(&batches[2][0]), greedy.ahead(&batches[1][1])];
    // The batch of `modest` comes before the second one of `greedy`, which arrived earlier.
    assert_eq!([ahead[1] - ahead[0], ahead[2] - ahead[0]], [1, 2], "{ahead:?}");
    greedy.answer(&batches[1][1]);
    let log = served.log();
    let evaluated: Vec<&str> = log.lines().filter(|line| line.contains("evaluated")).collect();
    let position = |batch: &Batch| {
        let name = batch.pending.batch_fingerprint().to_string();
        evaluated.iter().position(|line| line.contains(&name)).unwrap()
    };
    let [a, b, c] = [&batches[1][0], &batches[2][0], &batches[1][1]].map(position);
    assert!(a < b && b < c, "{evaluated:#?}");
}

#[test]
fn a_client_with_too_many_answers_loses_its_own_oldest_one() {
    let world = World::new();
    let served = serve(&world, &[]);
    let images = world.quantised(&world.small);
    let mut clients = [(); 2].map(|()| RegisteredClient::new(&served));
    let [modest, greedy] = &mut clients;
    let own = modest.batch(&images);
    modest.submit(&own);
    modest.answer(&own);
    let batches: Vec<Batch> = (0..17).map(|first| greedy.batch(&images[first * 64..])).collect();
    for batch in &batches {
        greedy.submit(batch);
        greedy.answer(batch);
    }
    let found: Vec<u16> =
        batches.iter().map(|batch| greedy.raw.send(Method::GET, &batch.path).status).collect();
    assert_eq!((found[0], &found[1..]), (404, &[200; 16][..]));
    assert_eq!(modest.raw.send(Method::GET, &own.path).status, 200, "the other client's answer is older");
}
