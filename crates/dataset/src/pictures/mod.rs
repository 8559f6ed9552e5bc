//! Images to classify, from the files and folders that a user names.
//!
//! A file is a PNG file or an IDX file of images, the latter plain or gzip: its first bytes tell which, not
//! its name. Of a folder, the files directly inside are read in the byte order of their names. Nothing is
//! resized: a network sees images of one size, and a resized digit is not what the user drew.

mod error;
mod file;
mod folder;
mod png_file;
#[cfg(test)]
mod png_writer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub use error::{PictureError, PngError};

use crate::content::MOST_CONTENT;
use file::{Found, Images};

/// What images to classify have to be, and how they are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureForm {
    /// Pixels on a side: those of the images that the model was trained on.
    pub side: usize,
    /// Whether the images show dark ink on light paper: every pixel `p` becomes `255 - p`, because 255 is full
    /// ink here. What is transparent is paper either way.
    pub invert: bool,
}

impl PictureForm {
    /// The grey of what is not ink, before inverting.
    fn paper(self) -> u8 {
        if self.invert { u8::MAX } else { 0 }
    }
}

/// Grey square images without labels, each with the name of where it came from.
///
/// Pixels are stored row by row, image after image; 0 is background, 255 full ink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    form: PictureForm,
    pixels: Vec<u8>,
    names: Vec<String>,
    passed_over: Vec<PathBuf>,
}

impl Pictures {
    /// Number of images, at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no image, which [`read_pictures`] never returns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Pixels on a side.
    #[must_use]
    pub fn side(&self) -> usize {
        self.form.side
    }

    /// All pixels: `len() * side() * side()` bytes.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// One name for each image, no two alike: the path of a PNG file (`digits/7.png`), or that of an IDX
    /// file with the image's position in it, from 0 (`t10k-images-idx3-ubyte.gz#12`).
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The `side * side` pixels of image `index`, row by row.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.form.side * self.form.side;
        &self.pixels[index * size..(index + 1) * size]
    }

    /// The pixels of all images, one image after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.form.side * self.form.side)
    }

    /// Files in folders that are called like images, but are neither PNG nor IDX files, so that whoever
    /// reports can say so. Files of labels are not among them.
    #[must_use]
    pub fn passed_over(&self) -> &[PathBuf] {
        &self.passed_over
    }
}

/// Reads images to classify from `inputs`, in that order: PNG files, IDX files of images (plain or gzip),
/// and folders of both.
///
/// PNG files may have any colour type and bit depth. Colours become grey by their Rec. 601 luma, as they are
/// stored (`gAMA` and `iCCP` are not applied), and transparent pixels are paper. Of an animation, the
/// still image is taken.
///
/// Of a folder, only files whose names end in `.png`, `.idx`, `-ubyte` or `.gz` are looked at, in capitals
/// or not, so that notes beside them do no harm; files of labels are skipped, and so is a `.gz` beside its
/// plain file.
///
/// # Errors
/// If an input is missing or cannot be read, is damaged, holds labels or something else, has images of
/// another size than `form.side` squared, or is a folder with nothing usable; if two images have the same
/// name, or there are more than 1 GiB of pixels in all.
pub fn read_pictures<P: AsRef<Path>>(inputs: &[P], form: PictureForm) -> Result<Pictures, PictureError> {
    let mut pictures = Pictures { form, pixels: Vec::new(), names: Vec::new(), passed_over: Vec::new() };
    for input in inputs.iter().map(AsRef::as_ref) {
        if input.is_dir() {
            pictures.add_folder(input)?;
        } else {
            pictures.add_file(input)?;
        }
    }
    if pictures.is_empty() {
        return Err(PictureError::NoInput);
    }
    let mut seen = HashSet::with_capacity(pictures.len());
    if let Some(name) = pictures.names.iter().find(|&name| !seen.insert(name)) {
        return Err(PictureError::SameName { name: name.clone() });
    }
    if form.invert {
        pictures.pixels.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
    }
    Ok(pictures)
}

impl Pictures {
    fn add_file(&mut self, file: &Path) -> Result<(), PictureError> {
        match file::read(file, self.form)? {
            Found::Images(images) => self.add(file, images),
            Found::Labels => Err(PictureError::Labels { file: file.into() }),
            Found::Other { first } => Err(PictureError::NotAnImage { file: file.into(), first }),
        }
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), PictureError> {
        let before = self.len();
        let listing = folder::list(folder)?;
        for file in listing.candidates {
            match file::read(&file, self.form)? {
                Found::Images(images) => self.add(&file, images)?,
                Found::Labels => {}
                Found::Other { .. } => self.passed_over.push(file),
            }
        }
        if self.len() == before {
            return Err(PictureError::NothingUsable { folder: folder.into(), names: listing.names });
        }
        Ok(())
    }

    fn add(&mut self, file: &Path, images: Images) -> Result<(), PictureError> {
        let (Images::One(pixels) | Images::Many(pixels)) = &images;
        if (self.pixels.len() + pixels.len()) as u64 > MOST_CONTENT {
            return Err(PictureError::TooManyPixels { file: file.into(), most: MOST_CONTENT });
        }
        let name = file.display();
        match &images {
            Images::One(_) => self.names.push(name.to_string()),
            Images::Many(pixels) => {
                let count = pixels.len() / (self.form.side * self.form.side);
                self.names.extend((0..count).map(|position| format!("{name}#{position}")));
            }
        }
        let (Images::One(mut pixels) | Images::Many(mut pixels)) = images;
        self.pixels.append(&mut pixels);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
