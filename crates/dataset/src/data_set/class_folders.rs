//! Data sets in folders of pictures, with one folder for each class.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::arrays::array::{ImageArray, LabelArray, idx_sha256};
use crate::data_set::error::DataError;
use crate::data_set::layout;
use crate::file_content::MAX_CONTENT_BYTES;
use crate::pictures::folder;
use crate::pictures::folder::SkipReason;
use crate::pictures::folder::SkippedFile;
use crate::pictures::image_file::{self, FileContent, ImageRequirements, Images};

/// Largest number of classes, because labels are bytes.
const MAX_CLASSES: usize = 256;

/// Seed that draws the order of pictures.
const ORDER_SEED: u64 = 0;

/// A data set of pictures.
#[derive(Debug)]
pub(crate) struct PictureSet {
    pub(crate) train: (ImageArray, LabelArray),
    pub(crate) test: (ImageArray, LabelArray),
    /// Name of each label; `None` if the names are the labels.
    pub(crate) class_names: Option<Vec<String>>,
    /// Files and folders that are not read.
    pub(crate) skipped: Vec<SkippedFile>,
}

/// Reads the pictures in the class folders of `train` and `test`. Transparent pixels become `background`. All pictures
/// must be squares of one size.
///
/// The order of the pictures is random, so that the first and the last ones are of all classes. The same files always
/// have the same order.
///
/// If all names of class folders are different numbers from 0 to 255, the number is the label of the pictures. Other
/// names are sorted by their bytes and numbered from 0.
pub(crate) fn read(train: &Path, test: &Path, background: u8) -> Result<PictureSet, DataError> {
    let mut names = class_names(train)?;
    names.extend(class_names(test)?);
    let classes = labels(names)?;
    let mut skipped = Vec::new();
    let mut required = ImageRequirements { side: None, background };
    let train = read_half(train, &classes, &mut required, &mut skipped)?;
    let test = read_half(test, &classes, &mut required, &mut skipped)?;
    let numbered = classes.iter().all(|(label, name)| name.parse() == Ok(*label));
    let class_names = (!numbered).then(|| classes.into_iter().map(|(_, name)| name).collect());
    Ok(PictureSet { train, test, class_names, skipped })
}

/// Lists the folders in a folder that are neither hidden nor links.
fn class_names(folder: &Path) -> Result<BTreeSet<String>, DataError> {
    let names: BTreeSet<String> = layout::list_names(folder)?
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .filter(|name| folder.join(name).symlink_metadata().is_ok_and(|kind| kind.is_dir()))
        .collect();
    if names.is_empty() {
        return Err(DataError::NoClasses { folder: folder.into() });
    }
    Ok(names)
}

/// Gives each class a label. The result is sorted by label.
fn labels(names: BTreeSet<String>) -> Result<Vec<(u8, String)>, DataError> {
    if names.len() > MAX_CLASSES {
        return Err(DataError::TooManyClasses { classes: names.len() });
    }
    let numbers: Option<BTreeSet<u8>> = names.iter().map(|name| name.parse().ok()).collect();
    // `7` and `07` are the same number.
    let numbered = numbers.is_some_and(|numbers| numbers.len() == names.len());
    let mut classes: Vec<(u8, String)> = names
        .into_iter()
        .zip(0..=u8::MAX)
        .map(|(name, index)| (if numbered { name.parse().unwrap_or(index) } else { index }, name))
        .collect();
    classes.sort_unstable();
    Ok(classes)
}

/// Reads images and labels of one half of the data set. `required.side` becomes the side of the first picture, unless
/// it is set.
fn read_half(
    half: &Path,
    classes: &[(u8, String)],
    required: &mut ImageRequirements,
    skipped: &mut Vec<SkippedFile>,
) -> Result<(ImageArray, LabelArray), DataError> {
    let mut files: Vec<(PathBuf, u8)> = Vec::new();
    for (label, name) in classes {
        let folder = half.join(name);
        // A class may have no pictures in one half.
        if !folder.is_dir() {
            continue;
        }
        let listing = folder::list(&folder)?;
        skipped.extend(listing.skipped);
        files.extend(listing.candidates.into_iter().map(|file| (file, *label)));
    }
    // All pictures must have the size of the first one.
    for (file, _) in &files {
        if required.side.is_none() {
            required.side = picture(file, *required)?.map(|pixels| pixels.len().isqrt());
        }
    }
    let Some(found) = required.side else { return Err(DataError::NoPictures { folder: half.into() }) };
    // Each file has one picture of this size, so the total is known before they are read.
    let size = (found as u64).saturating_mul(found as u64);
    if size.saturating_mul(files.len() as u64) > MAX_CONTENT_BYTES {
        return Err(DataError::TooManyPictures { folder: half.into(), pictures: files.len(), side: found });
    }
    files.shuffle(&mut ChaCha8Rng::seed_from_u64(ORDER_SEED));
    let read: Vec<Result<Option<Vec<u8>>, DataError>> =
        files.par_iter().map(|(file, _)| picture(file, *required)).collect();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for ((file, label), picture) in files.iter().zip(read) {
        match picture? {
            Some(mut picture) => {
                pixels.append(&mut picture);
                labels.push(*label);
            }
            None => skipped.push(no_image(file)),
        }
    }
    if labels.is_empty() {
        return Err(DataError::NoPictures { folder: half.into() });
    }
    let images_sha256 = idx_sha256(&[labels.len(), found, found], &pixels);
    let labels_sha256 = idx_sha256(&[labels.len()], &labels);
    Ok((
        ImageArray { side: found, pixels, sha256: images_sha256 },
        LabelArray { labels, sha256: labels_sha256 },
    ))
}

/// Reads the pixels of a picture; `None` for a file of another kind.
fn picture(file: &Path, required: ImageRequirements) -> Result<Option<Vec<u8>>, DataError> {
    match image_file::read(file, required)? {
        FileContent::Images(Images::One(grey)) => Ok(Some(grey.pixels)),
        FileContent::Images(Images::Many(_)) | FileContent::Labels | FileContent::Other { .. } => Ok(None),
    }
}

fn no_image(file: &Path) -> SkippedFile {
    SkippedFile { path: file.into(), reason: SkipReason::NoImage }
}

#[cfg(test)]
mod tests;
