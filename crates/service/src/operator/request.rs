//! Requests of an operator, and their replies.

use serde::{Deserialize, Serialize};

use super::client_entry::ClientEntry;

/// A request of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase")]
pub enum OperatorRequest {
    /// List all clients with registered keys.
    List,
    /// Delete the registrations, batches and answers of the selected clients, and close their connections.
    Remove {
        /// The clients.
        client: ClientSelection,
    },
    /// Do the same for all clients whose certificates have ended, and for those that have not used their keys lately.
    Expire {
        /// Number of days without a use. `None` deletes no client for this reason.
        unused_days: Option<u32>,
    },
}

/// Selection of clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientSelection {
    /// The client with this name.
    Name(String),
    /// The client whose keys have this fingerprint, in hexadecimal.
    Keys(String),
    /// The client whose certificate has this serial number, in hexadecimal.
    Serial(String),
}

impl ClientSelection {
    /// Returns whether a client is selected.
    #[must_use]
    pub fn contains(&self, client: &ClientEntry) -> bool {
        match self {
            Self::Name(name) => client.name.as_ref() == Some(name),
            Self::Keys(keys) => client.keys.eq_ignore_ascii_case(keys),
            Self::Serial(serial) => {
                client.serial.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(serial))
            }
        }
    }
}

/// Reply to an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorReply {
    /// The listed clients, or the deleted ones as they were before.
    Clients(Vec<ClientEntry>),
    /// The request failed.
    Error(String),
}
