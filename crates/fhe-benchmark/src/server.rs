//! The provider's stages. These stages open no file of the client but its public keys and its batches.

use std::fs;
use std::io::{self, Write as _};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sottovoce_bfv::ParametersError;
use sottovoce_bfv::planner::{
    ChosenParameters, ParameterRequest, choose_packed_parameters, choose_parameters,
};
use sottovoce_network::disk::{ExportedEnsemble, read_ensemble};
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::provider::{Provider, RegisteredKey};

use crate::announcement::{Announcement, MAX_MEMORY_BYTES};
use crate::folders::{RunFolders, Submission};
use crate::instance::{Instance, PIXELS};
use crate::stage::Stage;
use crate::stored_file;

/// Margin above the largest logit of the training images, as a fraction of it. The plaintext modulus holds the sum, which is the default of
/// `configs/paper.toml`.
const RANGE_MARGIN: f64 = 0.15;

/// Chooses parameters for every size, and writes what the provider announces: parameters and model.
///
/// # Errors
/// If the weights cannot be read, read other images than the benchmark's, or have no secure parameters.
pub fn publish(submission: &Submission) -> Result<()> {
    let ExportedEnsemble { ensemble, origin } = read_ensemble(&submission.weights())?;
    let weights = submission.weights();
    let found = ensemble.architecture().pixels();
    ensure!(
        found == PIXELS,
        "{} reads images of {found} pixels, but the benchmark's have {PIXELS}",
        weights.display()
    );
    let observed = origin.observed.with_context(|| {
        format!("{} names no observed range of logits; export it with training images", weights.display())
    })?;
    // `f64` is exact up to 53 bits, and a margin needs no more.
    let largest = observed.ensemble.saturating_add((observed.ensemble as f64 * RANGE_MARGIN).ceil() as i128);
    for instance in Instance::ALL {
        let images = instance.usual_images();
        let ensembles = [&ensemble];
        let request = ParameterRequest { images, ..ParameterRequest::new(&ensembles, largest) };
        // A packed batch has one image, and its keys of 15 MB are read in every process: both pay for a single image only.
        let choice = match instance {
            Instance::Single => choose_for_one_image(&request),
            _ => choose_parameters(&request),
        };
        let parameters = choice?.parameters;
        // The build's output. If it cannot be printed, the parameters are in the announcement.
        let _ = writeln!(
            io::stdout(),
            "{}: {} evaluation, N = {}, plaintext moduli {:?}, keys of {:.0} of at most {} bits (128-bit security)",
            instance.name(),
            if parameters.packed().is_some() { "packed" } else { "batched" },
            parameters.degree(),
            parameters.plaintext_moduli(),
            parameters.key_modulus_bits(),
            parameters.security_limit_bits(),
        );
        let provider = Provider::new(&parameters, vec![ensemble.clone()], 1)?;
        Announcement::of(&provider)?.write(&submission.announcement(instance))?;
    }
    Ok(())
}

/// Chooses packed parameters, or batched ones if there are no packed ones. The reason is then said on standard error, because a batch takes
/// hundreds of times as many bytes as a packed image.
fn choose_for_one_image(request: &ParameterRequest<'_>) -> Result<ChosenParameters, ParametersError> {
    choose_packed_parameters(request).or_else(|reason| {
        // If the warning cannot be printed, the kind of evaluation is in the announcement.
        let _ =
            writeln!(io::stderr(), "warning: a single image is evaluated as a batch, not packed: {reason}");
        choose_parameters(request)
    })
}

/// Sends the announcement to a remote client.
///
/// # Errors
/// If a file cannot be read or written.
pub fn send_announcement(submission: &Submission, folders: &RunFolders) -> Result<()> {
    let folder = submission.announcement(folders.instance);
    Announcement::read(&folder, Stage::Publish.name())?.write(&folders.announcement())
}

/// Checks the public keys of a remote client, and stores them.
///
/// # Errors
/// If the keys are not for the provider's parameters, or a file cannot be read or written.
pub fn receive_keys(submission: &Submission, folders: &RunFolders) -> Result<()> {
    let message = stored_file::read(&folders.registration(), Stage::KeyGeneration.name())?;
    register(&provider(submission, folders.instance)?, &message)?;
    stored_file::write(&folders.stored_registration(), &message)
}

/// Checks that the weights are intact and those of the announcements, whose parameters have room for them.
///
/// # Errors
/// If they are not.
pub fn check_model(submission: &Submission) -> Result<()> {
    for instance in Instance::ALL {
        let folder = submission.announcement(instance);
        let announced = Announcement::read(&folder, Stage::Publish.name())?;
        ensure!(
            Announcement::of(&provider(submission, instance)?)? == announced,
            "{} announces another model than {}; build the submission again",
            folder.display(),
            submission.weights().display()
        );
    }
    Ok(())
}

/// Evaluates the networks on every batch, and writes the answers and the times of the steps.
///
/// # Errors
/// If a batch is missing, damaged or encrypted under other keys, or a file cannot be read or written.
pub fn compute(submission: &Submission, folders: &RunFolders) -> Result<()> {
    let start = Instant::now();
    let provider = provider(submission, folders.instance)?;
    let stored = folders.stored_registration();
    let (path, origin) = match stored.is_file() {
        true => (stored, Stage::UploadKeys),
        false => (folders.registration(), Stage::KeyGeneration),
    };
    let key = register(&provider, &stored_file::read(&path, origin.name())?)?;
    let count = count_batches(folders)?;
    stored_file::clear_folder(&folders.download())?;
    let load_seconds = start.elapsed();

    let mut evaluation_seconds = Duration::ZERO;
    let mut writing_seconds = Duration::ZERO;
    // While a batch is evaluated, the next one is read.
    let (sender, receiver) = sync_channel(0);
    let reading_seconds = thread::scope(|scope| {
        let (provider, key) = (&provider, &key);
        let reading = scope.spawn(move || {
            let mut seconds = Duration::ZERO;
            for number in 1..=count {
                let start = Instant::now();
                let path = folders.batch(number);
                let received = stored_file::open(&path, Stage::Encrypt.name())
                    .and_then(|file| provider.receive(key, file).with_context(|| path.display().to_string()));
                seconds += start.elapsed();
                let failed = received.is_err();
                // The other thread hangs up early only after an error, which it returns.
                if sender.send(received).is_err() || failed {
                    break;
                }
            }
            seconds
        });
        for (received, number) in receiver.into_iter().zip(1..) {
            let start = Instant::now();
            let answer = provider.evaluate(&received?, &())?;
            evaluation_seconds += start.elapsed();
            let start = Instant::now();
            stored_file::write(&folders.answer(number), &answer)?;
            writing_seconds += start.elapsed();
        }
        reading.join().ok().context("the thread that reads batches has ended")
    })?;
    let seconds = |duration: Duration| (duration.as_secs_f64() * 1e4).round() / 1e4;
    let steps = json!({
        "Load model and keys": seconds(load_seconds),
        "Read encrypted input": seconds(reading_seconds),
        "Encrypted computation": seconds(evaluation_seconds),
        "Write encrypted results": seconds(writing_seconds),
        "Total": seconds(start.elapsed()),
    });
    stored_file::write(&folders.reported_steps(), format!("{steps:#}\n").as_bytes())
}

/// Returns the provider with the submission's networks and the parameters that it has announced for a size.
fn provider(submission: &Submission, instance: Instance) -> Result<Provider> {
    let announcement = Announcement::read(&submission.announcement(instance), Stage::Publish.name())?;
    let ensemble = read_ensemble(&submission.weights())?.ensemble;
    let provider =
        Provider::from_parameters_message(&announcement.parameters[..], MAX_MEMORY_BYTES, vec![ensemble], 1)?;
    Ok(provider)
}

/// Registers the client's keys, which are named by the checksum at the end of their message.
fn register(provider: &Provider, message: &[u8]) -> Result<RegisteredKey> {
    let name = message.last_chunk().context("the registration message is too short for a checksum")?;
    Ok(provider.register(Fingerprint::from_bytes(*name), message)?)
}

/// Returns the number of batches, which are numbered from 1.
fn count_batches(folders: &RunFolders) -> Result<usize> {
    let folder = folders.upload();
    let unreadable =
        || format!("cannot read the folder {}, which {} writes", folder.display(), Stage::Encrypt.name());
    let count = fs::read_dir(&folder).with_context(unreadable)?.count();
    ensure!(count > 0, "{} has no batch", folder.display());
    Ok(count)
}
