//! Opening an experiment's data set, and checking that the experiment fits it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use sottovoce_dataset::{DataName, DataSet, LabelledImages, Orientation, Request, SyntheticSize, hold_out};

use super::download_reporter::DownloadReporter;
use crate::args::experiments::data_options::SharedOptions;
use crate::config::experiment::{DataConfig, Experiment};
use crate::config::setting::SeededSetting;
use crate::output;

/// The request for the data set `name`, with the options of the command line.
pub fn request(name: &str, shared: &SharedOptions<'_>) -> Request {
    let Ok(name) = name.parse::<DataName>();
    let mut request = Request::new(name);
    request.path = shared.data.data_path();
    request.orientation = shared.data.orientation.map(Orientation::from);
    request.allow_download = !shared.data.offline;
    if !shared.data.mirrors.is_empty() {
        request.mirrors = shared.data.mirrors.clone();
    }
    request
}

/// Opens the data set `name` with at most the given numbers of images.
pub fn open(name: &str, train: usize, test: usize, shared: &SharedOptions<'_>) -> Result<DataSet> {
    open_request(request(name, shared), train, test)
}

/// An experiment's images.
#[derive(Debug, Clone)]
pub struct Images {
    pub data: Arc<DataSet>,
    /// The training images that members are trained on.
    pub training: Arc<LabelledImages>,
    /// The held-out training images.
    pub validation: Arc<LabelledImages>,
}

impl Images {
    /// Opens an experiment's data set and holds out its validation images.
    pub fn open(config: &DataConfig, shared: &SharedOptions<'_>) -> Result<Self> {
        let mut request = request(&config.name, shared);
        // The option --data-dir overrides the configuration, which overrides the environment variable.
        if let (None, Some(path)) = (&shared.data.data_dir, &config.path) {
            request.path = Some(path.clone());
        }
        request.orientation = request.orientation.or(config.orientation);
        request.first_label = config.first_label;
        request.invert = config.invert;
        let data = open_request(request, config.train_images, config.test_images)?;
        let (training, validation) = hold_out(&data.train, config.validation_images, VALIDATION_SEED)
            .context("`data.validation_images` is too large")?;
        Ok(Self { data: Arc::new(data), training: Arc::new(training), validation: Arc::new(validation) })
    }
}

/// Refuses images of another size than the experiment's networks read, and labels beyond their classes.
pub fn check_images(experiment: &Experiment, data: &DataSet) -> Result<()> {
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

/// The path of the field `training.batch` and what is wrong with it, if a member of `settings` has fewer training images than a
/// step takes; else `None`. Settings for other logit ranges divide the images in the same way.
pub fn check_batch(
    experiment: &Experiment,
    settings: &[SeededSetting],
    training: &LabelledImages,
) -> Result<Option<([&'static str; 2], String)>> {
    // The member with the fewest images of all: the count, the member from 1, and its setting.
    let mut fewest: Option<(usize, usize, String)> = None;
    for setting in settings {
        let partition = setting.partition(training.labels())?;
        for (indices, member) in partition.indices.iter().zip(1..) {
            if fewest.as_ref().is_none_or(|(count, ..)| indices.len() < *count) {
                fewest = Some((indices.len(), member, setting.file_name()));
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
    let mut reporter = DownloadReporter::default();
    let mut data = sottovoce_dataset::open(&request, &mut |event| reporter.report(event))?;
    data.train = first(&data.train, train, "training");
    data.test = first(&data.test, test, "test");
    Ok(data)
}

/// The first `count` images. Warns if they lack labels that later images have, as in a data set that is sorted by label.
fn first(images: &LabelledImages, count: usize, name: &str) -> LabelledImages {
    let taken = images.take(count);
    let labels = |images: &LabelledImages| images.counts().iter().filter(|&&count| count > 0).count();
    let (taken_labels, all_labels) = (labels(&taken), labels(images));
    if taken_labels < all_labels {
        output::remark(&format!(
            "the first {count} of {} {name} images have {taken_labels} of {all_labels} labels: use more images, or shuffle the \
             files",
            images.len()
        ));
    }
    taken
}

/// Seed that draws the validation images. It does not depend on an experiment's seeds, so all settings have the same images.
const VALIDATION_SEED: u64 = 0;
