//! Reading and writing of record files as CSV.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use sottovoce_network::atomic_file;

/// The reason why a record file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file could not be read or parsed. The source names the line and the field.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error, with the line.
        source: csv::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// Reads all rows of the CSV file `path`, by column name.
///
/// # Errors
/// If the file cannot be read, or a row lacks a column or has a value of another type.
pub fn read_rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordError> {
    let read = || -> Result<Vec<T>, csv::Error> { csv::Reader::from_path(path)?.deserialize().collect() };
    read().map_err(|source| RecordError::Read { path: path.to_owned(), source })
}

/// Writes `rows` to the CSV file `path`. The file is replaced only after all rows are written.
///
/// # Errors
/// If the file cannot be written.
pub fn write_rows<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), RecordError> {
    encode_rows(rows)
        .and_then(|bytes| atomic_file::write(path, &bytes))
        .map_err(|source| RecordError::Write { path: path.to_owned(), source })
}

/// Encodes `rows` as CSV with a header of column names.
///
/// # Errors
/// If a row contains a list or a structure.
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
    use crate::records::run_rows::ElapsedRow;
    use crate::records::setting_rows::{AccuracyRow, Domain};

    #[test]
    fn elapsed_times_without_transfer_seconds_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("elapsed.csv");
        let columns = "images,batches,seconds,encrypt_seconds,evaluate_seconds,decrypt_seconds,threads";
        std::fs::write(&path, format!("{columns}\n10,1,3.5,1,2,0.5,4\n")).unwrap();
        let rows: Vec<ElapsedRow> = read_rows(&path).unwrap();
        assert_eq!((rows[0].seconds, rows[0].threads, rows[0].transfer_seconds), (3.5, 4, 0.0));
        assert!(encode_rows(&rows).unwrap().starts_with(format!("{columns},transfer_seconds\n").as_bytes()));
    }

    #[test]
    fn rows_are_read_as_they_were_written_under_the_documented_columns() {
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
