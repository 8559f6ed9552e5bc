//! The rate of an upload, and whether the upload must end.
//!
//! Only the time counts in which the service waits for the client. An upload that the service itself delays is not slow.

use std::io;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::limits::Limits;
use super::refusal::{CANCELLED_BODY, YIELDED_BODY};

/// An upload at this multiple of the least rate makes good progress, and never yields its slot.
const GOOD_PROGRESS: f64 = 4.0;

/// Reason for which the service ends an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadEnd {
    /// The batch was deleted, or the service stops.
    Cancelled,
    /// Another client gets the slot of this slow upload.
    Yielded,
}

/// Progress of one upload. The task that receives it writes it, and other threads read it and can end the upload.
pub struct UploadProgress {
    least_rate: f64,
    meter: Mutex<RateMeter>,
    end: watch::Sender<Option<UploadEnd>>,
}

/// Measures a rate over a time that moves along with the upload.
struct RateMeter {
    /// The first rate is known after this time. Later ones are measured over this time or up to its double.
    grace: Duration,
    now: Mark,
    /// Begin of the measured time.
    earlier: Mark,
    /// Begin of the next measured time.
    later: Mark,
    is_complete: bool,
}

/// A point of an upload.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// Time in which the service waited for the client.
    waited: Duration,
    bytes: u64,
}

impl UploadProgress {
    pub fn new(limits: &Limits) -> Self {
        Self {
            least_rate: limits.upload_bytes_per_second as f64,
            meter: Mutex::new(RateMeter::new(limits.upload_grace)),
            end: watch::Sender::new(None),
        }
    }

    /// Notes that the service has waited for the client for some time, and that some bytes have arrived. Fails if the upload is
    /// slower than the least rate.
    pub fn record(&self, waited: Duration, bytes: usize) -> io::Result<()> {
        let mut meter = self.meter.lock();
        meter.record(waited, bytes as u64);
        match meter.rate() {
            Some(rate) if rate < self.least_rate => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "the body comes at {rate:.0} bytes a second; after {} s, at least {:.0} are needed",
                    meter.grace.as_secs(),
                    self.least_rate
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Notes that the last byte has arrived.
    pub fn complete(&self) {
        self.meter.lock().is_complete = true;
    }

    /// Returns how often a rate must be looked at while nothing arrives.
    pub fn check_interval(&self) -> Duration {
        self.meter.lock().grace / 4
    }

    /// Returns the rate in bytes a second if the upload is so slow that its slot is given to another client.
    pub fn slow_rate(&self) -> Option<f64> {
        let rate = self.meter.lock().rate()?;
        (rate < GOOD_PROGRESS * self.least_rate && self.end.borrow().is_none()).then_some(rate)
    }

    /// Ends the upload, unless it was ended before.
    pub fn end(&self, reason: UploadEnd) {
        self.end.send_if_modified(|end| {
            let is_first = end.is_none();
            *end = end.or(Some(reason));
            is_first
        });
    }

    /// Returns the reason for which the upload was ended.
    pub fn end_reason(&self) -> Option<UploadEnd> {
        *self.end.borrow()
    }

    /// Waits until the upload is ended, and returns the error for its reader.
    pub async fn ended(&self) -> io::Error {
        let mut end = self.end.subscribe();
        let reason = end.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match reason {
            Some(UploadEnd::Yielded) => {
                let good = GOOD_PROGRESS * self.least_rate;
                let text = format!(
                    "the upload was slower than {good:.0} bytes a second and gave its slot to another client"
                );
                io::Error::new(YIELDED_BODY, text)
            }
            Some(UploadEnd::Cancelled) | None => io::Error::new(CANCELLED_BODY, "the batch was deleted"),
        }
    }
}

impl RateMeter {
    fn new(grace: Duration) -> Self {
        let start = Mark::default();
        Self { grace, now: start, earlier: start, later: start, is_complete: false }
    }

    fn record(&mut self, waited: Duration, bytes: u64) {
        self.now.waited += waited;
        self.now.bytes += bytes;
        if self.now.waited - self.later.waited >= self.grace {
            self.earlier = self.later;
            self.later = self.now;
        }
    }

    /// Returns the rate in bytes a second, or `None` during the time of grace and after the last byte.
    fn rate(&self) -> Option<f64> {
        let is_known = self.now.waited >= self.grace && !self.is_complete;
        let seconds = (self.now.waited - self.earlier.waited).as_secs_f64();
        is_known.then(|| (self.now.bytes - self.earlier.bytes) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> UploadProgress {
        UploadProgress::new(&Limits {
            upload_bytes_per_second: 1000,
            upload_grace: Duration::from_secs(10),
            ..Limits::default()
        })
    }

    /// Records seconds with a number of bytes in each. Returns the number of seconds after which the upload is too slow.
    fn seconds_until_too_slow(progress: &UploadProgress, seconds: u32, bytes: usize) -> Option<u32> {
        (1..=seconds).find(|_| progress.record(Duration::from_secs(1), bytes).is_err())
    }

    #[test]
    fn a_slow_upload_ends_after_the_time_of_grace() {
        assert_eq!(seconds_until_too_slow(&progress(), 100, 999), Some(10));
        assert_eq!(seconds_until_too_slow(&progress(), 1000, 1000), None);
        let error = (0..).find_map(|_| progress().record(Duration::from_secs(20), 10_000).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("500 bytes a second; after 10 s, at least 1000 are needed"));
    }

    #[test]
    fn bytes_that_came_early_do_not_last_for_ever() {
        let progress = progress();
        assert_eq!(seconds_until_too_slow(&progress, 20, 1_000_000), None);
        let trickled = seconds_until_too_slow(&progress, 1000, 1).unwrap();
        assert!((10..=20).contains(&trickled), "{trickled}");
    }

    #[test]
    fn a_short_pause_of_a_quick_upload_is_no_slow_upload() {
        let progress = progress();
        for _ in 0..50 {
            assert_eq!(seconds_until_too_slow(&progress, 10, 100_000), None);
            assert_eq!(seconds_until_too_slow(&progress, 8, 0), None);
        }
    }

    #[test]
    fn time_in_which_the_service_does_not_wait_does_not_count() {
        let progress = progress();
        for _ in 0..1000 {
            progress.record(Duration::ZERO, 1).unwrap();
        }
        assert_eq!(progress.slow_rate(), None);
    }

    #[tokio::test]
    async fn only_slow_uploads_after_the_grace_yield_and_the_first_end_counts() {
        let progress = progress();
        assert_eq!(seconds_until_too_slow(&progress, 9, 2000), None);
        assert_eq!(progress.slow_rate(), None, "within the time of grace");
        assert_eq!(seconds_until_too_slow(&progress, 1, 2000), None);
        assert_eq!(progress.slow_rate(), Some(2000.0));
        assert_eq!(seconds_until_too_slow(&progress, 30, 4000), None);
        assert_eq!(progress.slow_rate(), None, "good progress");
        assert_eq!(seconds_until_too_slow(&progress, 30, 3999), None);
        assert!(progress.slow_rate().is_some());
        progress.end(UploadEnd::Yielded);
        progress.end(UploadEnd::Cancelled);
        assert_eq!((progress.end_reason(), progress.slow_rate()), (Some(UploadEnd::Yielded), None));
        let error = progress.ended().await;
        assert!(error.to_string().contains("slower than 4000 bytes a second"), "{error}");
        let complete = self::progress();
        complete.record(Duration::from_secs(10), 20_000).unwrap();
        complete.complete();
        assert_eq!(complete.slow_rate(), None, "all bytes have arrived");
    }
}
