//! Files beside a model.

use std::fs;
use std::io;
use std::path::Path;

use crate::import::ImportError;

/// Reads the file `name` in the folder of `model`.
///
/// # Errors
/// If it is not there, is no plain file, or is a link to a file in another folder.
pub fn read_sibling(model: &Path, name: &str) -> Result<Vec<u8>, ImportError> {
    let folder = match model.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let path = folder.join(name);
    let failed = |source: io::Error| ImportError::Read { path: path.clone(), source };
    let refused = |reason: &str| ImportError::Malformed {
        file: model.display().to_string(),
        reason: format!("its data file {name:?} {reason}"),
    };
    let real = fs::canonicalize(&path).map_err(failed)?;
    if real.parent() != Some(&*fs::canonicalize(folder).map_err(failed)?) {
        return Err(refused(
            "is a link to another folder, which is not followed; copy the file itself beside the model",
        ));
    }
    // A pipe or device could be read without end.
    if !fs::metadata(&real).map_err(failed)?.is_file() {
        return Err(refused("is not a file"));
    }
    fs::read(&real).map_err(failed)
}
