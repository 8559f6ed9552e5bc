//! The connection of an operator's command to a running service: a Unix socket in the service's state folder. The command sends
//! one line of JSON and reads one JSON value until the end.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::request::{OperatorReply, OperatorRequest};

/// Name of the socket in the state folder.
pub(crate) const SOCKET_NAME: &str = "operator.sock";

/// Maximum length of a request in bytes.
pub(crate) const MAX_REQUEST_BYTES: u64 = 4096;

/// Time that a service has for its reply. Deleting thousands of registrations takes minutes on a slow disk.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Maximum length of the path of a Unix socket in bytes, on the systems with the smallest one.
pub(crate) const MAX_PATH_BYTES: usize = 103;

/// A running service cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The socket cannot be used.
    #[error("cannot ask the service at {path}", path = path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The user has no right to use the socket.
    #[error(
        "you may not ask the service at {path}: run this as the service's user or as root",
        path = path.display()
    )]
    Permission {
        /// The socket.
        path: PathBuf,
    },
    /// The reply is not the JSON of this version.
    #[error(
        "the service at {path} sent an unexpected reply: it may be of another version than this program",
        path = path.display()
    )]
    Reply {
        /// The socket.
        path: PathBuf,
        /// Error of the parser.
        source: serde_json::Error,
    },
}

/// Sends a request to the service with this state folder. Returns `None` if no service answers there.
///
/// # Errors
/// If the socket cannot be used, or the reply cannot be read.
pub fn ask_running_service(
    state: &Path,
    request: &OperatorRequest,
) -> Result<Option<OperatorReply>, OperatorError> {
    let path = state.join(SOCKET_NAME);
    let failed = |source| OperatorError::Socket { path: path.clone(), source };
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        // A service that was killed leaves its socket behind.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(OperatorError::Permission { path });
        }
        Err(error) => return Err(failed(error)),
    };
    stream.set_read_timeout(Some(MAX_WAIT)).map_err(failed)?;
    let unreadable = |source| OperatorError::Reply { path: path.clone(), source };
    let line = serde_json::to_vec(request).map_err(unreadable)?;
    stream.write_all(&line).and_then(|()| stream.write_all(b"\n")).map_err(failed)?;
    stream.shutdown(Shutdown::Write).map_err(failed)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).map_err(failed)?;
    serde_json::from_slice(&reply).map(Some).map_err(unreadable)
}
