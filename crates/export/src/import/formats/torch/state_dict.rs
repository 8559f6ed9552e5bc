//! The tensors of state dicts and checkpoints (`.pt`, `.pth`, `.bin`, `.ckpt`), as `torch.save` writes them.
//!
//! The crate `pytorch-reader` reads the pickles: it runs nothing that they name. It wants a file, so it gets a temporary copy,
//! which holds only the entries that tensors need, none compressed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;

use half::{bf16, f16};
use pytorch_reader::{DType, PytorchReader, Tensor as Entry};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive::Archive;
use crate::import::error::ImportError;
use crate::import::formats::tensor::{Tensor, decode_numbers};

/// The pickle in an archive has at most so many bytes; an opcode of one byte can make an object of a hundred.
const MOST_PICKLE: u64 = 4 << 20;

/// A tensor has at most so many bytes for each byte of the file: more than one only where a view repeats its storage.
const MOST_GROWTH: usize = 16;

/// Small files may hold views of this many bytes more.
const ALLOWANCE: usize = 1 << 20;

/// Parts of checkpoints that hold no weights of the network, by the beginning of their key.
const TRAINING: [&str; 7] =
    ["optim", "lr_scheduler", "scheduler", "scaler", "grad_scaler", "callbacks", "loops"];

/// Keys and attributes that hold a whole network: those of checkpoints, of `DataParallel` and of `torch.compile`.
const WRAPPERS: [&str; 8] =
    ["model_state_dict", "state_dict", "model_state", "model", "network", "net", "module", "_orig_mod"];

/// The tensors of a file, by the names that a user knows them by.
#[derive(Debug)]
pub struct StateDict {
    tensors: BTreeMap<String, Entry>,
    most_bytes: usize,
}

impl StateDict {
    /// The state dict in the bytes of a file. In a checkpoint, what belongs to training is left out; a key or prefix that all
    /// the other tensors have, such as `model_state_dict.` or `module.`, is taken off their names.
    ///
    /// Memory: the copy on disk is at most 16 times as large as the file and 1 MiB; a pickle takes up to 128 times its own
    /// size, which is at most 4 MiB in an archive.
    ///
    /// # Errors
    /// If the file is damaged or holds something else than a dictionary of tensors.
    pub fn open(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let uncopied = |error: &dyn Display| {
            malformed(format!("no copy of it could be made in {}: {error}", std::env::temp_dir().display()))
        };
        let mut copy = NamedTempFile::new().map_err(|error| uncopied(&error))?;
        if Archive::is_one(bytes) {
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
                let most = if name == "data.pkl" { MOST_PICKLE } else { u64::MAX };
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
        // The reader keeps the file open, so the copy may be deleted behind it.
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
        Ok(Self { tensors, most_bytes: bytes.len().saturating_mul(MOST_GROWTH).saturating_add(ALLOWANCE) })
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor in its logical order, whatever its strides are.
    ///
    /// # Errors
    /// If there is none of that name, it is damaged, or it is not of finite numbers.
    pub fn tensor(&self, name: &str, origin: &str) -> Result<Tensor, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
        let entry =
            self.tensors.get(name).ok_or_else(|| malformed(format!("there is no tensor {name:?}")))?;
        if entry.byte_len() > self.most_bytes {
            return Err(malformed(format!(
                "its shape {:?} takes {} bytes, more than {MOST_GROWTH} times the file: it repeats a few numbers, as \
                 `expand` does, which no weights do",
                entry.shape(),
                entry.byte_len()
            )));
        }
        let bytes =
            entry.read().map_err(|error| malformed(format!("it cannot be read ({})", shortened(&error))))?;
        let values = match entry.dtype() {
            DType::F16 => decode_numbers(&bytes, false, |bytes| f16::from_le_bytes(bytes).into()),
            DType::BF16 => decode_numbers(&bytes, false, |bytes| bf16::from_le_bytes(bytes).into()),
            DType::F32 => decode_numbers(&bytes, false, |bytes| f32::from_le_bytes(bytes).into()),
            DType::F64 => decode_numbers(&bytes, false, f64::from_le_bytes),
            DType::I8 => decode_numbers(&bytes, false, |bytes| i8::from_le_bytes(bytes).into()),
            DType::I16 => decode_numbers(&bytes, false, |bytes| i16::from_le_bytes(bytes).into()),
            DType::I32 => decode_numbers(&bytes, false, |bytes| i32::from_le_bytes(bytes).into()),
            DType::I64 => decode_numbers(&bytes, false, |bytes| i64::from_le_bytes(bytes) as f64),
            DType::U8 | DType::Bool => decode_numbers(&bytes, false, |bytes| u8::from_le_bytes(bytes).into()),
            DType::U16 => decode_numbers(&bytes, false, |bytes| u16::from_le_bytes(bytes).into()),
            DType::U32 => decode_numbers(&bytes, false, |bytes| u32::from_le_bytes(bytes).into()),
            DType::U64 => decode_numbers(&bytes, false, |bytes| u64::from_le_bytes(bytes) as f64),
        };
        Tensor::new(origin.to_owned(), entry.shape().to_vec(), values.map_err(malformed)?)
    }
}

/// Whether an entry of an archive is needed for its tensors.
fn is_needed(name: &str) -> bool {
    name == "data.pkl" || name == "byteorder" || name.starts_with("data/")
}

/// The tensors of the network itself, without the keys and prefixes that all of them share.
fn named(all: impl IntoIterator<Item = (String, Entry)>) -> BTreeMap<String, Entry> {
    let all: Vec<(String, Entry)> = all.into_iter().collect();
    let belongs = |(name, _): &&(String, Entry)| !TRAINING.iter().any(|part| name.starts_with(part));
    let rest: Vec<&(String, Entry)> = all.iter().filter(belongs).collect();
    // A file of an optimiser alone is shown as it is.
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

/// The length of a wrapper's prefix that all names have, with its dot.
fn shared_wrapper<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    let first = names.clone().next()?;
    let (wrapper, _) = first.split_once('.')?;
    let prefix = first.get(..wrapper.len() + 1)?;
    let shared = WRAPPERS.contains(&wrapper)
        && names.clone().all(|name| name.len() > prefix.len() && name.starts_with(prefix));
    shared.then_some(prefix.len())
}

/// The lines of Python that make a readable file.
fn how_to_save(file: &str) -> String {
    format!(
        "Python makes a file that can be read: `torch.save(model.state_dict(), \"weights.pt\")` where the model is at hand. For a \
         whole model in a file that you trust, since this runs code from it, in the program that defines its class: \
         `torch.save(torch.load({file:?}, weights_only=False).state_dict(), \"weights.pt\")`"
    )
}

/// An error in at most 200 characters: those about damaged pickles show whole objects.
fn shortened(error: &impl Display) -> String {
    let text = error.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
