//! The socket at which a running service answers its operator. The state folder's permissions decide who the operator is.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::listener::ACCEPT_PAUSE;
use super::operator_commands::answer_operator;
use super::state::ServerState;
use crate::operator::request::OperatorReply;
use crate::operator::socket::{MAX_REQUEST_BYTES, SOCKET_NAME};

/// Maximum number of requests at a time.
const MAX_REQUESTS: usize = 4;

/// Time for a request to arrive, and for its reply to be taken.
const MAX_TRANSFER: Duration = Duration::from_secs(10);

/// A bound socket. It is deleted when this value is dropped.
pub struct OperatorSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl OperatorSocket {
    /// Binds the socket in a state folder whose database this process has locked. A socket that a killed service left behind is
    /// replaced.
    pub fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET_NAME);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is no socket")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Nobody else can reach the socket before its mode is set, because the folder is private.
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers operators. Does not end.
    pub async fn serve(self, state: Arc<ServerState>) {
        let permits = Arc::new(Semaphore::new(MAX_REQUESTS));
        loop {
            let permit = permits.clone().acquire_owned().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let state = state.clone();
                    tokio::spawn(async move {
                        if let Err(error) = answer(state, stream).await {
                            debug!(%error, "an operator's request broke");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    // The likely reason is too many open files, which a pause can mend.
                    if state.log_limiter.allows("operator") {
                        warn!(%error, "cannot accept an operator's request");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Drop for OperatorSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[expect(clippy::disallowed_methods, reason = "the permit of the request is held until the work has ended")]
async fn answer(state: Arc<ServerState>, mut stream: UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = Vec::new();
    timeout(MAX_TRANSFER, BufReader::new(reader.take(MAX_REQUEST_BYTES)).read_until(b'\n', &mut line))
        .await??;
    let reply = match serde_json::from_slice(&line) {
        Ok(request) => tokio::task::spawn_blocking(move || answer_operator(&state, &request)).await?,
        Err(error) => {
            OperatorReply::Error(format!("the request is not of this version of the program: {error}"))
        }
    };
    timeout(MAX_TRANSFER, writer.write_all(&serde_json::to_vec(&reply)?)).await??;
    writer.shutdown().await
}
