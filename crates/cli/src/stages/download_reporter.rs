//! Events of opening a data set, as progress bars and remarks.

use sottovoce_dataset::DataEvent;

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
    pub fn report(&mut self, event: DataEvent) {
        match event {
            DataEvent::DownloadStarted { file, url } => {
                output::remark(&format!("fetching {url}"));
                self.bar = Some(Progress::new(file, 1));
            }
            DataEvent::DownloadAdvanced { received, total, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set(received, total);
                }
            }
            DataEvent::Downloaded { .. } => self.bar = None,
            DataEvent::MirrorFailed { url, reason, .. } => {
                self.bar = None;
                output::remark(&format!("{url} failed: {reason}"));
            }
            DataEvent::SyntheticUsed { reason } => {
                self.bar = None;
                output::remark(&format!(
                    "MNIST is not available: {reason}\nUsing the built-in SYNTHETIC digits instead; every record \
                     and chart will say so. To use MNIST, put its four files into data/mnist or name their folder \
                     with --data-dir."
                ));
            }
            DataEvent::Recognised { asked, known } => output::remark(&format!(
                "the files of the data set `{asked}` are those of {known}: their SHA-256 sums are equal"
            )),
            DataEvent::Transposed { name } => output::remark(&format!(
                "the images of {name} are transposed in their files and are turned upright; for networks that were \
                 trained on them as they are stored (torchvision's EMNIST leaves them so), use --orientation upright"
            )),
            DataEvent::LabelsFromOne { last } => output::remark(&format!(
                "the labels in the files are 1 to {last}; 1 is subtracted from each, which gives {last} classes from 0 on \
                 (`data.first_label = 0` keeps them unchanged)"
            )),
            DataEvent::Unused { path, reason } => {
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
