//! Requests that are reset, and the provider's work for them.

use bytes::Bytes;
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::raw_client::RawClient;
use super::world::{LOCAL, Served, World};

/// The number of works on the database that run at the same time.
const MAX_WORK: usize = 8;

/// Threads that come and go for other reasons, such as the network's.
const OTHER_THREADS: usize = 4;

/// The number of works that ended so.
fn work(served: &Served, outcome: &str) -> u64 {
    served.metric(&format!("sottovoce_work_total{{outcome=\"{outcome}\"}}")).map_or(0, |count| count as u64)
}

#[cfg(target_os = "linux")]
#[test]
fn thousands_of_resets_occupy_few_threads_and_delay_no_other_client() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &["--insecure-local", "--metrics", "127.0.0.1:0"]);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let before = served.threads();
    let mut rng = StdRng::seed_from_u64(1);
    let mut random_keys = || format!("/v1/keys/{:064x}", rng.random::<u128>());
    // One client, and then as many as there are requests. Both delete or ask for keys that are not in memory.
    let own = random_keys();
    let of_one = (0..1500).map(|number| {
        let method = if number % 2 == 0 { Method::DELETE } else { Method::GET };
        (method, own.clone())
    });
    let of_many: Vec<_> = (0..1500).map(|_| (Method::DELETE, random_keys())).collect();
    let mut hostile = RawClient::connect(&served.address());
    let mut most = before;
    for part in of_one.chain(of_many).collect::<Vec<_>>().chunks(100) {
        hostile.reset(part.iter().cloned(), &Bytes::new());
        most = most.max(served.threads());
    }
    assert!(most <= before + MAX_WORK + OTHER_THREADS, "{before} threads became {most}");
    let gone = work(&served, "abandoned") + work(&served, "cancelled");
    assert!(gone >= 100, "{gone} requests were reset while the provider worked for them");
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
}

#[test]
fn work_is_logged_and_counted_although_its_client_has_reset_the_request() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &["--insecure-local", "--metrics", "127.0.0.1:0"]);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let log = served.log();
    let line = log.lines().find(|line| line.contains("registered")).unwrap();
    let keys = line.split_once("key=").unwrap().1.get(..64).unwrap();
    let mut client = RawClient::connect(&served.address());
    let path = format!("/v1/keys/{keys}");
    for _ in 0..200 {
        client.reset([(Method::DELETE, path.clone())], &Bytes::new());
        if client.send(Method::GET, &path).status == 404 {
            break;
        }
    }
    assert!(served.log().lines().any(|line| line.contains("deleted") && line.contains(keys)), "{log}");
    assert!(work(&served, "abandoned") > 0);
    // Nothing is logged when nothing is deleted.
    let deletions = || served.log().matches("deleted").count();
    let before = deletions();
    assert_eq!(client.send(Method::DELETE, &path).status, 204);
    assert_eq!(deletions(), before);
    let run = world.classify(&served.url, "alice", &LOCAL).succeeds();
    assert!(run.stderr.contains("registered the keys"), "{}", run.stderr);
}
