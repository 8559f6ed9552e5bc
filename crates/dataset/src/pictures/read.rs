//! Reading of images to classify.

use std::collections::HashSet;
use std::path::Path;

use crate::file_content::MAX_CONTENT_BYTES;
use crate::inspection::Inspection;
use crate::pictures::error::PictureError;
use crate::pictures::folder::{self, SkipReason, SkippedFile};
use crate::pictures::image_file::{self, FileContent, ImageRequirements, Images};

/// What images to classify have to be, and how they are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureOptions {
    /// Pixels on a side: those of the images that the model was trained on.
    pub side: usize,
    /// Whether the images show dark ink on light background: every pixel `p` becomes `255 - p`, because 255 is full
    /// ink here. What is transparent is background either way.
    pub invert: bool,
}

impl PictureOptions {
    /// How files are read. What is transparent gets the grey of what is not ink, before inverting.
    fn required(self) -> ImageRequirements {
        ImageRequirements { side: Some(self.side), background: if self.invert { u8::MAX } else { 0 } }
    }
}

/// Grey square images without labels, each with the name of where it came from.
///
/// Pixels are stored row by row, image after image; 0 is background, 255 full ink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    form: PictureOptions,
    pixels: Vec<u8>,
    names: Vec<String>,
    skipped: Vec<SkippedFile>,
    /// Indices of the images that are drawn in their alpha channel alone.
    drawn_in_alpha: Vec<usize>,
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

    /// One name for each image, no two alike: the path of a picture's file (`digits/7.png`), or that of an IDX
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

    /// Files and folders inside folders that were left out, so that whoever reports can say so. Files of labels are
    /// not among them.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedFile] {
        &self.skipped
    }

    /// Which images are unlike those that networks are trained on.
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        Inspection::of(self.iter(), self.form.side)
    }

    /// Indices of the images whose shape is in the alpha channel alone: opacity differs between pixels, the colour
    /// does not. Where it is the paper's, nothing can be seen of them.
    #[must_use]
    pub fn drawn_in_alpha(&self) -> &[usize] {
        &self.drawn_in_alpha
    }
}

/// Reads images to classify from `inputs`, in that order: PNG, JPEG and BMP files, IDX files of images (plain or
/// gzip), and folders of these.
///
/// PNG files may have any colour type and bit depth. Colours become grey by their Rec. 601 luma, as they are
/// stored (`gAMA` and `iCCP` are not applied), and transparent pixels are background. Of an animation, the
/// still image is taken. A grey JPEG file keeps its values; one in colour is decoded to red, green and blue, of which
/// the same luma is taken. A JPEG file's Exif orientation is applied.
///
/// Of a folder and the folders inside, 8 deep, only files whose names end in `.png`, `.jpg`, `.jpeg`, `.bmp`, `.idx`,
/// `-ubyte` or `.gz` are looked at, in capitals or not, so that notes beside them do no harm; files of labels are
/// skipped, and so are a `.gz` beside its plain file and whatever is hidden (`.name`). Links to folders, and to files
/// outside the folder, are not followed.
///
/// # Errors
/// If an input is missing or cannot be read, is damaged, holds labels or something else, has images of
/// another size than `form.side` squared, or is a folder with nothing usable; if two images have the same
/// name, or there are more than 1 GiB of pixels in all.
pub fn read_pictures<P: AsRef<Path>>(inputs: &[P], form: PictureOptions) -> Result<Pictures, PictureError> {
    let mut pictures = Pictures {
        form,
        pixels: Vec::new(),
        names: Vec::new(),
        skipped: Vec::new(),
        drawn_in_alpha: Vec::new(),
    };
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
        match image_file::read(file, self.form.required())? {
            FileContent::Images(images) => self.add(file, images),
            FileContent::Labels => Err(PictureError::Labels { file: file.into() }),
            FileContent::Other { first } => Err(PictureError::NotAnImage { file: file.into(), first }),
        }
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), PictureError> {
        let before = self.len();
        let listing = folder::list(folder)?;
        self.skipped.extend(listing.skipped);
        for file in listing.candidates {
            match image_file::read(&file, self.form.required())? {
                FileContent::Images(images) => self.add(&file, images)?,
                FileContent::Labels => {}
                FileContent::Other { .. } => {
                    self.skipped.push(SkippedFile { path: file, reason: SkipReason::NoImage });
                }
            }
        }
        if self.len() == before {
            return Err(PictureError::NothingUsable { folder: folder.into(), names: listing.names });
        }
        Ok(())
    }

    fn add(&mut self, file: &Path, images: Images) -> Result<(), PictureError> {
        let (mut pixels, is_one) = match images {
            Images::One(grey) => {
                if grey.is_drawn_in_alpha {
                    self.drawn_in_alpha.push(self.names.len());
                }
                (grey.pixels, true)
            }
            Images::Many(pixels) => (pixels, false),
        };
        if (self.pixels.len() + pixels.len()) as u64 > MAX_CONTENT_BYTES {
            return Err(PictureError::TooManyPixels { file: file.into(), most: MAX_CONTENT_BYTES });
        }
        let name = file.display();
        if is_one {
            self.names.push(name.to_string());
        } else {
            let count = pixels.len() / (self.form.side * self.form.side);
            self.names.extend((0..count).map(|position| format!("{name}#{position}")));
        }
        self.pixels.append(&mut pixels);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
