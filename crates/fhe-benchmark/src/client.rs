//! The client's stages.

use std::fs;
use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::client::{Client, EncryptedRequest};

use crate::announcement::{Announcement, MAX_MEMORY_BYTES};
use crate::folders::{RunFolders, Submission};
use crate::instance::PIXELS;
use crate::pixel_text;
use crate::stage::Stage;
use crate::stored_file;

/// Makes the client's keys for the provider's parameters.
///
/// # Errors
/// If the parameters are not secure, keys exist already, or a file cannot be read or written.
pub fn generate_keys(submission: &Submission, folders: &RunFolders) -> Result<()> {
    let announcement = announcement(submission, folders)?;
    let client = Client::from_parameters_message(&announcement.parameters[..], MAX_MEMORY_BYTES)?;
    let path = folders.secret_keys();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    client.save(&path)?;
    stored_file::write(&folders.registration(), client.registration_message())
}

/// Reads the harness's images, and writes them as bytes.
///
/// # Errors
/// If the file holds anything else than images.
pub fn read_pixels(folders: &RunFolders) -> Result<()> {
    let path = folders.pixel_text();
    let text = stored_file::read(&path, "the harness")?;
    let pixels = pixel_text::parse(&text, PIXELS).with_context(|| path.display().to_string())?;
    stored_file::write(&folders.pixels(), &pixels)
}

/// Encrypts the images, in as many batches as they need.
///
/// # Errors
/// If a file cannot be read or written.
pub fn encrypt(submission: &Submission, folders: &RunFolders) -> Result<()> {
    let client = load(folders)?;
    let model = client.read_model(&announcement(submission, folders)?.model[..])?;
    let path = folders.pixels();
    let pixels = stored_file::read(&path, Stage::PreprocessInput.name())?;
    let length = pixels.len();
    ensure!(
        length > 0 && length % PIXELS == 0,
        "{} has {length} bytes, but must have a multiple of {PIXELS}",
        path.display()
    );
    let pixels = model.levels().quantise_all(&pixels);
    stored_file::clear_folder(&folders.upload())?;
    let batches = pixels.chunks(client.parameters().images_per_batch() * PIXELS);
    // While a batch is written, the next one is encrypted.
    let (sender, receiver) = sync_channel::<EncryptedRequest<'_>>(1);
    let list = thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut list = String::new();
            for (request, number) in receiver.into_iter().zip(1..) {
                let pending =
                    stored_file::write_with(&folders.batch(number), |output| Ok(request.write(output)?))?;
                list += &format!("{} {}\n", pending.batch_fingerprint(), pending.images());
            }
            Ok(list)
        });
        for images in batches {
            let request = client.encrypt(&model, images, &())?;
            // The writer hangs up early only after an error, which it returns.
            if sender.send(request).is_err() {
                break;
            }
        }
        drop(sender);
        writing.join().unwrap_or_else(|_| Err(anyhow!("the thread that writes batches has ended")))
    })?;
    stored_file::write(&folders.batch_list(), list.as_bytes())
}

/// Decrypts the answers, and writes the logits: a line for each image, with a number for each class.
///
/// # Errors
/// If an answer is missing, belongs to another batch or is too noisy.
pub fn decrypt(submission: &Submission, folders: &RunFolders) -> Result<()> {
    let client = load(folders)?;
    let model = client.read_model(&announcement(submission, folders)?.model[..])?;
    let batches = read_batch_list(folders)?;
    stored_file::write_with(&folders.logits(), |output| {
        for (&(batch, images), number) in batches.iter().zip(1..) {
            let path = folders.answer(number);
            let pending = client.pending_answer(&model, batch, images);
            let answer = stored_file::read(&path, Stage::Compute.name())?;
            let logits = client.decrypt(&pending, &answer[..]);
            let logits = logits.with_context(|| path.display().to_string())?;
            for slot in 0..images {
                let words: Vec<String> = logits.slot(slot).iter().map(ToString::to_string).collect();
                writeln!(output, "{}", words.join(" "))?;
            }
        }
        Ok(())
    })
}

/// Writes the label of every image: the class with the largest logit.
///
/// # Errors
/// If the file of logits holds anything else.
pub fn predict(folders: &RunFolders) -> Result<()> {
    let path = folders.logits();
    let text = stored_file::read(&path, Stage::Decrypt.name())?;
    let text = String::from_utf8(text).with_context(|| path.display().to_string())?;
    let mut labels = String::new();
    for (line, number) in text.lines().zip(1..) {
        let logits: Result<Vec<i128>, _> = line.split(' ').map(str::parse).collect();
        let logits = logits.with_context(|| {
            format!("{}, line {number}: {line:?} is not a list of integers", path.display())
        })?;
        labels += &format!("{}\n", sottovoce_network::predict(&logits));
    }
    ensure!(!labels.is_empty(), "{} has no lines, but must have one for each image", path.display());
    stored_file::write(&folders.predictions(), labels.as_bytes())
}

/// Returns the provider's announcement: the one that it sent, or else the one that belongs to the submission.
fn announcement(submission: &Submission, folders: &RunFolders) -> Result<Announcement> {
    let sent = folders.announcement();
    if sent.is_dir() {
        return Announcement::read(&sent, Stage::GetParameters.name());
    }
    Announcement::read(&submission.announcement(folders.instance), Stage::Publish.name())
}

fn load(folders: &RunFolders) -> Result<Client> {
    let load = Client::load(&folders.secret_keys(), MAX_MEMORY_BYTES);
    load.with_context(|| format!("no keys of {}", Stage::KeyGeneration.name()))
}

/// Returns fingerprint and number of images of every batch.
fn read_batch_list(folders: &RunFolders) -> Result<Vec<(Fingerprint, usize)>> {
    let path = folders.batch_list();
    let text = stored_file::read(&path, Stage::Encrypt.name())?;
    let text = String::from_utf8_lossy(&text);
    let mut batches = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let place = || format!("{}, line {number}: {line:?}", path.display());
        let Some((fingerprint, images)) = line.split_once(' ') else {
            bail!("{} is not a fingerprint and a number of images", place());
        };
        let fingerprint = fingerprint.parse().with_context(place)?;
        batches.push((fingerprint, images.parse().with_context(place)?));
    }
    ensure!(!batches.is_empty(), "{} has no lines, but must have one for each batch", path.display());
    Ok(batches)
}
