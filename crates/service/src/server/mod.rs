//! The provider as a server: HTTP/2 over TLS, for clients with certificates of an authority (paper, Section 4).
//!
//! Clients register their keys, send batches and fetch answers. `docs/protocol.md` lists the resources. [`Limits`] bounds
//! everything that a client can make the server store or do: batches in memory and in the queue, keys on disk, answers,
//! connections, and the time of every step. A client can send every request again without changing its result.
//!
//! | module | holds |
//! | --- | --- |
//! | `server`, `server_error` | start and end of the service, and why it cannot start |
//! | `listener` | how connections begin, are served and end |
//! | `connections` | the open connections: maxima, idle and old ones, budgets of requests |
//! | `handshake_work` | the threads on which TLS handshakes compute |
//! | `metrics_listener` | connections to health and metrics |
//! | `access` | which clients may use which keys |
//! | `routes` | resources and their handlers |
//! | `refusal` | every reason to refuse a request, with its status |
//! | `state` | what all handlers share |
//! | `served_models` | the models, which can be replaced while the service runs |
//! | `blocking_work` | work on blocking threads, with a limit for each client |
//! | `upload`, `upload_progress` | the body of a request, with limits of time and a least rate |
//! | `upload_slot` | the slot of a batch that is being received |
//! | `batches`, `batch_name`, `progress` | the batches from upload to answer |
//! | `evaluation_times` | how long batched and packed evaluations take |
//! | `waiting_clients`, `fair_queue`, `answer_share` | each client's share of slots, evaluations and answers |
//! | `worker` | the thread that evaluates |
//! | `answer_body` | the body of a response that carries an answer |
//! | `client_keys`, `key_locks`, `registration_slots` | clients' keys as they arrive and are deleted |
//! | `key_store`, `registration` | registered keys on disk, and what is noted of them |
//! | `state_folder` | the folder of the registered keys |
//! | `operator_commands`, `operator_socket` | what an operator asks on the service's own machine |
//! | `maintenance` | registrations that are deleted because their certificates have ended |
//! | `limits`, `metrics` | limits, and counters |
//! | `memory_bound` | the memory that all of this can need |
//! | `log_limiter` | how often the log says the same |
//! | `open_files` | the system's limit of open files |

mod access;
mod answer_body;
mod answer_share;
mod batch_name;
mod batches;
mod blocking_work;
mod client_keys;
mod connections;
mod evaluation_times;
mod fair_queue;
mod handshake_work;
mod key_locks;
mod key_store;
mod limits;
mod listener;
mod log_limiter;
mod maintenance;
mod memory_bound;
mod metrics;
mod metrics_listener;
mod open_files;
mod operator_commands;
#[cfg(unix)]
mod operator_socket;
mod progress;
mod refusal;
mod registration;
mod registration_slots;
mod routes;
mod served_models;
#[expect(clippy::module_inception, reason = "the file holds the type `Server`")]
mod server;
mod server_error;
mod state;
mod state_folder;
mod upload;
mod upload_progress;
mod upload_slot;
mod waiting_clients;
mod worker;

pub use access::AccessPolicy;
pub use key_store::KeyStoreError;
pub use limits::Limits;
pub use memory_bound::{MemoryBound, ServedSizes};
pub use operator_commands::{StoppedService, StoppedServiceError};
pub use served_models::{Providers, ServedModelsError};
pub use server::{Server, bind_metrics};
pub use server_error::ServerError;
pub use state_folder::{StateFolder, StateFolderError};
