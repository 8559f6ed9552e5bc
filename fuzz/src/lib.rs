//! The calls that fuzz targets have in common.

mod zip_checksums;

use std::path::Path;

use sottovoce_export::import::WeightFiles;

pub use zip_checksums::correct_checksums;

/// Rows and columns of the images, in pixels, that networks of any size are read for. The seeds are networks of such images.
const IMAGE_SIDE: usize = 12;

/// Reads a file's network and its tensors, as `sottovoce import` does. The name's ending chooses the reader.
///
/// The checksums of ZIP archives are corrected before, so that what lies behind that check is tried too.
/// The file is in memory, and its folder does not exist, so no file beside it can be found.
pub fn read_weights(name: &str, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    correct_checksums(&mut bytes);
    let mut files = WeightFiles::new(Path::new("/nonexistent"), IMAGE_SIDE).with_file(name, bytes);
    let _ = files.network(name);
    if files.tensors(name).is_err() {
        // A file of one tensor without a name.
        let _ = files.tensor(None, name);
    }
}
