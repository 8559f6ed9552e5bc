//! Progress bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::output;

/// Plain lines come this often at most.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Progress of one task of known length, from any thread.
pub struct Progress {
    bar: ProgressBar,
    /// Where standard error is not a terminal: when the last line was printed.
    plain: Option<Mutex<Instant>>,
    title: String,
    /// A word on how the task is going.
    note: Mutex<String>,
}

impl Progress {
    /// A task of `length` units begins.
    pub fn new(title: &str, length: u64) -> Self {
        let bar = ProgressBar::hidden();
        bar.set_length(length);
        if std::io::stderr().is_terminal() {
            let template = "{msg:36} [{bar:28}] {percent:>3} %  {elapsed} elapsed, {eta} left";
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(title.to_owned());
        }
        let plain = (!std::io::stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        Self { bar, plain, title: title.to_owned(), note: Mutex::default() }
    }

    /// `work` units more are done.
    pub fn advance(&self, work: u64) {
        self.bar.inc(work);
        let Some(last) = &self.plain else { return };
        // Whoever holds the lock prints; nobody waits to print.
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() >= PLAIN_EVERY {
            *last = Instant::now();
            let length = self.bar.length().unwrap_or(1).max(1);
            // A member that is trained again does more than was planned.
            let share = 100 * self.bar.position().min(length) / length;
            let note = self.note.lock().map(|note| note.clone()).unwrap_or_default();
            let left = HumanDuration(self.bar.eta());
            output::remark(&format!("{}: {share} %, {left} left{note}", self.title));
        }
    }

    /// A word on how the task is going.
    pub fn note(&self, text: &str) {
        self.bar.set_message(format!("{}, {text}", self.title));
        if let Ok(mut note) = self.note.lock() {
            *note = format!(", {text}");
        }
    }

    /// Puts the bar at `done` units, of `total` where it has become known.
    pub fn set(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.advance(done.saturating_sub(self.bar.position()));
    }
}

impl Drop for Progress {
    /// The task is over: its bar goes away, and a line stays of what took long enough to wait for.
    fn drop(&mut self) {
        let elapsed = self.bar.elapsed();
        self.bar.finish_and_clear();
        if elapsed >= Duration::from_secs(1) && !std::thread::panicking() {
            output::remark(&format!("{}: {:.1} s", self.title, elapsed.as_secs_f64()));
        }
    }
}

/// Shows one stage of an evaluation after the other.
pub struct StageProgress {
    prefix: String,
    current: Mutex<Option<Progress>>,
}

impl StageProgress {
    pub fn new(prefix: String) -> Self {
        Self { prefix, current: Mutex::new(None) }
    }
}

impl sottovoce_bfv::ProgressObserver for StageProgress {
    fn begin(&self, stage: &str, work: u64) {
        if let Ok(mut current) = self.current.lock() {
            // The old bar must be gone before the new one is drawn.
            drop(current.take());
            *current = Some(Progress::new(&format!("{}: {stage}", self.prefix), work));
        }
    }

    fn advance(&self, work: u64) {
        if let Ok(current) = self.current.lock()
            && let Some(progress) = &*current
        {
            progress.advance(work);
        }
    }
}
