//! The rows of a run's CSV files. Columns are stable: scripts and charts read them by name.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sottovoce_network::atomic_file;

pub use crate::noise_row::NoiseRow;

/// Where an accuracy was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// The trained network in floating point, before quantisation of weights, biases and pixels.
    Float,
    /// The exported integer network in plain integers: the oracle.
    Integer,
    /// The decrypted answers of the encrypted evaluation.
    Encrypted,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Encrypted => "encrypted",
        })
    }
}

/// One row of `accuracy.csv`: one voter of one setting in one domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRow {
    /// Split method: `regular`, `likewise`, `random`, or the groups such as `0.1.2-3.4.5-6.7.8.9`.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Lower end of the range of majority shares, as a fraction.
    pub share_low: f64,
    /// Upper end of the range of majority shares, as a fraction.
    pub share_high: f64,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, `member-2`, ... or `ensemble`.
    pub voter: String,
    /// Test images classified.
    pub images: usize,
    /// Test images classified correctly.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
    /// Where the accuracy was measured.
    pub domain: Domain,
    /// Decrypted logits that differ from the integer oracle, over every image and class;
    /// empty where nothing was decrypted.
    pub mismatches: Option<u64>,
}

/// One row of `layers.csv`: wall-clock seconds of one layer for one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// `member-1`, ... or `ensemble` for what the members share.
    pub voter: String,
    /// Number of the batch, from 1.
    pub batch: usize,
    /// The layer's name as in the paper's Table 3 (`EncryptedLayer`, `ConverLayer1`,
    /// `ActivationLayer2`, `DenseLayer3`, `ActivationLayer4`, `DenseLayer5`), or `EnsembleSum`,
    /// `Decryption`, which the paper does not list.
    pub layer: String,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Worker threads.
    pub threads: usize,
}

/// One row of `validation.csv`: one voter of one setting on the training images that nobody trained on, in integers.
/// Whatever is chosen by looking at accuracy is chosen by these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidationRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ... or `ensemble`.
    pub voter: String,
    /// Held-out images classified.
    pub images: usize,
    /// Held-out images classified correctly.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
}

/// One row of `recall.csv`: the test images of one label, under encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ... or `ensemble`.
    pub voter: String,
    /// The label.
    pub label: u8,
    /// Test images with the label.
    pub images: usize,
    /// Those classified correctly.
    pub correct: usize,
}

/// One row of `pairs.csv`: the ensemble against one member on the same test images, under encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ...
    pub member: String,
    /// Test images that both classified correctly.
    pub both: usize,
    /// Test images that the ensemble alone classified correctly.
    pub ensemble_only: usize,
    /// Test images that the member alone classified correctly.
    pub member_only: usize,
    /// Test images that neither classified correctly.
    pub neither: usize,
}

/// One row of `labels.csv`: what a member trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRow {
    /// Split method.
    pub split: String,
    /// Number of the setting within its split method, from 1.
    pub setting: usize,
    /// Seed of the setting's split and training.
    pub seed: u64,
    /// `member-1`, ...
    pub member: String,
    /// The label.
    pub label: u8,
    /// Training images of the member with that label.
    pub images: usize,
}

/// One row of `elapsed.csv`: so many images from pixels to predictions: encryption, the messages' way to
/// the provider, and decryption included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElapsedRow {
    /// Images classified.
    pub images: usize,
    /// Batches they made.
    pub batches: usize,
    /// Wall-clock seconds of all steps together.
    pub seconds: f64,
    /// Seconds spent on encryption.
    pub encrypt_seconds: f64,
    /// Seconds spent on the provider's work.
    pub evaluate_seconds: f64,
    /// Seconds spent on decryption.
    pub decrypt_seconds: f64,
    /// Worker threads.
    pub threads: usize,
    /// Seconds spent on writing and reading the batches' messages; 0 in records that are older than these messages.
    #[serde(default)]
    pub transfer_seconds: f64,
}

/// One row of `bits.csv`: an ensemble trained for a logit range, under encryption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BitsRow {
    /// Bits that training aimed at.
    pub logit_bits: u32,
    /// Bits of the plaintext modulus that the ensemble needed.
    pub plaintext_bits: u32,
    /// Seed of split and training.
    pub seed: u64,
    /// `member-1`, ... or `ensemble`.
    pub voter: String,
    /// Test images classified.
    pub images: usize,
    /// Test images classified correctly.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
    /// Decrypted logits that differ from the integer oracle.
    pub mismatches: u64,
}

/// One row of `sizes.csv`: what travels between client and provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRow {
    /// `upload` (an encrypted batch) or `answer` (the ensemble's encrypted logits).
    pub message: String,
    /// Ciphertexts in it.
    pub ciphertexts: usize,
    /// Slots of a ciphertext: the most images that the message is for.
    pub slots: usize,
    /// Bytes of the message.
    pub bytes: usize,
}

/// A record file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file could not be read or parsed; the source names line and field.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        source: csv::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Reads all rows of the CSV file `path`, by column name.
pub fn read_rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordError> {
    let read = || -> Result<Vec<T>, csv::Error> { csv::Reader::from_path(path)?.deserialize().collect() };
    read().map_err(|source| RecordError::Read { path: path.to_owned(), source })
}

/// Writes `rows` to the CSV file `path`, whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write_rows<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), RecordError> {
    encode_rows(rows)
        .and_then(|bytes| atomic_file::write(path, &bytes))
        .map_err(|source| RecordError::Write { path: path.to_owned(), source })
}

/// `rows` as CSV with a header.
///
/// # Errors
/// If a row is not flat.
pub fn encode_rows<T: Serialize>(rows: &[T]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(io::Error::other)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_times_of_before_there_were_messages_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("elapsed.csv");
        let columns = "images,batches,seconds,encrypt_seconds,evaluate_seconds,decrypt_seconds,threads";
        std::fs::write(&path, format!("{columns}\n10,1,3.5,1,2,0.5,4\n")).unwrap();
        let rows: Vec<ElapsedRow> = read_rows(&path).unwrap();
        assert_eq!((rows[0].seconds, rows[0].threads, rows[0].transfer_seconds), (3.5, 4, 0.0));
        assert!(encode_rows(&rows).unwrap().starts_with(format!("{columns},transfer_seconds\n").as_bytes()));
    }

    #[test]
    fn rows_come_back_as_they_were_written_under_the_documented_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accuracy.csv");
        let row = AccuracyRow {
            split: "regular".into(),
            setting: 2,
            share_low: 0.6,
            share_high: 0.7,
            seed: 1,
            voter: "ensemble".into(),
            images: 10_000,
            correct: 9_876,
            accuracy: 0.9876,
            domain: Domain::Encrypted,
            mismatches: Some(0),
        };
        let rows = [row.clone(), AccuracyRow { domain: Domain::Float, mismatches: None, ..row }];
        write_rows(&path, &rows).unwrap();
        assert_eq!(read_rows::<AccuracyRow>(&path).unwrap(), rows);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "split,setting,share_low,share_high,seed,voter,images,correct,accuracy,domain,mismatches\n\
             regular,2,0.6,0.7,1,ensemble,10000,9876,0.9876,encrypted,0\n\
             regular,2,0.6,0.7,1,ensemble,10000,9876,0.9876,float,\n"
        );
    }
}
