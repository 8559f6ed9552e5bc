//! Reading of images to classify.

use std::collections::HashSet;
use std::path::Path;

use crate::file_content::MAX_CONTENT_BYTES;
use crate::inspection::Inspection;
use crate::pictures::error::PictureError;
use crate::pictures::folder::{self, SkipReason, SkippedFile};
use crate::pictures::image_file::{self, FileContent, ImageRequirements, Images};

/// Required size of images to classify, and their ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureOptions {
    /// Pixels on a side of the images that the model reads.
    pub side: usize,
    /// True if the images show dark ink on light paper. Then every pixel `p` becomes `255 - p`, because 255 is full ink
    /// here. Transparent pixels are background in both cases.
    pub invert: bool,
}

impl PictureOptions {
    /// Requirements for single files. Transparent pixels get the grey of background before inverting.
    fn required(self) -> ImageRequirements {
        ImageRequirements { side: Some(self.side), background: if self.invert { u8::MAX } else { 0 } }
    }
}

/// Grey square images without labels, each with the name of its file.
///
/// Pixels are stored row by row, image after image. A pixel of 0 is background, a pixel of 255 is full ink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    options: PictureOptions,
    pixels: Vec<u8>,
    names: Vec<String>,
    skipped: Vec<SkippedFile>,
    /// Indices of the images that are drawn only in their alpha channel.
    drawn_in_alpha: Vec<usize>,
}

impl Pictures {
    /// Number of images, at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns whether there are no images. [`read_pictures`] never returns such a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Number of pixels on a side.
    #[must_use]
    pub fn side(&self) -> usize {
        self.options.side
    }

    /// Pixels of all images: `len() * side() * side()` bytes.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Names of the images, all different: the path of a PNG, JPEG or BMP file (`digits/7.png`), or the path of an IDX
    /// file with the position of the image in it, from 0 (`t10k-images-idx3-ubyte.gz#12`).
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Pixels of image `index`, row by row: `side * side` of them.
    ///
    /// # Panics
    /// If `index` is not below the number of images.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "the documentation states the panic; there are `len()` whole images"
    )]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.options.side * self.options.side;
        &self.pixels[index * size..(index + 1) * size]
    }

    /// Iterates over the images, each as `side * side` pixels.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.options.side * self.options.side)
    }

    /// Files and folders inside folders that were not read, except files of labels.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedFile] {
        &self.skipped
    }

    /// Finds the images that are unlike those that networks are trained on.
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        Inspection::of(self.iter(), self.options.side)
    }

    /// Indices of the images whose shape is only in the alpha channel: opacity differs between pixels, the colour does
    /// not. If the colour is that of the background, nothing of the image is visible.
    #[must_use]
    pub fn drawn_in_alpha(&self) -> &[usize] {
        &self.drawn_in_alpha
    }
}

/// Reads images to classify from `inputs`, in that order: PNG, JPEG and BMP files, IDX files of images (plain or
/// gzip), and folders of these.
///
/// PNG files may have any colour type and bit depth. Colours become their Rec. 601 luma as stored (`gAMA` and `iCCP` are
/// not applied), and transparent pixels become background. Of an animation, the still image is read. A grey JPEG file
/// keeps its values; one in colour is decoded to red, green and blue and becomes the same luma. The Exif orientation of a
/// JPEG file is applied.
///
/// In a folder and the folders inside, 8 deep, only files are read whose names end in `.png`, `.jpg`, `.jpeg`, `.bmp`,
/// `.idx`, `-ubyte` or `.gz`, in any case. Not read are files of labels, a `.gz` file beside its plain file, and hidden
/// files and folders (`.name`). Links to folders, and to files outside the folder, are not followed.
///
/// # Errors
/// If an input is missing, cannot be read, is damaged, or holds labels or an unknown content; if its images have another
/// size than `options.side` squared; if a folder holds no images; if two images have the same name; or if all images
/// together have more than 2^30 pixels.
///
/// ```
/// use sottovoce_dataset::{PictureOptions, read_pictures};
///
/// // An IDX file of one image of 2 x 2 pixels.
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("digit.idx");
/// std::fs::write(&file, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 9, 8, 7])?;
///
/// let pictures = read_pictures(&[&file], PictureOptions { side: 2, invert: false })?;
/// assert_eq!(pictures.image(0), [0, 9, 8, 7]);
/// assert!(pictures.names()[0].ends_with("digit.idx#0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_pictures<P: AsRef<Path>>(
    inputs: &[P],
    options: PictureOptions,
) -> Result<Pictures, PictureError> {
    let mut pictures = Pictures {
        options,
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
    if options.invert {
        pictures.pixels.iter_mut().for_each(|pixel| *pixel = u8::MAX - *pixel);
    }
    Ok(pictures)
}

impl Pictures {
    fn add_file(&mut self, file: &Path) -> Result<(), PictureError> {
        match image_file::read(file, self.options.required())? {
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
            match image_file::read(&file, self.options.required())? {
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
            return Err(PictureError::TooManyPixels { file: file.into(), max_pixels: MAX_CONTENT_BYTES });
        }
        let name = file.display();
        if is_one {
            self.names.push(name.to_string());
        } else {
            let count = pixels.len() / (self.options.side * self.options.side);
            self.names.extend((0..count).map(|position| format!("{name}#{position}")));
        }
        self.pixels.append(&mut pixels);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
