//! The folder of a service's registered keys.

#[cfg(unix)]
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sottovoce_network::access_rights::{AccessRightsError, check_private_folder, create_private_folder};

/// Name of the database of registered keys.
const DATABASE_NAME: &str = "keys.redb";

/// Names of the files that a service makes in its folder.
#[cfg(unix)]
const OWN_NAMES: [&str; 3] = [DATABASE_NAME, crate::operator::socket::SOCKET_NAME, "revoked.pem"];

/// A folder for the registered keys of one service. Only its owner has access.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFolderError {
    /// The folder cannot be read or made.
    #[error("the state folder {path} cannot be used", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// Other users have access.
    #[error(
        "other users have access to the state folder {path} (mode {mode:o}): run `chmod 700 {path}`, or name a new folder with \
         --state, which the service then makes",
        path = path.display()
    )]
    Permissions {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Other users could replace the folder.
    #[error(transparent)]
    Access(#[from] AccessRightsError),
    /// The path of the socket in the folder would be too long for the system.
    #[error(
        "the path of the state folder has {bytes} bytes, but may have at most {max_bytes}, because it holds a socket: give a shorter \
         or a relative path with --state"
    )]
    LongPath {
        /// Length of the path.
        bytes: usize,
        /// Maximum length.
        max_bytes: usize,
    },
}

impl StateFolder {
    /// Opens a folder, or makes it with access for its owner only. An existing folder to which others have access is made
    /// private if it holds only files of a service, and is refused otherwise.
    ///
    /// # Errors
    /// If the folder cannot be made, others have access to it or could replace it, or its path is too long for a socket.
    pub fn open(path: &Path) -> Result<Self, StateFolderError> {
        #[cfg(unix)]
        check_length(path)?;
        let failed = |source| StateFolderError::Folder { path: path.to_owned(), source };
        if path.exists() && !path.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        create_private_folder(path).map_err(failed)?;
        #[cfg(unix)]
        make_private(path)?;
        check_private_folder(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database of registered keys.
    pub(super) fn database_path(&self) -> PathBuf {
        database_path(&self.path)
    }
}

/// Returns the path of the database in a state folder.
pub fn database_path(folder: &Path) -> PathBuf {
    folder.join(DATABASE_NAME)
}

/// Checks that the path of the socket in a folder is not too long for the system.
#[cfg(unix)]
fn check_length(path: &Path) -> Result<(), StateFolderError> {
    use crate::operator::socket::{MAX_PATH_BYTES, SOCKET_NAME};
    let (bytes, max_bytes) = (path.as_os_str().len(), MAX_PATH_BYTES - SOCKET_NAME.len() - 1);
    if bytes > max_bytes { Err(StateFolderError::LongPath { bytes, max_bytes }) } else { Ok(()) }
}

#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StateFolderError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |source| StateFolderError::Folder { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let names: Result<Vec<_>, io::Error> =
        fs::read_dir(path).map_err(failed)?.map(|entry| Ok(entry?.file_name())).collect();
    let is_own = names.map_err(failed)?.iter().all(|name| OWN_NAMES.iter().any(|own| name == own));
    // Only the owner can change the permissions.
    if is_own && fs::set_permissions(path, fs::Permissions::from_mode(0o700)).is_ok() {
        return Ok(());
    }
    Err(StateFolderError::Permissions { path: path.to_owned(), mode })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_of_a_service_becomes_private_and_another_one_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("one/two");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(StateFolder::open(&path).unwrap().path(), path);
        assert_eq!(mode(), 0o700);
        fs::write(path.join(DATABASE_NAME), b"").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        StateFolder::open(&path).unwrap();
        assert_eq!(mode(), 0o700);
        fs::write(path.join("letters"), b"").unwrap();
        StateFolder::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = StateFolder::open(&path).unwrap_err().to_string();
        assert!(error.contains("(mode 755): run `chmod 700"), "{error}");
        assert_eq!(mode(), 0o755);
    }
}
