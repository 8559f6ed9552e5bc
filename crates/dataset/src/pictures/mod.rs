//! Images to classify, from the files and folders that a user names.
//!
//! A file is a PNG, JPEG or BMP file, or an IDX file of images (plain or gzip). Its first bytes tell its kind, not its
//! name. Of a folder, the files inside and in the folders inside are read in the byte order of their names. Images are
//! not resized: a network reads images of one size, and a resized digit is not the digit that the user drew.
//!
//! The crate `png` decodes PNG files. Its checks are stricter than the ones that `image` uses of it (checksums of
//! transparency, the end of the file). The crate `image` decodes JPEG and BMP files.

pub(crate) mod error;
pub(crate) mod folder;
pub(crate) mod grey;
pub(crate) mod image_file;
pub(crate) mod jpeg_bmp_file;
pub(crate) mod png_file;
#[cfg(test)]
pub(crate) mod png_writer;
pub(crate) mod read;
