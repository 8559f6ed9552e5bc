//! All attacks. Each is bounded ([`Bounds`]), and every attempt has an outcome that is counted.

mod connections;
mod evaluations;
mod foreign;
mod frame_floods;
mod malformed;
mod messages;
mod nonsense;
mod registration;
mod repetition;
mod requests;
mod trickles;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::report::{AttackReport, Tally};

/// Kind of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AttackKind {
    /// Requests whose streams are reset at once, as fast as the connection takes them.
    ResetStreams,
    /// Requests without pause, 16 at a time.
    FloodRequests,
    /// Registers and deletes keys, again and again.
    ChurnKeys,
    /// Sends a batch, and deletes it while it is evaluated.
    CancelBatches,
    /// Sends different batches, and leaves all answers to the provider.
    HoardAnswers,
    /// Asks for answers, never reads them, and deletes them.
    UnreadAnswers,
    /// Connections that stay open and do nothing.
    IdleConnections,
    /// Connections that send nothing: before TLS, and after it.
    SilentConnections,
    /// Silent connections from another address than the honest clients', opened without pause.
    FloodConnections,
    /// Connections without a certificate.
    AnonymousConnections,
    /// New connections without pause.
    Reconnect,
    /// Uploads of a byte per second.
    TrickleUploads,
    /// Headers of a byte per second.
    TrickleHeaders,
    /// Handshakes of a byte per second.
    TrickleHandshakes,
    /// Asks for responses and never reads them.
    UnreadResponses,
    /// Random bytes, other protocols and damaged TLS records in place of a handshake.
    NonsenseBytes,
    /// Handshakes with other application protocols.
    WrongProtocols,
    /// Handshakes with a hundred certificates.
    ManyCertificates,
    /// Frames that break the rules of HTTP/2.
    MalformedFrames,
    /// Frames that are right and useless, as fast as the connection takes them.
    FloodFrames,
    /// Headers beyond all limits.
    HugeHeaders,
    /// Batches and keys that are damaged, cut, too long or misplaced.
    DamagedMessages,
    /// Batches that end after one byte.
    TinyBatches,
    /// Keys, batches and answers of other clients.
    ForeignPaths,
    /// Batches and keys of other clients under the attacker's own paths.
    ForeignMessages,
    /// Other keys than the certificate names: new ones, or old ones that were restored.
    OtherKeys,
    /// A revoked certificate.
    RevokedCertificate,
}

impl AttackKind {
    /// All kinds.
    pub const ALL: [Self; 27] = [
        Self::ResetStreams,
        Self::FloodRequests,
        Self::ChurnKeys,
        Self::CancelBatches,
        Self::HoardAnswers,
        Self::UnreadAnswers,
        Self::IdleConnections,
        Self::SilentConnections,
        Self::FloodConnections,
        Self::AnonymousConnections,
        Self::Reconnect,
        Self::TrickleUploads,
        Self::TrickleHeaders,
        Self::TrickleHandshakes,
        Self::UnreadResponses,
        Self::NonsenseBytes,
        Self::WrongProtocols,
        Self::ManyCertificates,
        Self::MalformedFrames,
        Self::FloodFrames,
        Self::HugeHeaders,
        Self::DamagedMessages,
        Self::TinyBatches,
        Self::ForeignPaths,
        Self::ForeignMessages,
        Self::OtherKeys,
        Self::RevokedCertificate,
    ];

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResetStreams => "reset-streams",
            Self::FloodRequests => "flood-requests",
            Self::ChurnKeys => "churn-keys",
            Self::CancelBatches => "cancel-batches",
            Self::HoardAnswers => "hoard-answers",
            Self::UnreadAnswers => "unread-answers",
            Self::IdleConnections => "idle-connections",
            Self::SilentConnections => "silent-connections",
            Self::FloodConnections => "flood-connections",
            Self::AnonymousConnections => "anonymous-connections",
            Self::Reconnect => "reconnect",
            Self::TrickleUploads => "trickle-uploads",
            Self::TrickleHeaders => "trickle-headers",
            Self::TrickleHandshakes => "trickle-handshakes",
            Self::UnreadResponses => "unread-responses",
            Self::NonsenseBytes => "nonsense-bytes",
            Self::WrongProtocols => "wrong-protocols",
            Self::ManyCertificates => "many-certificates",
            Self::MalformedFrames => "malformed-frames",
            Self::FloodFrames => "flood-frames",
            Self::HugeHeaders => "huge-headers",
            Self::DamagedMessages => "damaged-messages",
            Self::TinyBatches => "tiny-batches",
            Self::ForeignPaths => "foreign-paths",
            Self::ForeignMessages => "foreign-messages",
            Self::OtherKeys => "other-keys",
            Self::RevokedCertificate => "revoked-certificate",
        }
    }

    /// Runs the attack until it reaches a limit. Needs a Tokio runtime.
    pub async fn run(self, attacker: &Attacker, bounds: &Bounds) -> AttackReport {
        let (tally, start) = (Tally::default(), Instant::now());
        let attack = async {
            match self {
                Self::ResetStreams => requests::reset_streams(attacker, bounds, &tally).await,
                Self::FloodRequests => requests::flood_requests(attacker, bounds, &tally).await,
                Self::ChurnKeys => requests::churn_keys(attacker, bounds, &tally).await,
                Self::CancelBatches => evaluations::cancel_batches(attacker, bounds, &tally).await,
                Self::HoardAnswers => evaluations::hoard_answers(attacker, bounds, &tally).await,
                Self::UnreadAnswers => evaluations::unread_answers(attacker, bounds, &tally).await,
                Self::IdleConnections => connections::idle(attacker, bounds, &tally).await,
                Self::SilentConnections => connections::silent(attacker, bounds, &tally).await,
                Self::FloodConnections => connections::flood(attacker, bounds, &tally).await,
                Self::AnonymousConnections => connections::anonymous(attacker, bounds, &tally).await,
                Self::Reconnect => connections::reconnect(attacker, bounds, &tally).await,
                Self::TrickleUploads => trickles::uploads(attacker, bounds, &tally).await,
                Self::TrickleHeaders => trickles::headers(attacker, bounds, &tally).await,
                Self::TrickleHandshakes => trickles::handshakes(attacker, bounds, &tally).await,
                Self::UnreadResponses => trickles::unread_responses(attacker, bounds, &tally).await,
                Self::NonsenseBytes => nonsense::bytes(attacker, bounds, &tally).await,
                Self::WrongProtocols => nonsense::wrong_protocols(attacker, bounds, &tally).await,
                Self::ManyCertificates => connections::many_certificates(attacker, bounds, &tally).await,
                Self::MalformedFrames => malformed::frames(attacker, bounds, &tally).await,
                Self::FloodFrames => frame_floods::flood(attacker, bounds, &tally).await,
                Self::HugeHeaders => malformed::huge_headers(attacker, bounds, &tally).await,
                Self::DamagedMessages => messages::damaged(attacker, bounds, &tally).await,
                Self::TinyBatches => messages::tiny_batches(attacker, bounds, &tally).await,
                Self::ForeignPaths => foreign::paths(attacker, bounds, &tally).await,
                Self::ForeignMessages => foreign::messages(attacker, bounds, &tally).await,
                Self::OtherKeys => foreign::other_keys(attacker, bounds, &tally).await,
                Self::RevokedCertificate => foreign::revoked_certificate(attacker, bounds, &tally).await,
            }
        };
        // An attempt that waits for the provider must not outlast the limits.
        let _ = tokio::time::timeout_at(bounds.end(), attack).await;
        tally.finish(self.name(), start.elapsed().as_secs_f64())
    }

    /// Runs the attack in a runtime of its own, and waits for it.
    ///
    /// # Errors
    /// If no runtime can be started.
    pub fn run_blocking(self, attacker: &Attacker, bounds: &Bounds) -> std::io::Result<AttackReport> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(self.run(attacker, bounds)))
    }
}
