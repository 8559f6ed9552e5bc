//! Answers that are read slowly, or not at all.

use std::time::{Duration, Instant};

use http::Method;

use super::raw_client::{RawClient, WINDOW_BYTES};
use super::registered_client::{Batch, RegisteredClient};
use super::world::{LOCAL, Served, World};

/// Number of answers of one client that wait.
const ANSWERS_PER_CLIENT: usize = 16;

fn answer_path(batch: &Batch) -> String {
    format!("{}/answer", batch.path)
}

#[test]
fn a_slow_download_ends_whole_although_it_takes_longer_than_the_idle_limit() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &[&LOCAL[..], &["--idle-seconds", "5"]].concat());
    let mut client = RegisteredClient::new(&served);
    let batch = client.batch(&world.quantised(&world.small));
    client.submit(&batch);
    let whole = client.answer(&batch);
    // The download takes 15 s. An idle connection ends after 5 s, and has another 5 s for what is under way.
    let pieces = whole.len().div_ceil(WINDOW_BYTES);
    assert!(pieces >= 5, "a pause of {pieces} must be shorter than the idle limit");
    let mut slow = RawClient::connect_with_small_window(&served.address());
    let download = slow.download(&answer_path(&batch));
    let pause = Duration::from_secs(15) / u32::try_from(pieces).unwrap();
    assert_eq!(slow.read_slowly(download, pause).unwrap(), whole);
    assert_eq!(slow.send(Method::GET, "/health").status, 200);
}

#[test]
fn an_answer_is_not_sent_without_end() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &[&LOCAL[..], &["--metrics", "127.0.0.1:0"]].concat());
    let mut client = RegisteredClient::new(&served);
    let batch = client.batch(&world.quantised(&world.small));
    client.submit(&batch);
    let bytes = client.answer(&batch).len();
    let path = answer_path(&batch);
    let counted = |status: u16| {
        served.metric(&format!("sottovoce_responses_total{{status=\"{status}\"}}")).unwrap_or_default()
    };
    let (before, start) = (counted(200), Instant::now());
    let most = (256 << 20) / bytes;
    let sent = (0..2 * most).take_while(|_| client.raw.send(Method::GET, &path).status == 200).count();
    // A machine that takes 16 s to fetch twice the burst gets all.
    let allowed = 256.0 + 16.0 * start.elapsed().as_secs_f64();
    let fetched = (sent * bytes) as f64 / f64::from(1 << 20);
    assert!(sent + 1 >= most && fetched <= allowed, "{fetched} MiB of {allowed} were sent");
    let is_refused = sent < 2 * most;
    assert_eq!((counted(200) - before, counted(429)), (sent as f64, f64::from(u8::from(is_refused))));
    assert_eq!(served.log().contains("download budget"), is_refused, "{}", served.log());
    // Others, and this client later, get theirs.
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    assert_eq!(client.answer(&batch).len(), bytes);
}

#[test]
fn answers_that_are_not_read_take_no_more_than_their_client_s_share() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    let images = world.quantised(&world.small);
    let mut client = RegisteredClient::new(&served);
    let batches: Vec<Batch> =
        (0..=ANSWERS_PER_CLIENT).map(|first| client.batch(&images[first * 64..])).collect();
    let mut downloads = Vec::new();
    let mut unread = RawClient::connect_with_small_window(&served.address());
    for batch in &batches {
        client.submit(batch);
        client.answer(batch);
        if downloads.len() < 3 {
            downloads.push(unread.download(&answer_path(batch)));
        }
    }
    let [oldest, deleted, kept] = downloads.try_into().ok().unwrap();
    assert_eq!(client.raw.send(Method::DELETE, &batches[1].path).status, 204);
    // The service has forgotten the oldest answer and the deleted one, and sends only what was under way.
    for gone in [oldest, deleted] {
        assert!(unread.read_slowly(gone, Duration::ZERO).is_err());
    }
    let answer = unread.read_slowly(kept, Duration::ZERO).unwrap();
    let decrypted = client.client.decrypt(&batches[2].pending, &answer[..]).unwrap();
    assert_eq!(decrypted.slot(0), world.oracle(&world.small)[2]);
}
