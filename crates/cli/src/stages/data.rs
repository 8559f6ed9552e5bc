//! Opening the data set, and reporting on it.

use anyhow::{Context, Result};
use sottovoce_dataset::{
    DataName, DataSet, Event, LabelledImages, Orientation, Request, SyntheticSize, hold_out,
};

use crate::args::Common;
use crate::config::{DataPlan, Experiment};
use crate::output;
use crate::progress::Progress;

/// What is asked for by name and arguments.
pub fn request(name: &str, common: &Common) -> Request {
    let Ok(name) = name.parse::<DataName>();
    let mut request = Request::new(name);
    request.explicit_dir = common.data_path();
    request.orientation = common.orientation.map(Orientation::from);
    request.allow_download = !common.offline;
    if !common.mirrors.is_empty() {
        request.mirrors = common.mirrors.clone();
    }
    request
}

/// Opens the data set `name` with at most the given numbers of images.
pub fn open(name: &str, train: usize, test: usize, common: &Common) -> Result<DataSet> {
    open_request(request(name, common), train, test)
}

/// Opens an experiment's data set.
pub fn open_plan(plan: &DataPlan, common: &Common) -> Result<DataSet> {
    let mut request = request(&plan.name, common);
    request.orientation = request.orientation.or(plan.orientation);
    request.first_label = plan.first_label;
    request.invert = plan.invert;
    open_request(request, plan.train_images, plan.test_images)
}

/// Opens a data set with at most the given numbers of images.
pub fn open_request(mut request: Request, train: usize, test: usize) -> Result<DataSet> {
    let SyntheticSize { train: all_train, test: all_test, seed } = request.synthetic;
    request.synthetic = SyntheticSize { train: all_train.min(train), test: all_test.min(test), seed };
    let mut teller = Teller::default();
    let mut data = sottovoce_dataset::open(&request, &mut |event| teller.tell(event))?;
    data.train = first(&data.train, train, "training");
    data.test = first(&data.test, test, "test");
    Ok(data)
}

/// The first `count` images. Of a data set that is sorted by label, they have few labels.
fn first(images: &LabelledImages, count: usize, name: &str) -> LabelledImages {
    let taken = images.take(count);
    let labels = |images: &LabelledImages| images.counts().iter().filter(|&&count| count > 0).count();
    let (found, all) = (labels(&taken), labels(images));
    if found < all {
        output::remark(&format!(
            "the first {count} of {} {name} images have {found} of {all} labels: use more of them, or shuffle the files",
            images.len()
        ));
    }
    taken
}

/// Draws the validation images. Not an experiment's seed: all settings shall have the same.
const VALIDATION_SEED: u64 = 0;

/// The training images that members may see, and those held out from them.
pub fn training_and_validation(
    experiment: &Experiment,
    data: &DataSet,
) -> Result<(LabelledImages, LabelledImages)> {
    let count = experiment.data.validation_images;
    hold_out(&data.train, count, VALIDATION_SEED).context("`data.validation_images` is too large")
}

/// Turns events into bars and remarks.
#[derive(Default)]
pub struct Teller {
    bar: Option<Progress>,
    /// Files that are not used, so far.
    unused: usize,
}

/// Files that are not used and named one by one.
const UNUSED_NAMED: usize = 5;

impl Drop for Teller {
    fn drop(&mut self) {
        if self.unused > UNUSED_NAMED {
            output::remark(&format!("{} more files or folders are not used", self.unused - UNUSED_NAMED));
        }
    }
}

impl Teller {
    pub fn tell(&mut self, event: Event) {
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
                "the labels in the files are 1 to {last}; 1 is taken off each, which gives {last} classes from 0 on \
                 (`data.first_label = 0` keeps them as they are)"
            )),
            Event::NotUsed { path, reason } => {
                self.unused += 1;
                if self.unused <= UNUSED_NAMED {
                    output::remark(&format!("{} is not used: {reason}", path.display()));
                }
            }
            // Nothing to wait for and nothing to do.
            _ => {}
        }
    }
}
