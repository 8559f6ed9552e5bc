//! The registry of weights formats.
//!
//! [`FORMATS`] is the only list of formats. Recognition, reading, error texts and the program's help come from it, and a test
//! compares it with the table in `docs/import.md`. A new format is one entry here, a reader declared in `mod.rs`, and a
//! row in that table.

use std::path::Path;

use crate::import::error::ImportError;

use super::tensor::Tensor;
use super::weights_file::{FileNetwork, WeightsFile};
use super::{csv, keras, npy, npz, onnx, safetensors, torch};

/// A format of weights files.
#[derive(Debug)]
pub struct FileFormat {
    /// The program or library that the format belongs to.
    pub name: &'static str,
    /// The extensions of its files, in lower case. They identify the format.
    pub extensions: &'static [&'static str],
    /// Contents of its files, in the words of the help and of `docs/import.md`.
    pub holds: &'static str,
    /// The reader of its files.
    pub reader: Reader,
}

/// The functions that read the files of a format.
#[derive(Debug)]
pub enum Reader {
    /// A file is one array without a name.
    Array {
        /// Reads the array, or the part of it with the given name.
        read: fn(&WeightsFile<'_>, Option<&str>) -> Result<Tensor, ImportError>,
        /// False if files have no memory order, because they are text.
        has_memory_order: bool,
    },
    /// A file holds tensors by name. It may also hold a whole network.
    Tensors {
        /// Returns the names of the tensors.
        names: fn(&WeightsFile<'_>) -> Result<Vec<String>, ImportError>,
        /// Reads the tensor of a name from `names`. The last argument names the tensor in errors.
        tensor: fn(&WeightsFile<'_>, &str, &str) -> Result<Tensor, ImportError>,
        /// Reads the whole network; `None` if the file holds only tensors. The last argument is the number of rows and columns of
        /// the images, for networks that accept any size.
        network: fn(&WeightsFile<'_>, usize) -> Result<Option<FileNetwork>, ImportError>,
    },
}

/// All formats, in the order of error texts and help.
pub static FORMATS: &[FileFormat] = &[
    FileFormat {
        name: "text",
        extensions: &["csv", "txt"],
        holds: "one array",
        reader: Reader::Array { read: csv::read, has_memory_order: false },
    },
    FileFormat {
        name: "NumPy array",
        extensions: &["npy"],
        holds: "one array",
        reader: Reader::Array { read: npy::read, has_memory_order: true },
    },
    FileFormat {
        name: "NumPy archive",
        extensions: &["npz"],
        holds: "weights by name",
        reader: Reader::Tensors { names: npz::names, tensor: npz::tensor, network: no_network },
    },
    FileFormat {
        name: "safetensors",
        extensions: &["safetensors"],
        holds: "weights by name",
        reader: Reader::Tensors {
            names: safetensors::names,
            tensor: safetensors::tensor,
            network: no_network,
        },
    },
    FileFormat {
        name: "PyTorch state dict or checkpoint",
        extensions: &["pt", "pth", "bin", "ckpt"],
        holds: "weights by name",
        reader: TORCH,
    },
    FileFormat {
        name: "PyTorch exported program",
        extensions: &["pt2"],
        holds: "the network",
        reader: TORCH,
    },
    FileFormat {
        name: "Keras",
        extensions: &["keras", "h5", "hdf5"],
        holds: "the network, or weights by name",
        reader: Reader::Tensors {
            names: keras::reader::names,
            tensor: keras::reader::tensor,
            network: keras::reader::network,
        },
    },
    FileFormat {
        name: "ONNX",
        extensions: &["onnx"],
        holds: "the network",
        reader: Reader::Tensors {
            names: onnx::reader::names,
            tensor: onnx::reader::tensor,
            network: onnx::reader::network,
        },
    },
];

/// The reader of all files of PyTorch. Their contents decide whether they are state dicts or exported programs.
const TORCH: Reader = Reader::Tensors {
    names: torch::reader::names,
    tensor: torch::reader::tensor,
    network: torch::reader::network,
};

/// The reader of whole networks for formats that hold only tensors.
fn no_network(_: &WeightsFile<'_>, _: usize) -> Result<Option<FileNetwork>, ImportError> {
    Ok(None)
}

impl FileFormat {
    /// Returns the format of the file `path`, which its extension identifies.
    ///
    /// # Errors
    /// If no format has the extension.
    pub fn of(path: &Path) -> Result<&'static Self, ImportError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let extension = extension.to_lowercase();
        FORMATS
            .iter()
            .find(|format| format.extensions.contains(&extension.as_str()))
            .ok_or_else(|| ImportError::UnknownFormat { path: path.to_owned(), known: all_extensions() })
    }

    /// Returns whether the format's arrays may be stored in another order than their shape says.
    pub fn has_memory_order(&self) -> bool {
        match self.reader {
            Reader::Array { has_memory_order, .. } => has_memory_order,
            Reader::Tensors { .. } => true,
        }
    }
}

/// Returns the extensions of all formats for an error, such as ".csv, .txt".
fn all_extensions() -> String {
    let extensions = FORMATS.iter().flat_map(|format| format.extensions);
    extensions.map(|extension| format!(".{extension}")).collect::<Vec<_>>().join(", ")
}

/// Returns the paragraph of the program's help on formats: the extensions of each, and what its files hold.
///
/// ```rust
/// assert!(sottovoce_export::import::format_help().contains("\n  .onnx: the network (ONNX)"));
/// ```
#[must_use]
pub fn format_help() -> String {
    let format = |format: &FileFormat| {
        let extensions: Vec<String> =
            format.extensions.iter().map(|extension| format!(".{extension}")).collect();
        format!("\n  {}: {} ({})", extensions.join(", "), format.holds, format.name)
    };
    let formats: Vec<String> = FORMATS.iter().map(format).collect();
    format!("Formats of files, by their extension:{}", formats.concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// Extensions and the cell "holds" of every row of the table of files in `docs/import.md`, without descriptions.
    fn documented() -> Vec<(BTreeSet<String>, String)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
        let text = fs::read_to_string(path).unwrap();
        let rows = text.lines().skip_while(|line| !line.starts_with("| file |")).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|')).map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let names = cells[0].split(',').map(|name| name.trim().trim_matches('`'));
            // `.weights.h5` ends in `.h5`.
            let extensions = names.map(|name| name.rsplit('.').next().unwrap().to_owned()).collect();
            (extensions, cells[2].to_owned())
        });
        rows.filter(|(extensions, _): &(BTreeSet<String>, String)| !extensions.contains("toml")).collect()
    }

    #[test]
    fn the_document_lists_the_extensions_of_the_registry() {
        let documented: BTreeSet<String> =
            documented().into_iter().flat_map(|(extensions, _)| extensions).collect();
        let registered = FORMATS.iter().flat_map(|format| format.extensions);
        assert_eq!(documented, registered.map(|extension| (*extension).to_owned()).collect());
    }

    #[test]
    fn the_document_says_of_every_extension_what_the_registry_says() {
        for format in FORMATS {
            let said: BTreeSet<String> = documented()
                .into_iter()
                .filter(|(extensions, _)| format.extensions.iter().any(|own| extensions.contains(*own)))
                .map(|(_, holds)| holds)
                .collect();
            let expected: BTreeSet<String> = format.holds.split(", or ").map(str::to_owned).collect();
            assert_eq!(said, expected, "{}", format.name);
        }
    }

    #[test]
    fn no_extension_belongs_to_two_formats_and_each_finds_its_own() {
        let mut known = BTreeSet::new();
        for format in FORMATS {
            for extension in format.extensions {
                assert!(known.insert(*extension), "{extension} is listed twice");
                let path = format!("folder/NET.{}", extension.to_uppercase());
                assert_eq!(FileFormat::of(Path::new(&path)).unwrap().name, format.name);
            }
        }
    }

    #[test]
    fn a_file_of_an_unknown_extension_is_refused_and_never_read_as_text() {
        for name in ["net.tflite", "net", "net.csv.gz", "net.pb"] {
            let error = FileFormat::of(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains("unknown format; files can end in .csv, .txt, .npy"), "{error}");
        }
    }
}
