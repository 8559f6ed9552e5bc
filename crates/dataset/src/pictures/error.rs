//! Errors of reading images to classify.

use std::io;
use std::path::PathBuf;

use crate::arrays::error::ArrayError;

/// Number of names in a folder that an error shows.
const NAMES_SHOWN: usize = 5;

/// Error of reading images to classify.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// No input was named.
    #[error(
        "no images are named; PNG, JPEG and BMP files, IDX files of images (plain or .gz) and folders of them are \
         allowed"
    )]
    NoInput,
    /// The file or folder does not exist.
    #[error("there is no file and no folder {path}", path = path.display())]
    Missing {
        /// Named file or folder.
        path: PathBuf,
    },
    /// The operating system or the decompression failed.
    #[error("{path} cannot be read, it may be damaged: {source}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// A folder has no images.
    #[error(
        "{folder} has no images: files are looked for whose names end in .png, .jpg, .jpeg, .bmp, .idx, -ubyte or \
         .gz, in folders inside as well; {found}",
        folder = folder.display(),
        found = listed(names)
    )]
    NothingUsable {
        /// The folder.
        folder: PathBuf,
        /// Names of the files and folders in it.
        names: Vec<String>,
    },
    /// A file is of an unknown kind.
    #[error(
        "{file} {found}; a PNG file (89 50 4e 47 0d 0a 1a 0a), a JPEG file (ff d8 ff), a BMP file (42 4d) or an IDX \
         file of images (00 00 08 03, plain or gzip) is needed",
        file = file.display(),
        found = beginning(first)
    )]
    NotAnImage {
        /// The file.
        file: PathBuf,
        /// First 8 bytes or fewer, decompressed if the file is gzip.
        first: Vec<u8>,
    },
    /// The named file holds labels.
    #[error(
        "{file} is an IDX file of labels (00 00 08 01); one of images (00 00 08 03) is needed",
        file = file.display()
    )]
    Labels {
        /// The file.
        file: PathBuf,
    },
    /// The images of a file have another size than the model reads.
    #[error(
        "{file} has {width} x {height} pixels, but {side} x {side} are needed; images are not resized",
        file = file.display()
    )]
    WrongSize {
        /// The file.
        file: PathBuf,
        /// Pixels in a row of an image.
        width: u32,
        /// Rows of an image.
        height: u32,
        /// Pixels needed on a side.
        side: usize,
    },
    /// An image is not square, or too large.
    #[error(
        "{file} has {width} x {height} pixels, but the images of a data set are squares of 1 to {max_side} pixels on a \
         side; images are not resized",
        file = file.display()
    )]
    NotSquare {
        /// The file.
        file: PathBuf,
        /// Pixels in a row of an image.
        width: u32,
        /// Rows of an image.
        height: u32,
        /// Pixels on a side of the largest accepted square.
        max_side: u32,
    },
    /// A PNG file is damaged.
    #[error("{file} is a damaged PNG file: {source}", file = file.display())]
    DamagedPng {
        /// The file.
        file: PathBuf,
        /// Cause of the failure.
        source: PngError,
    },
    /// A JPEG or BMP file is damaged, or of a kind that is not supported.
    #[error("{file} is a damaged {format} file, or of a kind that is not supported: {source}", file = file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Name of the format.
        format: &'static str,
        /// Cause of the failure.
        source: image::ImageError,
    },
    /// A file ends within its image.
    #[error("{file} is a {format} file that is cut off", file = file.display())]
    CutOff {
        /// The file.
        file: PathBuf,
        /// Name of the format.
        format: &'static str,
    },
    /// A file is much larger than its image.
    #[error(
        "{file} is a {format} file of more than {max_bytes} bytes, which are enough for {side} x {side} pixels",
        file = file.display()
    )]
    LargeFile {
        /// The file.
        file: PathBuf,
        /// Name of the format.
        format: &'static str,
        /// Pixels on a side.
        side: usize,
        /// Largest accepted size in bytes.
        max_bytes: u64,
    },
    /// An IDX file is not valid.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// All images together have too many pixels.
    #[error(
        "with {file}, there are more than {max_pixels} pixels in all; name fewer images at once",
        file = file.display()
    )]
    TooManyPixels {
        /// First file that exceeds the limit.
        file: PathBuf,
        /// Largest accepted number of pixels.
        max_pixels: u64,
    },
    /// Two images have the same name.
    #[error("two images have the name {name}; name every file once, either itself or its folder")]
    SameName {
        /// Name of both images.
        name: String,
    },
}

/// Error of decoding a PNG file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PngError {
    /// The decoder refuses the file.
    #[error(transparent)]
    Decoding(#[from] png::DecodingError),
    /// The palette is not a list of colours.
    #[error("its palette has {bytes} bytes, which is not a multiple of 3")]
    Palette {
        /// Bytes of the palette.
        bytes: usize,
    },
}

/// Describes the first bytes of a file, as part of an error message.
fn beginning(first: &[u8]) -> String {
    if first.is_empty() {
        return "is empty".to_owned();
    }
    let bytes: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("begins with {}", bytes.join(" "))
}

/// Describes the content of a folder, as part of an error message.
fn listed(names: &[String]) -> String {
    match names.split_at_checked(NAMES_SHOWN) {
        _ if names.is_empty() => "it is empty".to_owned(),
        Some((shown, rest)) if !rest.is_empty() => {
            format!("it holds {} and {} more", shown.join(", "), rest.len())
        }
        _ => format!("it holds {}", names.join(", ")),
    }
}
