//! Reasons for which a server cannot be started.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use sottovoce_protocol::ProtocolError;

use super::key_store::KeyStoreError;
use super::served_models::ServedModelsError;

/// A server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The models cannot be served together.
    #[error(transparent)]
    ServedModels(#[from] ServedModelsError),
    /// The parameters do not allow the models.
    #[error("the models cannot be served under these parameters")]
    Models(#[from] ProtocolError),
    /// Without certificates, the address must be a loopback address.
    #[error("{address} is not a loopback address: without certificates, only this machine may be served")]
    NotLoopback {
        /// Requested address.
        address: SocketAddr,
    },
    /// Metrics are for this machine unless the operator says otherwise.
    #[error(
        "{address} is not a loopback address, but metrics have no TLS and no certificates: everybody who can reach the address \
         reads them. Use 127.0.0.1:{} and let a program on this machine pass them on, or add --public-metrics if only the \
         monitoring can reach the address", .address.port()
    )]
    PublicMetrics {
        /// Requested address.
        address: SocketAddr,
    },
    /// The system allows too few open files.
    #[error(
        "{connections} connections need {needed} open files, but the system allows {allowed}: give fewer --connections, or \
         allow more open files (`ulimit -Hn`, or LimitNOFILE of a systemd unit)"
    )]
    TooFewFiles {
        /// Maximum number of connections.
        connections: usize,
        /// Needed number of open files.
        needed: u64,
        /// Allowed number of open files.
        allowed: u64,
    },
    /// The database of registered keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The address cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Requested address.
        address: SocketAddr,
        /// Error of the network.
        source: io::Error,
    },
    /// The socket for the operator's commands cannot be made.
    #[error("cannot make the socket for the operator's commands in {folder}", folder = folder.display())]
    OperatorSocket {
        /// The state folder.
        folder: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The metrics cannot be set up.
    #[error("cannot set up the metrics")]
    Metrics(#[from] prometheus::Error),
}
