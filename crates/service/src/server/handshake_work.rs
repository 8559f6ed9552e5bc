//! Bounds the threads on which TLS handshakes compute at the same time.

use std::future::poll_fn;
use std::num::NonZero;
use std::pin::pin;
use std::task::ready;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

/// Threads on which handshakes may compute: half of the processors, and at least one. A flood of handshakes, or of certificates
/// that take long to verify, leaves the other ones to clients that are connected.
#[derive(Debug)]
pub struct HandshakeWork {
    permits: Semaphore,
}

impl HandshakeWork {
    pub fn new() -> Self {
        Self::with_threads(available_parallelism().map_or(1, NonZero::get) / 2)
    }

    fn with_threads(threads: usize) -> Self {
        Self { permits: Semaphore::new(threads.max(1)) }
    }

    /// Runs a handshake. It waits in order for a thread whenever it has something to compute. While it waits for its peer, it
    /// occupies none.
    pub async fn run<T>(&self, handshake: impl Future<Output = T>) -> T {
        let mut handshake = pin!(handshake);
        let mut permit = pin!(self.permits.acquire());
        poll_fn(|context| {
            let held = ready!(permit.as_mut().poll(context));
            let polled = handshake.as_mut().poll(context);
            drop(held);
            permit.set(self.permits.acquire());
            polled
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// A handshake that computes several times. Returns the largest number of handshakes that computed at the same time.
    async fn handshake(computing: Arc<AtomicUsize>) -> usize {
        let mut most = 0;
        for _ in 0..5 {
            most = most.max(computing.fetch_add(1, Ordering::SeqCst) + 1);
            thread::sleep(Duration::from_millis(1));
            computing.fetch_sub(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
        most
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn handshakes_compute_on_a_limited_number_of_threads() {
        for threads in [1, 2] {
            let work = Arc::new(HandshakeWork::with_threads(threads));
            let computing = Arc::new(AtomicUsize::new(0));
            let start = || {
                let (work, computing) = (work.clone(), computing.clone());
                tokio::spawn(async move { work.run(handshake(computing)).await })
            };
            let handshakes: Vec<_> = (0..40).map(|_| start()).collect();
            for handshake in handshakes {
                assert!(handshake.await.unwrap() <= threads);
            }
        }
    }

    #[tokio::test]
    async fn handshakes_that_wait_for_their_peers_delay_no_other() {
        let work = Arc::new(HandshakeWork::with_threads(1));
        let start = || {
            let work = work.clone();
            tokio::spawn(async move { work.run(std::future::pending::<()>()).await })
        };
        let waiting: Vec<_> = (0..10).map(|_| start()).collect();
        tokio::task::yield_now().await;
        assert_eq!(work.run(async { 7 }).await, 7);
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        // A handshake that is abandoned while it waits for a thread leaves no gap.
        assert_eq!(work.run(async { 8 }).await, 8);
    }
}
