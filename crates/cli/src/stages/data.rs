//! Opening the data set, and telling about it.

use anyhow::{Context, Result};
use sottovoce_dataset::{DataName, DataSet, Event, LabelledImages, Request, SyntheticSize, hold_out};

use crate::args::Common;
use crate::config::Experiment;
use crate::output;
use crate::progress::Progress;

/// What is asked for by name and arguments.
pub fn request(name: &str, common: &Common) -> Request {
    let Ok(name) = name.parse::<DataName>();
    let mut request = Request::new(name);
    request.explicit_dir = common.data_dir.clone();
    request.allow_download = !common.offline;
    if !common.mirrors.is_empty() {
        request.mirrors = common.mirrors.clone();
    }
    request
}

/// Opens the data set `name` with at most the given numbers of images.
pub fn open(name: &str, train: usize, test: usize, common: &Common) -> Result<DataSet> {
    let mut request = request(name, common);
    let SyntheticSize { train: all_train, test: all_test, seed } = request.synthetic;
    request.synthetic = SyntheticSize { train: all_train.min(train), test: all_test.min(test), seed };
    let mut teller = Teller::default();
    let mut data = sottovoce_dataset::open(&request, &mut |event| teller.tell(event))?;
    data.train = data.train.take(train);
    data.test = data.test.take(test);
    Ok(data)
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
                    "MNIST is not to be had: {reason}\nUsing the built-in SYNTHETIC digits instead; every record \
                     and chart will say so. To use MNIST, put its four files into data/mnist or name their folder \
                     with --data-dir."
                ));
            }
            // Nothing to wait for and nothing to do.
            _ => {}
        }
    }
}
