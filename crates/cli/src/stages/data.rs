//! Opening the data set, and reporting on it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use sottovoce_dataset::{
    DataName, DataSet, Event, LabelledImages, Orientation, Request, SyntheticSize, hold_out,
};

use super::share_out;
use crate::args::Common;
use crate::config::{DataPlan, Experiment, SettingPlan};
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

/// An experiment's images.
#[derive(Debug, Clone)]
pub struct Images {
    pub data: Arc<DataSet>,
    /// The training images that members are trained on.
    pub training: Arc<LabelledImages>,
    /// Those that nobody is trained on.
    pub validation: Arc<LabelledImages>,
}

impl Images {
    /// Opens an experiment's data set and sets its validation images aside.
    pub fn open(plan: &DataPlan, common: &Common) -> Result<Self> {
        let mut request = request(&plan.name, common);
        // An argument goes before the configuration, which goes before the environment.
        if let (None, Some(path)) = (&common.data_dir, &plan.path) {
            request.explicit_dir = Some(path.clone());
        }
        request.orientation = request.orientation.or(plan.orientation);
        request.first_label = plan.first_label;
        request.invert = plan.invert;
        let data = open_request(request, plan.train_images, plan.test_images)?;
        let (training, validation) = hold_out(&data.train, plan.validation_images, VALIDATION_SEED)
            .context("`data.validation_images` is too large")?;
        Ok(Self { data: Arc::new(data), training: Arc::new(training), validation: Arc::new(validation) })
    }
}

/// Refuses images that the experiment's networks cannot read.
pub fn check_fit(experiment: &Experiment, data: &DataSet) -> Result<()> {
    let shape = &experiment.architecture;
    ensure!(
        data.train.side() == shape.image_side,
        "the data set {} has images of {side} x {side} pixels, but `architecture.image_side` is {}",
        data.name,
        shape.image_side,
        side = data.train.side(),
    );
    let labels = data.train.labels().iter().chain(data.test.labels());
    let largest = labels.max().copied().unwrap_or(0);
    ensure!(
        usize::from(largest) < shape.classes,
        "the data set {} has the label {largest}, but `architecture.classes` is {}",
        data.name,
        shape.classes,
    );
    Ok(())
}

/// The field at fault and what is wrong, where members of `settings` have fewer training images than a step takes. Settings for
/// other logit ranges share out the images in the same way.
pub fn small_member(
    experiment: &Experiment,
    settings: &[SettingPlan],
    training: &LabelledImages,
) -> Result<Option<([&'static str; 2], String)>> {
    // The member with the fewest images of all: the count, the member from 1, and its setting.
    let mut fewest: Option<(usize, usize, String)> = None;
    for plan in settings {
        let partition = share_out(training, plan)?;
        for (indices, member) in partition.indices.iter().zip(1..) {
            if fewest.as_ref().is_none_or(|(count, ..)| indices.len() < *count) {
                fewest = Some((indices.len(), member, plan.key()));
            }
        }
    }
    let Some((images, member, setting)) = fewest else { return Ok(None) };
    ensure!(
        images > 0,
        "member {member} of {setting} would have no training images; use more images or fewer members"
    );
    let batch = experiment.training.batch;
    Ok((batch > images).then(|| {
        let message = format!(
            "is {batch}, but member {member} of {setting} has {images} training images, the fewest of all members, and a batch may \
             not be larger; lower it, or use more images or fewer members"
        );
        (["training", "batch"], message)
    }))
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
