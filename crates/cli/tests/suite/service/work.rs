//! Requests that are reset, and the provider's work for them.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::raw_client::RawClient;
use super::registered_client::RegisteredClient;
use super::world::{LOCAL, Served, World};

/// The number of jobs on the database that run at the same time.
const MAX_WORK: usize = 8;

/// Threads that read certificates and lists again from time to time. They begin when they are needed, and end later.
const FILE_THREADS: usize = 2;

/// Name of the threads that run these jobs.
const JOB_THREAD: &str = "database";

/// The largest numbers of threads that a provider has had.
#[derive(Debug)]
struct ThreadCounts {
    /// Threads that run jobs.
    jobs: usize,
    others: usize,
}

impl ThreadCounts {
    fn of(served: &Served) -> Self {
        let (jobs, others): (Vec<_>, Vec<_>) =
            served.threads().into_iter().partition(|name| name == JOB_THREAD);
        Self { jobs: jobs.len(), others: others.len() }
    }

    /// Asserts that there were few jobs, and no more other threads than `before`.
    #[track_caller]
    fn assert_few(&self, before: &Self) {
        let others = before.others + FILE_THREADS;
        assert!(self.jobs <= MAX_WORK && self.others <= others, "{before:?} became {self:?}");
    }

    /// Takes the numbers of this moment into account.
    fn update(&mut self, served: &Served) {
        let Self { jobs, others } = Self::of(served);
        (self.jobs, self.others) = (self.jobs.max(jobs), self.others.max(others));
    }
}

/// The number of jobs with this outcome.
fn work(served: &Served, outcome: &str) -> u64 {
    served.metric(&format!("sottovoce_work_total{{outcome=\"{outcome}\"}}")).map_or(0, |count| count as u64)
}

/// Requests for keys that nobody has registered.
fn requests_for_random_keys(number: usize) -> Vec<(Method, String)> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut path = || format!("/v1/keys/{:064x}", rng.random::<u128>());
    (0..number).map(|index| (if index % 2 == 0 { Method::DELETE } else { Method::GET }, path())).collect()
}

#[test]
fn thousands_of_resets_occupy_few_threads_and_delay_no_other_client() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &["--insecure-local", "--metrics", "127.0.0.1:0"]);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let before = ThreadCounts::of(&served);
    let mut most = ThreadCounts::of(&served);
    let mut hostile = RawClient::connect(&served.address());
    for requests in requests_for_random_keys(3000).chunks(100) {
        hostile.reset(requests.to_vec(), &Bytes::new());
        most.update(&served);
    }
    most.assert_few(&before);
    let asked: u64 =
        ["done", "abandoned", "cancelled", "refused"].map(|outcome| work(&served, outcome)).iter().sum();
    assert!(asked >= 1000, "only {asked} requests arrived");
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
}

/// Makes a library that delays every synchronisation of a file, as a slow disk does.
fn slow_disk(world: &World) -> PathBuf {
    let (source, library) = (world.sandbox.path("slow_disk.c"), world.sandbox.path("slow_disk.so"));
    let text = r#"
        #include <sys/syscall.h>
        #include <unistd.h>
        int fsync(int file) { usleep(50000); return syscall(SYS_fsync, file); }
        int fdatasync(int file) { usleep(50000); return syscall(SYS_fdatasync, file); }
    "#;
    std::fs::write(&source, text).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(compiled.unwrap().success());
    library
}

/// A provider with metrics, on a slow disk.
fn serve_on_slow_disk(world: &World) -> Served {
    let library = slow_disk(world);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--range", "proven", "--insecure-local"];
    let rest = ["--metrics", "127.0.0.1:0", "--models", "small"];
    let mut command = world.sandbox.command(&[&serve[..], &rest].concat());
    command.env("LD_PRELOAD", library);
    Served::spawn(world, command)
}

#[test]
fn on_a_slow_disk_a_client_that_resets_requests_delays_itself() {
    let world = World::new();
    let served = serve_on_slow_disk(&world);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let before = ThreadCounts::of(&served);
    let mut most = ThreadCounts::of(&served);
    let mut hostile = RegisteredClient::new(&served);
    let own = hostile.keys_path();
    for requests in requests_for_random_keys(400).chunks(50) {
        // The hostile client's own keys are written and deleted again and again, and everybody asks for the disk meanwhile.
        hostile.register();
        hostile.raw.reset(vec![(Method::DELETE, own.clone()); 50], &Bytes::new());
        hostile.raw.reset(requests.to_vec(), &Bytes::new());
        most.update(&served);
    }
    most.assert_few(&before);
    assert!(work(&served, "abandoned") > 0, "the disk is not slow");
    assert!(work(&served, "cancelled") > 0, "no request has waited");
    // The keys of another client are in memory, and it does not need the disk.
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
}

#[test]
fn work_is_logged_and_counted_although_its_client_has_reset_the_request() {
    let world = World::new();
    // On a fast disk the keys could be deleted before the client resets its request.
    let served = serve_on_slow_disk(&world);
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    let log = served.log();
    let line = log.lines().find(|line| line.contains("registered")).unwrap();
    let keys = line.split_once("key=").unwrap().1.get(..64).unwrap();
    let mut client = RawClient::connect(&served.address());
    let path = format!("/v1/keys/{keys}");
    let start = Instant::now();
    while client.send(Method::GET, &path).status != 404 {
        assert!(start.elapsed() < Duration::from_secs(60), "the keys stay: {}", served.log());
        client.reset([(Method::DELETE, path.clone())], &Bytes::new());
        // The keys are in memory until they are deleted on the disk. More than 100 resets would end the connection.
        thread::sleep(Duration::from_millis(50));
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
