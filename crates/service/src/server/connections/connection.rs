//! One open connection: what happens on it, and whether it is to be closed.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// Declares the reasons: meaning (as documentation), name, and label in the metrics.
macro_rules! close_reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident, $label:literal;)*) => {
        /// Reason for which a connection ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseReason {
            $($(#[doc = $meaning])+ $name,)*
        }

        impl CloseReason {
            /// Returns the reason's name in the metrics and in the log.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

close_reasons! {
    /// The peer ended the connection.
    Peer, "peer";
    /// The connection broke, or the peer did not follow HTTP.
    Broken, "broken";
    /// The TLS handshake failed.
    Handshake, "handshake";
    /// The TLS handshake, or the first byte of HTTP, took too long.
    Slow, "slow";
    /// The client's certificate names no client.
    Certificate, "certificate";
    /// The connection had no certificate, and its time was over.
    Anonymous, "anonymous";
    /// The connection had no verified certificate, and lost its slot to a newcomer.
    Unverified, "unverified";
    /// All slots for connections without a verified certificate were taken, and none was given up for this newcomer.
    NoSlot, "no_slot";
    /// There was no room for the connection, or its client opens connections too often.
    Refused, "refused";
    /// The connection was idle, and made room for another one.
    Room, "room";
    /// No request ran on the connection for too long.
    Idle, "idle";
    /// The connection was open for too long.
    Age, "age";
    /// The client's certificate expired or was revoked.
    CertificateEnded, "certificate_ended";
    /// An operator removed the client.
    Operator, "operator";
    /// The client abandoned too many requests.
    Resets, "resets";
    /// The client continued to send requests after many were refused.
    Requests, "requests";
    /// The client sent too many bytes outside of bodies.
    Frames, "frames";
    /// The service stopped.
    Stopping, "stopping";
}

/// State of closing a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    No,
    /// No more requests; those that run may end within the time.
    AfterRequests(CloseReason, Duration),
    Now(CloseReason),
}

impl Closing {
    fn urgency(self) -> u8 {
        match self {
            Self::No => 0,
            Self::AfterRequests(..) => 1,
            Self::Now(_) => 2,
        }
    }
}

/// An open connection, as all that observe it see it.
#[derive(Debug)]
pub struct OpenConnection {
    pub peer: SocketAddr,
    pub since: Instant,
    activity: Mutex<Activity>,
    closing: watch::Sender<Closing>,
}

#[derive(Debug)]
struct Activity {
    /// Requests that are not answered yet.
    running: usize,
    /// The last time that a request or a part of an answer passed.
    last: Instant,
}

impl OpenConnection {
    pub fn new(peer: SocketAddr, now: Instant) -> Self {
        let activity = Mutex::new(Activity { running: 0, last: now });
        Self { peer, since: now, activity, closing: watch::Sender::new(Closing::No) }
    }

    /// Notes that a request begins.
    pub fn begin_request(&self) {
        let mut activity = self.activity.lock();
        activity.running += 1;
        activity.last = Instant::now();
    }

    /// Notes that a request is answered or abandoned.
    pub fn end_request(&self) {
        let mut activity = self.activity.lock();
        activity.running = activity.running.saturating_sub(1);
        activity.last = Instant::now();
    }

    /// Notes that a part of an answer was sent. An answer that the peer does not take leaves the connection idle.
    pub fn note_progress(&self) {
        self.activity.lock().last = Instant::now();
    }

    /// Returns for how long the connection has been idle, or `None` while a request runs.
    pub fn idle_time(&self, now: Instant) -> Option<Duration> {
        let activity = self.activity.lock();
        (activity.running == 0).then(|| now.saturating_duration_since(activity.last))
    }

    /// Asks the connection's task to close it. Returns false if it was asked before, as urgently.
    pub fn close(&self, closing: Closing) -> bool {
        self.closing.send_if_modified(|present| {
            let is_more_urgent = closing.urgency() > present.urgency();
            if is_more_urgent {
                *present = closing;
            }
            is_more_urgent
        })
    }

    pub fn is_closing(&self) -> bool {
        *self.closing.borrow() != Closing::No
    }

    #[cfg(test)]
    pub fn is_closing_now(&self) -> bool {
        matches!(*self.closing.borrow(), Closing::Now(_))
    }

    /// Returns whether the connection is ending because another one needs its slot.
    pub fn is_making_room(&self) -> bool {
        matches!(*self.closing.borrow(), Closing::AfterRequests(CloseReason::Room, _))
    }

    /// Waits until the connection is to be closed at once.
    pub async fn closed_now(&self) -> CloseReason {
        let mut closing = self.closing.subscribe();
        // The sender lives as long as `self`.
        let closing = closing.wait_for(|closing| matches!(closing, Closing::Now(_))).await;
        match closing.as_deref() {
            Ok(Closing::Now(reason)) => *reason,
            _ => CloseReason::Broken,
        }
    }

    /// Waits until the connection is to be closed after its requests. Returns the reason and the time that they have.
    pub async fn closed_after_requests(&self) -> (CloseReason, Duration) {
        let mut closing = self.closing.subscribe();
        let closing = closing.wait_for(|closing| *closing != Closing::No).await;
        match closing.as_deref() {
            Ok(Closing::AfterRequests(reason, limit)) => (*reason, *limit),
            Ok(Closing::Now(reason)) => (*reason, Duration::ZERO),
            _ => (CloseReason::Broken, Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_more_urgent_closing_wins() {
        let connection = OpenConnection::new(SocketAddr::from(([127, 0, 0, 1], 1)), Instant::now());
        assert!(!connection.is_closing());
        let second = Duration::from_secs(1);
        assert!(connection.close(Closing::AfterRequests(CloseReason::Idle, second)));
        assert!(!connection.close(Closing::AfterRequests(CloseReason::Age, second)));
        assert_eq!(connection.closed_after_requests().await, (CloseReason::Idle, second));
        assert!(connection.close(Closing::Now(CloseReason::CertificateEnded)));
        assert!(!connection.close(Closing::Now(CloseReason::Age)));
        assert_eq!(connection.closed_now().await, CloseReason::CertificateEnded);
    }

    #[test]
    fn a_connection_is_idle_while_no_request_runs() {
        let start = Instant::now();
        let connection = OpenConnection::new(SocketAddr::from(([127, 0, 0, 1], 1)), start);
        let later = start + Duration::from_secs(9);
        assert_eq!(connection.idle_time(later), Some(Duration::from_secs(9)));
        connection.begin_request();
        connection.begin_request();
        connection.end_request();
        assert_eq!(connection.idle_time(later), None);
        connection.end_request();
        assert!(connection.idle_time(later).is_some());
    }

    #[test]
    fn reasons_have_different_labels() {
        let labels: std::collections::HashSet<_> =
            CloseReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), CloseReason::ALL.len());
    }
}
