//! Events of opening a data set, as progress bars and remarks.

use sottovoce_dataset::Event;

use crate::output;
use crate::progress::Progress;

/// Shows the events of opening a data set as progress bars and remarks.
#[derive(Default)]
pub struct DownloadReporter {
    bar: Option<Progress>,
    /// Number of files that are not used, so far.
    unused: usize,
}

/// Largest number of unused files that are named; further ones are counted.
const MAX_UNUSED_NAMED: usize = 5;

impl DownloadReporter {
    pub fn report(&mut self, event: Event) {
        match event {
            Event::Fetching { file, url } => {
                output::remark(&format!("fetching {url}"));
                self.bar = Some(Progress::new(file, 1));
            }
            Event::Progress { received, total, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set(received, total);
                }
            }
            Event::Fetched { .. } => self.bar = None,
            Event::MirrorFailed { url, reason, .. } => {
                self.bar = None;
                output::remark(&format!("{url} failed: {reason}"));
            }
            Event::FellBack { reason } => {
                self.bar = None;
                output::remark(&format!(
                    "MNIST is not available: {reason}\nUsing the built-in SYNTHETIC digits instead; every record \
                     and chart will say so. To use MNIST, put its four files into data/mnist or name their folder \
                     with --data-dir."
                ));
            }
            Event::Recognised { asked, known } => output::remark(&format!(
                "the files of the data set `{asked}` are those of {known}: their SHA-256 sums are equal"
            )),
            Event::Transposed { name } => output::remark(&format!(
                "the images of {name} are transposed in their files and are turned upright; for networks that were \
                 trained on them as they are stored (torchvision's EMNIST leaves them so), use --orientation upright"
            )),
            Event::LabelsFromOne { last } => output::remark(&format!(
                "the labels in the files are 1 to {last}; 1 is subtracted from each, which gives {last} classes from 0 on \
                 (`data.first_label = 0` keeps them unchanged)"
            )),
            Event::NotUsed { path, reason } => {
                self.unused += 1;
                if self.unused <= MAX_UNUSED_NAMED {
                    output::remark(&format!("{} is not used: {reason}", path.display()));
                }
            }
            // Other events need neither a bar nor a remark.
            _ => {}
        }
    }
}

impl Drop for DownloadReporter {
    fn drop(&mut self) {
        if self.unused > MAX_UNUSED_NAMED {
            output::remark(&format!("{} more files or folders are not used", self.unused - MAX_UNUSED_NAMED));
        }
    }
}
