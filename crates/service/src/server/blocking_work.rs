//! Work on blocking threads, such as reading and writing the database.
//!
//! Work that has begun continues after its client has reset the request. Its permits are therefore held by the work itself, and
//! a client that resets requests again and again has as little work done at a time as one that waits.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntCounterVec;
use sottovoce_protocol::Fingerprint;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use super::limits::Limits;
use super::refusal::Refusal;

/// Owner of blocking work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkOwner {
    /// The client with these keys.
    Client(Fingerprint),
    /// The reader of the metrics.
    Metrics,
}

/// Name of the threads, as the system shows it.
const THREAD_NAME: &str = "database";

/// Runs work on blocking threads of its own, with a limit for each owner and in all.
pub struct BlockingWork {
    /// Only its blocking threads are used: as many as there is work at a time. `None` when this value is dropped.
    threads: Option<Runtime>,
    in_all: Arc<Semaphore>,
    per_owner: usize,
    waiting_per_owner: usize,
    owners: Arc<Mutex<HashMap<WorkOwner, OwnerWork>>>,
    /// Work by how it ended.
    outcomes: IntCounterVec,
}

/// The work of one owner.
struct OwnerWork {
    permits: Arc<Semaphore>,
    /// Number of requests whose work waits or runs.
    requests: usize,
}

/// A request whose work waits or runs. It is counted until this value is dropped.
struct WorkRequest {
    owner: WorkOwner,
    owners: Arc<Mutex<HashMap<WorkOwner, OwnerWork>>>,
}

/// Counts work when it ends, or when its client has gone.
struct CountedOutcome<'a> {
    outcomes: &'a IntCounterVec,
    outcome: &'static str,
}

impl BlockingWork {
    /// Adds the number of jobs to `outcomes` by how they ended: `done`, `refused`, `cancelled` (the client went while the job
    /// waited, and nothing was done), or `abandoned` (the client went while the job ran, and all of it was done).
    ///
    /// # Errors
    /// If the threads cannot be set up.
    pub fn new(limits: &Limits, outcomes: IntCounterVec) -> io::Result<Self> {
        let mut threads = Builder::new_current_thread();
        let threads = threads.thread_name(THREAD_NAME).max_blocking_threads(limits.work.max(1)).build()?;
        Ok(Self {
            threads: Some(threads),
            in_all: Arc::new(Semaphore::new(limits.work)),
            per_owner: limits.work_per_client,
            waiting_per_owner: limits.waiting_work_per_client,
            owners: Arc::default(),
            outcomes,
        })
    }

    /// Waits for permits and runs `work` on a blocking thread. If the returned future is dropped while it waits, nothing is run.
    /// If it is dropped later, `work` ends first and keeps its permits until then.
    pub async fn run<T: Send + 'static>(
        &self,
        owner: WorkOwner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let internal = |error: &dyn std::fmt::Display| Refusal::internal(error);
        let (request, permits) = self.admit(owner)?;
        let mut counted = CountedOutcome { outcomes: &self.outcomes, outcome: "cancelled" };
        // The owner's permit comes first. An owner then has at most `per_owner` requests in the line for the others, which is
        // served in order.
        let own = permits.acquire_owned().await.map_err(|error| internal(&error))?;
        let shared = self.in_all.clone().acquire_owned().await.map_err(|error| internal(&error))?;
        counted.outcome = "abandoned";
        let threads = self.threads.as_ref().ok_or_else(|| internal(&"there are no threads"))?;
        let running = threads.spawn_blocking(move || {
            let _held = (own, shared, request);
            work()
        });
        let result = running.await.map_err(|error| internal(&error))?;
        counted.outcome = "done";
        Ok(result)
    }

    fn admit(&self, owner: WorkOwner) -> Result<(WorkRequest, Arc<Semaphore>), Refusal> {
        let mut owners = self.owners.lock();
        let new = || OwnerWork { permits: Arc::new(Semaphore::new(self.per_owner)), requests: 0 };
        let work = owners.entry(owner).or_insert_with(new);
        if work.requests >= self.per_owner + self.waiting_per_owner {
            self.outcomes.with_label_values(&["refused"]).inc();
            return Err(Refusal::too_much_work(work.requests));
        }
        work.requests += 1;
        let permits = work.permits.clone();
        Ok((WorkRequest { owner, owners: self.owners.clone() }, permits))
    }
}

impl Drop for BlockingWork {
    fn drop(&mut self) {
        // A runtime cannot wait for its threads within a task of another one. Work that runs ends by itself.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Drop for WorkRequest {
    fn drop(&mut self) {
        let mut owners = self.owners.lock();
        let Some(work) = owners.get_mut(&self.owner) else { return };
        work.requests -= 1;
        if work.requests == 0 {
            owners.remove(&self.owner);
        }
    }
}

impl Drop for CountedOutcome<'_> {
    fn drop(&mut self) {
        self.outcomes.with_label_values(&[self.outcome]).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use parking_lot::Condvar;
    use prometheus::Opts;
    use tokio::time::timeout;

    use super::*;

    fn client(byte: u8) -> WorkOwner {
        WorkOwner::Client(Fingerprint::from_bytes([byte; 32]))
    }

    fn blocking_work(work: usize) -> Arc<BlockingWork> {
        let limits = Limits { work, work_per_client: 1, waiting_work_per_client: 4, ..Limits::default() };
        let outcomes = IntCounterVec::new(Opts::new("work", "work"), &["outcome"]).unwrap();
        Arc::new(BlockingWork::new(&limits, outcomes).unwrap())
    }

    /// A disk that does nothing until it is freed, and counts the work that has begun and ended.
    #[derive(Default)]
    struct StuckDisk {
        is_free: Mutex<bool>,
        freed: Condvar,
        begun: AtomicUsize,
        ended: AtomicUsize,
    }

    impl StuckDisk {
        fn write(&self) {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.freed.wait_while(&mut self.is_free.lock(), |is_free| !*is_free);
            self.ended.fetch_add(1, Ordering::SeqCst);
        }

        fn free(&self) {
            *self.is_free.lock() = true;
            self.freed.notify_all();
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    /// Polls until `condition` holds.
    async fn wait_until(condition: impl Fn() -> bool) {
        let polled = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(120), polled).await.is_ok(), "never so");
    }

    #[tokio::test]
    async fn a_client_that_resets_requests_occupies_one_thread_of_a_stuck_disk() {
        let work = blocking_work(3);
        let disk = Arc::new(StuckDisk::default());
        for _ in 0..2000 {
            let disk = disk.clone();
            let request = work.run(client(1), move || disk.write());
            // The request is reset at once, after its work has begun if it can.
            tokio::select! {
                biased;
                _ = request => panic!("the disk is stuck"),
                () = tokio::task::yield_now() => {}
            }
        }
        wait_until(|| disk.begun() == 1).await;
        let count = |outcome| work.outcomes.with_label_values(&[outcome]).get();
        assert_eq!((count("abandoned"), count("cancelled"), count("done")), (1, 1999, 0));
        // Another client's work is done meanwhile.
        assert_eq!(work.run(client(2), || 5).await.unwrap(), 5);
        assert_eq!(disk.begun(), 1);
        disk.free();
        wait_until(|| work.owners.lock().is_empty()).await;
        assert_eq!((disk.begun(), disk.ended.load(Ordering::SeqCst)), (1, 1));
    }

    #[tokio::test]
    async fn a_client_with_too_many_waiting_requests_is_refused_and_others_are_not() {
        let work = blocking_work(2);
        let (free, wait) = mpsc::channel::<()>();
        let mut first = Box::pin(work.run(client(1), move || assert!(wait.recv().is_ok())));
        assert!(timeout(Duration::from_millis(5), &mut first).await.is_err());
        let request = || Box::pin(work.run(client(1), || ()));
        let mut waiting: Vec<_> = (0..4).map(|_| request()).collect();
        for request in &mut waiting {
            assert!(timeout(Duration::from_millis(1), request).await.is_err());
        }
        let refusal = request().await.unwrap_err();
        assert!(refusal.text().contains("5 requests"), "{}", refusal.text());
        work.run(client(2), || ()).await.unwrap();
        // A request that is reset while it waits makes room for another one, and the rest is done in order.
        waiting.pop();
        waiting.push(request());
        free.send(()).unwrap();
        first.await.unwrap();
        for request in waiting {
            request.await.unwrap();
        }
        assert_eq!(work.outcomes.with_label_values(&["refused"]).get(), 1);
        assert!(work.owners.lock().is_empty());
    }

    #[tokio::test]
    async fn all_clients_together_have_a_limit_and_are_served_in_turn() {
        let work = blocking_work(1);
        let disk = Arc::new(StuckDisk::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut requests = Vec::new();
        // Client 1 has four requests before client 2 has one.
        for owner in [1, 1, 1, 1, 2] {
            let (work, disk, order) = (work.clone(), disk.clone(), order.clone());
            requests.push(tokio::spawn(async move {
                let job = move || {
                    disk.write();
                    order.lock().push(owner);
                };
                work.run(client(owner), job).await.unwrap();
            }));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        wait_until(|| disk.begun() == 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(disk.begun(), 1, "only one job at a time");
        disk.free();
        for request in requests {
            request.await.unwrap();
        }
        assert_eq!(*order.lock(), [1, 2, 1, 1, 1]);
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_permits_back() {
        let work = blocking_work(1);
        for _ in 0..3 {
            assert!(work.run(client(1), || panic!("a mistake")).await.is_err());
        }
        assert_eq!(work.run(client(1), || 1).await.unwrap(), 1);
    }
}
