//! The tensors of state dicts and checkpoints (`.pt`, `.pth`, `.bin`, `.ckpt`), as `torch.save` writes them.
//!
//! The crate `pytorch-reader` reads the pickles without running code of them. It needs a file, so it gets a temporary
//! copy, which only holds the entries of tensors, without compression.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;

use pytorch_reader::{DType, PytorchReader, Tensor as Entry};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive::Archive;
use crate::import::error::ImportError;
use crate::import::formats::numbers::{ByteOrder, NumberType};
use crate::import::formats::tensor::Tensor;

/// Largest size of the pickle in an archive, in bytes. An opcode of one byte can make an object of a hundred bytes.
const MAX_PICKLE: u64 = 4 << 20;

/// Largest size of a tensor, as a multiple of the file's size. It is above 1 because a view may repeat its storage.
const MAX_GROWTH: usize = 16;

/// Bytes that a tensor may have in addition, for views in small files.
const EXTRA_BYTES: usize = 1 << 20;

/// Beginnings of the keys of checkpoints that hold no weights of the network.
const TRAINING: [&str; 7] =
    ["optim", "lr_scheduler", "scheduler", "scaler", "grad_scaler", "callbacks", "loops"];

/// Keys and attributes that contain a whole network: those of checkpoints, of `DataParallel` and of `torch.compile`.
const WRAPPERS: [&str; 8] =
    ["model_state_dict", "state_dict", "model_state", "model", "network", "net", "module", "_orig_mod"];

/// The tensors of a file, by the names that users know.
#[derive(Debug)]
pub struct StateDict {
    tensors: BTreeMap<String, Entry>,
    most_bytes: usize,
}

impl StateDict {
    /// Opens the state dict in the bytes of a file. It leaves out the tensors of training in a checkpoint, and
    /// removes a key or prefix that all other tensors share, such as `model_state_dict.` or `module.`.
    ///
    /// Memory: the copy on disk is at most 16 times as large as the file and 1 MiB. A pickle takes up to 128 times
    /// its own size, which is at most 4 MiB in an archive.
    ///
    /// # Errors
    /// If the file is damaged or holds something else than a dictionary of tensors.
    pub fn open(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let uncopied = |error: &dyn Display| {
            malformed(format!("it cannot be copied to {}: {error}", std::env::temp_dir().display()))
        };
        let mut copy = NamedTempFile::new().map_err(|error| uncopied(&error))?;
        if Archive::is_archive(bytes) {
            let mut archive = Archive::open(file, bytes)?;
            if archive.contains("constants.pkl") {
                return Err(malformed(format!(
                    "it is a TorchScript archive, whose tensors cannot be read here; Python makes a file that can: \
                     `torch.save(torch.jit.load({file:?}).state_dict(), \"weights.pt\")`"
                )));
            }
            if !archive.contains("data.pkl") {
                return Err(malformed(format!(
                    "it is a ZIP archive that `torch.save` did not write: it has no entry data.pkl; {}",
                    how_to_save(file)
                )));
            }
            let names = archive.names().filter(|name| is_needed(name)).map(str::to_owned);
            let names: Vec<String> = names.collect();
            let mut writer = ZipWriter::new(copy.as_file_mut());
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            for name in names {
                let most = if name == "data.pkl" { MAX_PICKLE } else { u64::MAX };
                let unpacked = archive.read(&name, most)?;
                writer.start_file(format!("archive/{name}"), options).map_err(|error| uncopied(&error))?;
                writer.write_all(&unpacked).map_err(|error| uncopied(&error))?;
            }
            writer.finish().map_err(|error| uncopied(&error))?;
        } else if bytes.get(257..262) == Some(b"ustar") {
            // A sparse member of a TAR archive can claim any size.
            return Err(malformed(format!(
                "it was written by PyTorch before 0.1.10, whose files cannot be read here; {}",
                how_to_save(file)
            )));
        } else {
            copy.write_all(bytes).map_err(|error| uncopied(&error))?;
        }
        copy.flush().map_err(|error| uncopied(&error))?;
        // The reader keeps the file open, so the copy may be deleted at the end of this function.
        let reader = PytorchReader::new(copy.path()).map_err(|error| {
            malformed(format!(
                "it cannot be read as a state dict ({}); {}",
                shortened(&error),
                how_to_save(file)
            ))
        })?;
        let tensors = named(reader.into_tensors());
        if tensors.is_empty() {
            return Err(malformed(format!("it holds no tensors; {}", how_to_save(file))));
        }
        Ok(Self { tensors, most_bytes: bytes.len().saturating_mul(MAX_GROWTH).saturating_add(EXTRA_BYTES) })
    }

    /// Returns the tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Reads a tensor in its logical order, for any strides.
    ///
    /// # Errors
    /// If there is no such tensor, it is damaged, or it holds a value that is not a finite number.
    pub fn tensor(&self, name: &str, origin: &str) -> Result<Tensor, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
        let entry =
            self.tensors.get(name).ok_or_else(|| malformed(format!("there is no tensor {name:?}")))?;
        if entry.byte_len() > self.most_bytes {
            return Err(malformed(format!(
                "its shape {:?} takes {} bytes, more than {MAX_GROWTH} times the file: it repeats a few numbers, as \
                 `expand` does, which no weights do",
                entry.shape(),
                entry.byte_len()
            )));
        }
        let bytes =
            entry.read().map_err(|error| malformed(format!("it cannot be read ({})", shortened(&error))))?;
        let number = match entry.dtype() {
            DType::F16 => NumberType::F16,
            DType::BF16 => NumberType::Bf16,
            DType::F32 => NumberType::F32,
            DType::F64 => NumberType::F64,
            DType::I8 => NumberType::I8,
            DType::I16 => NumberType::I16,
            DType::I32 => NumberType::I32,
            DType::I64 => NumberType::I64,
            DType::U8 | DType::Bool => NumberType::U8,
            DType::U16 => NumberType::U16,
            DType::U32 => NumberType::U32,
            DType::U64 => NumberType::U64,
        };
        let values = number.decode(&bytes, ByteOrder::LittleEndian).map_err(malformed)?;
        Tensor::new(origin.to_owned(), entry.shape().to_vec(), values)
    }
}

/// Returns whether an entry of an archive is needed for its tensors.
fn is_needed(name: &str) -> bool {
    name == "data.pkl" || name == "byteorder" || name.starts_with("data/")
}

/// Returns the tensors of the network, without the keys and prefixes that all of them share.
fn named(all: impl IntoIterator<Item = (String, Entry)>) -> BTreeMap<String, Entry> {
    let all: Vec<(String, Entry)> = all.into_iter().collect();
    let belongs = |(name, _): &&(String, Entry)| !TRAINING.iter().any(|part| name.starts_with(part));
    let rest: Vec<&(String, Entry)> = all.iter().filter(belongs).collect();
    // A file of only an optimiser is shown unchanged.
    let kept = if rest.is_empty() { all.iter().collect() } else { rest };
    let mut skipped = 0;
    while let Some(length) =
        shared_wrapper(kept.iter().map(|(name, _)| name.get(skipped..).unwrap_or_default()))
    {
        skipped += length;
    }
    kept.into_iter()
        .map(|(name, entry)| (name.get(skipped..).unwrap_or_default().to_owned(), entry.clone()))
        .collect()
}

/// Returns the length of a wrapper's prefix that all names share, with its dot.
fn shared_wrapper<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    let first = names.clone().next()?;
    let (wrapper, _) = first.split_once('.')?;
    let prefix = first.get(..wrapper.len() + 1)?;
    let shared = WRAPPERS.contains(&wrapper)
        && names.clone().all(|name| name.len() > prefix.len() && name.starts_with(prefix));
    shared.then_some(prefix.len())
}

/// Returns the Python code that makes a readable file.
fn how_to_save(file: &str) -> String {
    format!(
        "Python makes a file that can be read: `torch.save(model.state_dict(), \"weights.pt\")` in the program of the model. For a \
         whole model in a file that you trust (this runs code from it), in the program that defines its class: \
         `torch.save(torch.load({file:?}, weights_only=False).state_dict(), \"weights.pt\")`"
    )
}

/// Returns an error in at most 200 characters, because errors about damaged pickles show whole objects.
fn shortened(error: &impl Display) -> String {
    let text = error.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
