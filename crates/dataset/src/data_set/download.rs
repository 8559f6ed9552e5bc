//! Downloads MNIST from public mirrors. A file gets its final name only after its checksum was verified.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::data_set::event::DataEvent;
use crate::data_set::part::Part;
use crate::file_content;

/// Public mirrors of MNIST's four `.gz` files.
pub const MNIST_MIRRORS: [&str; 2] =
    ["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"];

/// Largest accepted download in bytes. The largest file of MNIST has 9.9 million.
const MAX_DOWNLOAD_BYTES: u64 = 64 << 20;

/// Bytes that are read at once. Progress is reported after each chunk.
const CHUNK: usize = 64 << 10;

/// Mirrors and time limits of a download of MNIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MnistDownload {
    /// Addresses of folders that hold the four `.gz` files, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// Time limit for resolving a name, for connecting, and for the first bytes of an answer, each.
    pub response_timeout: Duration,
    /// Time limit for one file.
    pub file_timeout: Duration,
}

impl Default for MnistDownload {
    /// The public mirrors, 15 seconds for a connection or an answer, 5 minutes for a file.
    fn default() -> Self {
        Self {
            mirrors: MNIST_MIRRORS.map(str::to_owned).to_vec(),
            response_timeout: Duration::from_secs(15),
            file_timeout: Duration::from_secs(300),
        }
    }
}

impl MnistDownload {
    /// Downloads the files of MNIST that are missing in `folder`. The folder is created if it does not exist.
    ///
    /// Existing files with the right checksum are kept. A download is written to `NAME.gz.partial` and renamed to
    /// `NAME.gz` after the SHA-256 of its decompressed content was verified.
    ///
    /// # Errors
    /// If an existing file has another checksum (no file is overwritten), the folder cannot be written, or no mirror
    /// serves a file with the right checksum.
    pub fn run(&self, folder: &Path, event: &mut dyn FnMut(DataEvent)) -> Result<(), DownloadError> {
        self.files(folder, Part::mnist_sha256, event)
    }

    /// Downloads files as [`Self::run`] does, with the checksums that `sha256` returns.
    fn files(
        &self,
        folder: &Path,
        sha256: impl Fn(Part) -> &'static str,
        event: &mut dyn FnMut(DataEvent),
    ) -> Result<(), DownloadError> {
        let unwritable = |source| DownloadError::Unwritable { path: folder.into(), source };
        fs::create_dir_all(folder).map_err(unwritable)?;
        let mut missing = Vec::new();
        for part in Part::ALL {
            match part.find_in(folder) {
                Some(path) => {
                    check_present(&path, sha256(part))?;
                    event(DataEvent::AlreadyPresent { file: part.file_name() });
                }
                None => missing.push(part),
            }
        }
        let mut mirrors: Vec<&str> = self.mirrors.iter().map(String::as_str).collect();
        for part in missing {
            let served_by = self.file(folder, part, sha256(part), &mirrors, event)?;
            // The mirror that worked is tried first from now on, so that a dead one costs its time limit only once.
            mirrors.rotate_left(served_by);
        }
        Ok(())
    }

    /// Downloads one file from the first of `mirrors` that serves it, and returns the index of that mirror.
    fn file(
        &self,
        folder: &Path,
        part: Part,
        sha256: &str,
        mirrors: &[&str],
        event: &mut dyn FnMut(DataEvent),
    ) -> Result<usize, DownloadError> {
        let file = part.file_name();
        let target = folder.join(part.compressed_name());
        let partial = folder.join(format!("{}.partial", part.compressed_name()));
        let mut last_reason = String::from("no mirror is named");
        for (index, mirror) in mirrors.iter().enumerate() {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), part.compressed_name());
            event(DataEvent::DownloadStarted { file, url: url.clone() });
            match self.download(&url, &partial, file, event).and_then(|bytes| {
                check_download(&partial, sha256)?;
                Ok(bytes)
            }) {
                Ok(bytes) => {
                    fs::rename(&partial, &target)
                        .map_err(|source| DownloadError::Unwritable { path: target, source })?;
                    event(DataEvent::Downloaded { file, bytes });
                    return Ok(index);
                }
                Err(failure) => {
                    // An error is ignored: the file may not exist, and the next attempt overwrites it.
                    let _ = fs::remove_file(&partial);
                    match failure {
                        Failure::Mirror(reason) => {
                            last_reason.clone_from(&reason);
                            event(DataEvent::MirrorFailed { file, url, reason });
                        }
                        Failure::Disk(source) => {
                            return Err(DownloadError::Unwritable { path: partial, source });
                        }
                    }
                }
            }
        }
        Err(DownloadError::NoMirror { file, mirrors: mirrors.len(), last_reason })
    }

    /// Downloads `url` to `partial` and returns the number of bytes.
    fn download(
        &self,
        url: &str,
        partial: &Path,
        file: &'static str,
        event: &mut dyn FnMut(DataEvent),
    ) -> Result<u64, Failure> {
        let mut config = ureq::Agent::config_builder()
            .timeout_resolve(Some(self.response_timeout))
            .timeout_connect(Some(self.response_timeout))
            .timeout_recv_response(Some(self.response_timeout))
            .timeout_global(Some(self.file_timeout));
        if on_this_machine(url) {
            // A proxy from the environment would look for the address on its own machine.
            config = config.proxy(None);
        }
        let response =
            ureq::Agent::new_with_config(config.build()).get(url).call().map_err(|e| Failure::mirror(&e))?;
        let body = response.into_body();
        let total = body.content_length();
        let mut reader = body.into_reader();
        let mut writer = File::create(partial).map_err(Failure::Disk)?;
        let mut chunk = vec![0; CHUNK];
        let mut received = 0;
        loop {
            let count = reader.read(&mut chunk).map_err(|e| Failure::mirror(&e))?;
            if count == 0 {
                break;
            }
            received += count as u64;
            if received > MAX_DOWNLOAD_BYTES {
                return Err(Failure::Mirror(format!(
                    "it serves more than the {MAX_DOWNLOAD_BYTES} bytes that are allowed"
                )));
            }
            writer.write_all(chunk.get(..count).unwrap_or_default()).map_err(Failure::Disk)?;
            event(DataEvent::DownloadAdvanced { file, received, total });
        }
        // The file is synced before it is renamed, so that a crash cannot leave an empty file with the final name.
        writer.sync_all().map_err(Failure::Disk)?;
        Ok(received)
    }
}

/// Returns whether the host of `url` is a loopback address of this machine.
fn on_this_machine(url: &str) -> bool {
    let Ok(url) = url.parse::<ureq::http::Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Cause of a failed download. After a failure of the mirror the next mirror is tried; after one of the disk it is not.
enum Failure {
    Mirror(String),
    Disk(io::Error),
}

impl Failure {
    fn mirror(error: &dyn std::error::Error) -> Self {
        Self::Mirror(error.to_string())
    }
}

fn check_download(partial: &Path, expected: &str) -> Result<(), Failure> {
    match file_content::sha256_of_file(partial) {
        Ok(found) if found == expected => Ok(()),
        Ok(found) => Err(Failure::Mirror(format!("it serves content with SHA-256 {found}, not {expected}"))),
        Err(error) => Err(Failure::Mirror(format!("it serves a damaged file: {error}"))),
    }
}

fn check_present(path: &Path, expected: &'static str) -> Result<(), DownloadError> {
    let found = file_content::sha256_of_file(path).unwrap_or_else(|error| format!("unknown ({error})"));
    if found == expected {
        return Ok(());
    }
    Err(DownloadError::Occupied { file: path.into(), found, expected })
}

/// Error of downloading MNIST.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No mirror serves a file with the right checksum.
    #[error("{file} could not be downloaded from any of {mirrors} mirrors; the last one: {last_reason}")]
    NoMirror {
        /// Canonical name of the file.
        file: &'static str,
        /// Number of mirrors that were tried.
        mirrors: usize,
        /// Failure of the last mirror.
        last_reason: String,
    },
    /// A file with another content has the name of a file of MNIST.
    #[error(
        "{file} is not a file of MNIST: the SHA-256 of its content is {found}, not {expected}; delete it \
         and download again, or download into another folder",
        file = file.display()
    )]
    Occupied {
        /// The file.
        file: PathBuf,
        /// SHA-256 of its decompressed bytes, or the reason why it is not known.
        found: String,
        /// SHA-256 of the file of MNIST.
        expected: &'static str,
    },
    /// A file or folder cannot be written.
    #[error("{path} cannot be written: {source}", path = path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
