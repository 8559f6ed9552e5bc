//! All open connections of a listener, by client.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sottovoce_protocol::Fingerprint;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::admission::{SlotDecision, UnverifiedConnection, decide, network};
use super::budget::RequestBudget;
use super::connection::{CloseReason, Closing, OpenConnection};
use super::promotion::{Room, find_room};
use crate::server::refusal::Refusal;
use crate::tls::identity::{ClientIdentity, IdentityError};

/// Time for which a connection beyond its client's rate is kept before it is refused, so that a client that reconnects without a
/// pause is slowed down.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// Time that an idle connection has to end.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// Limits on connections.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Maximum number of connections without a verified certificate. As many that have lost their slots may not have ended yet.
    pub unverified: usize,
    /// Maximum number of the other ones.
    pub verified: usize,
    /// Maximum number of connections of one client.
    pub per_client: usize,
    /// Time without a request after which a connection is closed.
    pub idle: Duration,
    /// Time after which a connection takes no more requests.
    pub age: Duration,
    /// Time that running requests have then.
    pub finish: Duration,
    /// Maximum number of requests per second of one client. Five times as many may come at once.
    pub requests_per_second: u32,
}

/// The peer of a connection that is no longer unverified.
#[derive(Debug, Clone)]
pub enum Owner {
    /// A program on this machine, without certificates.
    Local,
    /// A client with a certificate.
    Client(Arc<ClientIdentity>),
}

/// All open connections of a listener.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    inner: Mutex<Inner>,
    /// Notified when a connection has ended.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    entries: HashMap<u64, Entry>,
    clients: HashMap<Fingerprint, ClientRecord>,
    /// Budgets of peers without a certificate, by their networks, until they are full again.
    networks: HashMap<IpAddr, Arc<RequestBudget>>,
}

#[derive(Debug)]
struct Entry {
    connection: Arc<OpenConnection>,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    Unverified,
    /// A client that has shown no certificate. It counts as unverified.
    Anonymous,
    /// A connection that was closed for a newcomer and has not ended yet.
    Replaced,
    Verified(Owner),
}

/// Last certificate and budget of a client.
#[derive(Debug)]
struct ClientRecord {
    /// The certificate that it used last.
    identity: Arc<ClientIdentity>,
    budget: Arc<RequestBudget>,
}

/// A connection's slot, which is free when this value is dropped.
#[derive(Debug)]
pub struct ConnectionSlot {
    connections: Arc<Connections>,
    id: u64,
    pub connection: Arc<OpenConnection>,
}

/// A certificate that is no longer accepted while its client is connected or has batches.
#[derive(Debug)]
pub struct EndedCertificate {
    pub identity: Arc<ClientIdentity>,
    pub reason: IdentityError,
    /// Number of connections that were closed.
    pub closed: usize,
    /// The certificate has expired or is revoked, and no other certificate of the client is known: its batches must be deleted.
    pub is_last: bool,
}

/// Numbers of connections.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    pub unverified: usize,
    pub anonymous: usize,
    pub local: usize,
    pub client: usize,
}

impl Connections {
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, inner: Mutex::default(), freed: Notify::new() }
    }

    /// Gives a new connection a slot among the unverified ones, or returns `None`. Decides at once: if no slot is free, another
    /// connection is closed, or the new one gets none ([`decide`]).
    pub fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<ConnectionSlot> {
        let admitted = self.inner.lock().admit(peer, self.limits.unverified, Instant::now());
        admitted.map(|(id, connection)| ConnectionSlot { connections: self.clone(), id, connection })
    }

    /// Returns the budget that all peers without a certificate in the network of `peer` share. Other connections give them no
    /// other one.
    pub fn budget_of_network(&self, peer: IpAddr) -> Arc<RequestBudget> {
        let new = || Arc::new(RequestBudget::new(self.limits.requests_per_second, Instant::now()));
        self.inner.lock().networks.entry(network(peer)).or_insert_with(new).clone()
    }

    /// Closes connections that are idle or old, and all connections whose certificate `check` refuses.
    /// Forgets clients without connections once they have no batches and have their whole budget.
    pub fn sweep(
        &self,
        check: impl Fn(&ClientIdentity) -> Result<(), IdentityError>,
        has_batches: impl Fn(Fingerprint) -> bool,
    ) -> Vec<EndedCertificate> {
        let now = Instant::now();
        let identities = self.inner.lock().identities();
        let refused = identities.into_iter().filter_map(|identity| Some((check(&identity).err()?, identity)));
        let refused: Vec<(IdentityError, Arc<ClientIdentity>)> = refused.collect();
        let mut inner = self.inner.lock();
        let refused = refused.into_iter();
        let ended =
            refused.filter_map(|(reason, identity)| inner.end_certificate(identity, reason)).collect();
        inner.close_idle_and_old(&self.limits, now);
        let connected: HashSet<Fingerprint> =
            inner.entries.values().filter_map(|entry| entry.holder.keys()).collect();
        inner.clients.retain(|keys, record| {
            connected.contains(keys) || !record.budget.is_full(now) || has_batches(*keys)
        });
        inner.networks.retain(|_, budget| !budget.is_full(now) || Arc::strong_count(budget) > 1);
        ended
    }

    /// Asks all connections to end after their requests, within `limit`, and waits for them.
    pub async fn close_all(&self, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            {
                let inner = self.inner.lock();
                if inner.entries.is_empty() {
                    return;
                }
                for entry in inner.entries.values() {
                    entry.connection.close(Closing::AfterRequests(CloseReason::Stopping, limit));
                }
            }
            if tokio::time::timeout_at(end, freed).await.is_err() {
                return;
            }
        }
    }

    /// Closes all connections of a client at once.
    pub fn close_of_client(&self, keys: Fingerprint) {
        for entry in self.inner.lock().entries.values() {
            if entry.holder.may_use(keys) {
                entry.connection.close(Closing::Now(CloseReason::Operator));
            }
        }
    }

    /// Returns the number of a client's connections.
    pub fn count_of_client(&self, keys: Fingerprint) -> usize {
        self.inner.lock().entries.values().filter(|entry| entry.holder.may_use(keys)).count()
    }

    pub fn counts(&self) -> ConnectionCounts {
        let mut counts = ConnectionCounts::default();
        for entry in self.inner.lock().entries.values() {
            *match entry.holder {
                Holder::Replaced => continue,
                Holder::Unverified => &mut counts.unverified,
                Holder::Anonymous => &mut counts.anonymous,
                Holder::Verified(Owner::Local) => &mut counts.local,
                Holder::Verified(Owner::Client(_)) => &mut counts.client,
            } += 1;
        }
        counts
    }
}

impl ConnectionSlot {
    /// Notes that the peer has shown no certificate and may read public resources.
    pub fn note_anonymous(&self) {
        if let Some(entry) = self.connections.inner.lock().entries.get_mut(&self.id)
            && matches!(entry.holder, Holder::Unverified)
        {
            entry.holder = Holder::Anonymous;
        }
    }

    /// Moves the connection to the verified ones. If its owner has its maximum, or all slots are taken, an idle connection is
    /// closed first. Returns the owner's budget.
    ///
    /// # Errors
    /// If requests run on all these connections, or the owner has opened too many lately. The connection stays unverified.
    pub async fn promote(&self, owner: &Owner) -> Result<Arc<RequestBudget>, Refusal> {
        let Connections { limits, inner, freed } = &*self.connections;
        if let Owner::Client(identity) = owner {
            let now = Instant::now();
            let budget = inner.lock().budget_of_client(identity, limits.requests_per_second, now);
            if !budget.spend_connection(now) {
                sleep(RECONNECT_PAUSE).await;
                return Err(Refusal::too_many_new_connections());
            }
        }
        loop {
            let mut room = std::pin::pin!(freed.notified());
            room.as_mut().enable();
            let promotion = inner.lock().try_promote(self.id, owner, limits, Instant::now())?;
            match promotion {
                Some(budget) => return Ok(budget),
                None => room.await,
            }
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.inner.lock().entries.remove(&self.id);
        self.connections.freed.notify_waiters();
    }
}

impl Holder {
    fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }

    fn identity(&self) -> Option<&Arc<ClientIdentity>> {
        match self {
            Self::Verified(Owner::Client(identity)) => Some(identity),
            _ => None,
        }
    }

    fn keys(&self) -> Option<Fingerprint> {
        self.identity().map(|identity| identity.keys)
    }

    fn may_use(&self, keys: Fingerprint) -> bool {
        self.identity().is_some_and(|identity| identity.may_use(keys))
    }
}

impl Owner {
    /// Returns the keys of a client, or `None` for the programs on this machine, which are one owner.
    fn keys(&self) -> Option<Fingerprint> {
        match self {
            Self::Local => None,
            Self::Client(identity) => Some(identity.keys),
        }
    }
}

impl Inner {
    /// Adds a connection to the unverified ones if there is a slot for it.
    fn admit(&mut self, peer: SocketAddr, max: usize, now: Instant) -> Option<(u64, Arc<OpenConnection>)> {
        let mut held = Vec::with_capacity(max);
        let mut replaced = 0;
        for (&id, Entry { connection, holder }) in &self.entries {
            match holder {
                Holder::Unverified | Holder::Anonymous => held.push(UnverifiedConnection {
                    id,
                    network: network(connection.peer.ip()),
                    since: connection.since,
                }),
                Holder::Replaced => replaced += 1,
                Holder::Verified(_) => {}
            }
        }
        match decide(&held, network(peer.ip()), max, now) {
            SlotDecision::Free => {}
            // A replaced connection is open until its task runs. As many of them as there are slots can be open.
            SlotDecision::Replace(id) if replaced < max => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.connection.close(Closing::Now(CloseReason::Unverified));
                    entry.holder = Holder::Replaced;
                }
            }
            SlotDecision::Replace(_) | SlotDecision::Refused => return None,
        }
        let id = self.next_id;
        self.next_id += 1;
        let connection = Arc::new(OpenConnection::new(peer, now));
        self.entries.insert(id, Entry { connection: connection.clone(), holder: Holder::Unverified });
        Some((id, connection))
    }

    /// Moves a connection to the verified ones. Returns the owner's budget, or `None` while another connection is ending to make room,
    /// and if this one is ending itself.
    fn try_promote(
        &mut self,
        id: u64,
        owner: &Owner,
        limits: &ConnectionLimits,
        now: Instant,
    ) -> Result<Option<Arc<RequestBudget>>, Refusal> {
        if self.entries.get(&id).is_none_or(|entry| matches!(entry.holder, Holder::Replaced)) {
            return Ok(None);
        }
        let verified = self.entries.values().filter_map(|entry| match &entry.holder {
            Holder::Verified(other) => Some((other.keys(), &entry.connection)),
            _ => None,
        });
        let own_max = match owner {
            Owner::Local => limits.verified,
            Owner::Client(_) => limits.per_client,
        };
        match find_room(verified, owner.keys(), own_max, limits.verified, now)? {
            Room::Free => {}
            Room::Soon => return Ok(None),
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.holder = Holder::Verified(owner.clone());
        }
        Ok(Some(match owner {
            Owner::Local => Arc::new(RequestBudget::new(limits.requests_per_second, now)),
            Owner::Client(identity) => self.budget_of_client(identity, limits.requests_per_second, now),
        }))
    }

    /// Returns the budget of a client, and notes that it uses this certificate now.
    fn budget_of_client(
        &mut self,
        identity: &Arc<ClientIdentity>,
        requests_per_second: u32,
        now: Instant,
    ) -> Arc<RequestBudget> {
        let record = self.clients.entry(identity.keys).or_insert_with(|| ClientRecord {
            identity: identity.clone(),
            budget: Arc::new(RequestBudget::new(requests_per_second, now)),
        });
        record.identity = identity.clone();
        record.budget.clone()
    }

    /// Returns the certificates of all clients, each once.
    fn identities(&self) -> Vec<Arc<ClientIdentity>> {
        let connected = self.entries.values().filter_map(|entry| entry.holder.identity());
        let mut identities: Vec<Arc<ClientIdentity>> = Vec::new();
        for identity in connected.chain(self.clients.values().map(|record| &record.identity)) {
            if !identities.contains(identity) {
                identities.push(identity.clone());
            }
        }
        identities
    }

    /// Closes all connections with a certificate that has ended. Returns `None` if nothing depended on it.
    fn end_certificate(
        &mut self,
        identity: Arc<ClientIdentity>,
        reason: IdentityError,
    ) -> Option<EndedCertificate> {
        let (mut closed, mut other) = (0, None);
        for entry in self.entries.values() {
            match entry.holder.identity() {
                Some(found) if *found == identity => {
                    let is_new = entry.connection.close(Closing::Now(CloseReason::CertificateEnded));
                    closed += usize::from(is_new);
                }
                Some(found) if found.keys == identity.keys => other = Some(found.clone()),
                _ => {}
            }
        }
        let mut is_last = false;
        if reason.is_end()
            && let Some(record) = self.clients.get_mut(&identity.keys)
            && record.identity == identity
        {
            // A client can have a newer certificate for the same keys.
            match other {
                Some(other) => record.identity = other,
                None => {
                    self.clients.remove(&identity.keys);
                    is_last = true;
                }
            }
        }
        (closed > 0 || is_last).then_some(EndedCertificate { identity, reason, closed, is_last })
    }

    fn close_idle_and_old(&self, limits: &ConnectionLimits, now: Instant) {
        for Entry { connection, holder } in self.entries.values() {
            // Unverified connections have time limits of their own.
            if !holder.is_verified() {
                continue;
            }
            if connection.idle_time(now).is_some_and(|idle_time| idle_time >= limits.idle) {
                connection.close(Closing::AfterRequests(CloseReason::Idle, IDLE_LIMIT));
            } else if now.saturating_duration_since(connection.since) >= limits.age {
                connection.close(Closing::AfterRequests(CloseReason::Age, limits.finish));
            }
        }
    }
}

#[cfg(test)]
mod tests;
