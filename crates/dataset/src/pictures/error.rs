//! Why images to classify cannot be read.

use std::io;
use std::path::PathBuf;

use crate::arrays::error::ArrayError;

/// Names of a folder's content that an error shows.
const NAMES_SHOWN: usize = 5;

/// Why images to classify cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// No file and no folder was named.
    #[error(
        "no images are named; PNG, JPEG and BMP files, IDX files of images (plain or .gz) and folders of them are \
         allowed"
    )]
    NoInput,
    /// There is no such file or folder.
    #[error("there is no file and no folder {path}", path = path.display())]
    Missing {
        /// What was named.
        path: PathBuf,
    },
    /// The operating system or the decompression failed.
    #[error("{path} cannot be read, it may be damaged: {source}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What failed.
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
        /// What it holds instead: the names of its files and folders.
        names: Vec<String>,
    },
    /// A file is of no known kind.
    #[error(
        "{file} {found}; a PNG file (89 50 4e 47 0d 0a 1a 0a), a JPEG file (ff d8 ff), a BMP file (42 4d) or an IDX \
         file of images (00 00 08 03, plain or gzip) is needed",
        file = file.display(),
        found = beginning(first)
    )]
    NotAnImage {
        /// The file.
        file: PathBuf,
        /// Its first bytes (decompressed, if it is a gzip file), 8 at most.
        first: Vec<u8>,
    },
    /// A file of labels was named.
    #[error(
        "{file} is an IDX file of labels (00 00 08 01); one of images (00 00 08 03) is needed",
        file = file.display()
    )]
    Labels {
        /// The file.
        file: PathBuf,
    },
    /// The images of a file have another size than the model's.
    #[error(
        "{file} has {width} x {height} pixels, needed are {side} x {side}; images are not resized",
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
        "{file} has {width} x {height} pixels, but the images of a data set are squares of 1 to {most} pixels on a \
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
        /// Pixels on a side of the largest square.
        most: u32,
    },
    /// A PNG file is not what the format demands.
    #[error("{file} is a damaged PNG file: {source}", file = file.display())]
    DamagedPng {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: PngError,
    },
    /// A JPEG or BMP file is not what the format demands.
    #[error("{file} is a damaged {format} file, or one of a kind that is not read: {source}", file = file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The format's name.
        format: &'static str,
        /// What is wrong with it.
        source: image::ImageError,
    },
    /// A file ends before its image does.
    #[error("{file} is a {format} file that is cut off", file = file.display())]
    CutOff {
        /// The file.
        file: PathBuf,
        /// The format's name.
        format: &'static str,
    },
    /// A file is far larger than its image.
    #[error(
        "{file} is a {format} file of more than {most} bytes, which are enough for {side} x {side} pixels",
        file = file.display()
    )]
    LargeFile {
        /// The file.
        file: PathBuf,
        /// The format's name.
        format: &'static str,
        /// Pixels on a side.
        side: usize,
        /// Bytes allowed.
        most: u64,
    },
    /// An IDX file is not what its header says.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// All images together are too large.
    #[error(
        "with {file}, there are more than {most} pixels in all; name fewer images at once",
        file = file.display()
    )]
    TooManyPixels {
        /// The file that is too much.
        file: PathBuf,
        /// Pixels allowed.
        most: u64,
    },
    /// Two images cannot be told apart.
    #[error("two images are called {name}; name every file once, itself or by its folder")]
    SameName {
        /// The name.
        name: String,
    },
}

/// What is wrong with a PNG file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PngError {
    /// The decoder refuses it.
    #[error(transparent)]
    Decoding(#[from] png::DecodingError),
    /// Its palette is no list of colours.
    #[error("its palette has {bytes} bytes, which are not 3 for each colour")]
    Palette {
        /// Bytes of the palette.
        bytes: usize,
    },
}

/// How a file begins, as part of a sentence.
fn beginning(first: &[u8]) -> String {
    if first.is_empty() {
        return "is empty".to_owned();
    }
    let bytes: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("begins with {}", bytes.join(" "))
}

/// What a folder holds, as part of a sentence.
fn listed(names: &[String]) -> String {
    match names {
        [] => "it is empty".to_owned(),
        _ if names.len() <= NAMES_SHOWN => format!("it holds {}", names.join(", ")),
        _ => format!("it holds {} and {} more", names[..NAMES_SHOWN].join(", "), names.len() - NAMES_SHOWN),
    }
}
