//! Progress bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle, WeakProgressBar};

use crate::output;

/// Smallest time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The bar on the terminal, of which there is one at a time. Another line on standard error would be overwritten by it.
static SHOWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Prints a remark on standard error, above the bar if one is shown.
pub fn remark_above_bar(text: &str) {
    let shown = SHOWN.lock().ok().and_then(|shown| shown.as_ref().and_then(WeakProgressBar::upgrade));
    match shown {
        Some(bar) => bar.suspend(|| output::remark(text)),
        None => output::remark(text),
    }
}

/// Progress of one task of known length, from any thread.
pub struct Progress {
    bar: ProgressBar,
    /// The time of the last plain line, if standard error is not a terminal.
    plain: Option<Mutex<Instant>>,
    title: String,
    /// Text behind the title, such as the speed.
    note: Mutex<String>,
}

impl Progress {
    /// Begins a task of `length` units of work.
    pub fn new(title: &str, length: u64) -> Self {
        let title = output::visible(title);
        let bar = ProgressBar::hidden();
        bar.set_length(length);
        if std::io::stderr().is_terminal() {
            let template = "{msg:36} [{bar:28}] {percent:>3} %  {elapsed} elapsed, {eta} left";
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(title.clone().into_owned());
            if let Ok(mut shown) = SHOWN.lock() {
                *shown = Some(bar.downgrade());
            }
        }
        let plain = (!std::io::stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        Self { bar, plain, title: title.into_owned(), note: Mutex::default() }
    }

    /// Adds `work` units of finished work.
    pub fn advance(&self, work: u64) {
        self.bar.inc(work);
        let Some(last) = &self.plain else { return };
        // The thread that holds the lock prints; other threads do not wait.
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() >= PLAIN_INTERVAL {
            *last = Instant::now();
            let length = self.bar.length().unwrap_or(1).max(1);
            // A member that is trained twice does more work than the length.
            let share = 100 * self.bar.position().min(length) / length;
            let note = self.note.lock().map(|note| note.clone()).unwrap_or_default();
            let left = HumanDuration(self.bar.eta());
            output::remark(&format!("{}: {share} %, {left} left{note}", self.title));
        }
    }

    /// Sets the text behind the title.
    #[cfg(feature = "experiments")]
    pub fn note(&self, text: &str) {
        self.bar.set_message(format!("{}, {text}", self.title));
        if let Ok(mut note) = self.note.lock() {
            *note = format!(", {text}");
        }
    }

    /// Sets the finished work to `done` units, and the length to `total` units if it is known.
    #[cfg(feature = "experiments")]
    pub fn set(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.advance(done.saturating_sub(self.bar.position()));
    }
}

impl Drop for Progress {
    /// Removes the bar. A task of a second or more leaves a line with its time.
    fn drop(&mut self) {
        let elapsed = self.bar.elapsed();
        self.bar.finish_and_clear();
        if elapsed >= Duration::from_secs(1) && !std::thread::panicking() {
            output::remark(&format!("{}: {:.1} s", self.title, elapsed.as_secs_f64()));
        }
    }
}

/// Shows the stages of an evaluation, one after the other.
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
            // The old bar must be removed before the new bar is drawn.
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
