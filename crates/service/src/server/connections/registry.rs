//! All open connections of a listener, by client.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sottovoce_protocol::Fingerprint;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::budget::{RequestBudget, RequestRates};
use super::connection::{CloseReason, Closing, OpenConnection};
use crate::server::refusal::Refusal;
use crate::tls::identity::{ClientIdentity, IdentityError};

/// Time that every unverified connection has before it can be closed for a newcomer, so that a flood of newcomers does not
/// interrupt each handshake.
const UNVERIFIED_GRACE: Duration = Duration::from_millis(500);
/// Time that an idle connection has to end when another one needs its place.
const ROOM_LIMIT: Duration = Duration::from_secs(1);
/// Time for which a connection beyond its client's rate is kept before it is refused, so that a client that reconnects without a
/// pause is slowed down.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// Time that an idle connection has to end otherwise.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// Limits on connections.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Maximum number of connections without a verified certificate.
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
    /// Rates of one client's requests.
    pub rates: RequestRates,
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
    /// Notified when a connection has ended, or has moved to the verified ones.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    entries: HashMap<u64, Entry>,
    clients: HashMap<Fingerprint, ClientRecord>,
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
    Verified(Owner),
}

/// Last certificate and budget of a client.
#[derive(Debug)]
struct ClientRecord {
    /// The certificate that it used last.
    identity: Arc<ClientIdentity>,
    budget: Arc<RequestBudget>,
}

/// A connection's place, which is free when this value is dropped.
#[derive(Debug)]
pub struct Place {
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
    /// Whether it has expired or is revoked, and no other certificate of the client is known: its batches must be deleted.
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

/// Result of a try to move a connection to the verified ones.
enum Promotion {
    Done(Arc<RequestBudget>),
    /// A connection is ending to make room.
    Wait,
}

/// Connections of one owner.
#[derive(Default)]
struct Held {
    count: usize,
    is_making_room: bool,
    /// The connection that has been idle longest.
    idlest: Option<(Duration, Arc<OpenConnection>)>,
}

impl Connections {
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, inner: Mutex::default(), freed: Notify::new() }
    }

    /// Gives a new connection a place among the unverified ones. If there is none, the one held longest is closed: of the
    /// address that holds most of them, and not before it had a moment to show a certificate.
    pub async fn admit(self: &Arc<Self>, peer: SocketAddr) -> Place {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            let admission = self.inner.lock().try_admit(peer, self.limits.unverified, Instant::now());
            match admission {
                Ok((id, connection)) => return Place { connections: self.clone(), id, connection },
                Err(wait) => drop(timeout(wait, freed).await),
            }
        }
    }

    /// Returns a budget for a connection whose peer cannot be told from others.
    pub fn budget_of_connection(&self) -> Arc<RequestBudget> {
        Arc::new(RequestBudget::new(self.limits.rates, Instant::now()))
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
            if entry.holder.keys() == Some(keys) {
                entry.connection.close(Closing::Now(CloseReason::Operator));
            }
        }
    }

    /// Returns the number of a client's connections.
    pub fn count_of_client(&self, keys: Fingerprint) -> usize {
        self.inner.lock().entries.values().filter(|entry| entry.holder.keys() == Some(keys)).count()
    }

    pub fn counts(&self) -> ConnectionCounts {
        let mut counts = ConnectionCounts::default();
        for entry in self.inner.lock().entries.values() {
            *match entry.holder {
                Holder::Unverified => &mut counts.unverified,
                Holder::Anonymous => &mut counts.anonymous,
                Holder::Verified(Owner::Local) => &mut counts.local,
                Holder::Verified(Owner::Client(_)) => &mut counts.client,
            } += 1;
        }
        counts
    }
}

impl Place {
    /// Notes that the peer has shown no certificate and may read public resources.
    pub fn note_anonymous(&self) {
        if let Some(entry) = self.connections.inner.lock().entries.get_mut(&self.id) {
            entry.holder = Holder::Anonymous;
        }
    }

    /// Moves the connection to the verified ones. If its owner has its maximum, or all places are taken, an idle connection is
    /// closed first. Returns the owner's budget.
    ///
    /// # Errors
    /// If requests run on all these connections, or the owner has opened too many lately. The connection stays unverified.
    pub async fn promote(&self, owner: &Owner) -> Result<Arc<RequestBudget>, Refusal> {
        let Connections { limits, inner, freed } = &*self.connections;
        if let Owner::Client(identity) = owner {
            let now = Instant::now();
            let budget = inner.lock().budget_of_client(identity, limits.rates, now);
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
                Promotion::Done(budget) => {
                    freed.notify_waiters();
                    return Ok(budget);
                }
                Promotion::Wait => room.await,
            }
        }
    }
}

impl Drop for Place {
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

impl Held {
    /// Closes the connection that has been idle longest, unless another one is ending. Returns whether there will be room.
    fn make_room(&self) -> bool {
        if let (false, Some((_, connection))) = (self.is_making_room, &self.idlest) {
            connection.close(Closing::AfterRequests(CloseReason::Room, ROOM_LIMIT));
        }
        self.is_making_room || self.idlest.is_some()
    }
}

impl Inner {
    /// Adds a connection, or returns the time after which there may be a place.
    fn try_admit(
        &mut self,
        peer: SocketAddr,
        max: usize,
        now: Instant,
    ) -> Result<(u64, Arc<OpenConnection>), Duration> {
        let unverified: Vec<&Arc<OpenConnection>> = self
            .entries
            .values()
            .filter(|entry| !entry.holder.is_verified())
            .map(|entry| &entry.connection)
            .collect();
        if unverified.len() < max {
            let id = self.next_id;
            self.next_id += 1;
            let connection = Arc::new(OpenConnection::new(peer, now));
            self.entries.insert(id, Entry { connection: connection.clone(), holder: Holder::Unverified });
            return Ok((id, connection));
        }
        if unverified.iter().any(|connection| connection.is_closing_now()) {
            return Err(UNVERIFIED_GRACE);
        }
        let mut of_network: HashMap<IpAddr, usize> = HashMap::new();
        for connection in &unverified {
            *of_network.entry(network(connection.peer.ip())).or_default() += 1;
        }
        let held_longest = unverified
            .iter()
            .filter(|connection| now - connection.since >= UNVERIFIED_GRACE)
            .max_by_key(|connection| {
                let count = of_network.get(&network(connection.peer.ip())).copied();
                (count, now - connection.since)
            });
        if let Some(connection) = held_longest {
            connection.close(Closing::Now(CloseReason::Unverified));
            return Err(UNVERIFIED_GRACE);
        }
        let oldest = unverified.iter().map(|connection| now - connection.since).max().unwrap_or_default();
        Err(UNVERIFIED_GRACE.saturating_sub(oldest))
    }

    fn try_promote(
        &mut self,
        id: u64,
        owner: &Owner,
        limits: &ConnectionLimits,
        now: Instant,
    ) -> Result<Promotion, Refusal> {
        let mut held: HashMap<Option<Fingerprint>, Held> = HashMap::new();
        let mut total = 0;
        for entry in self.entries.values() {
            let Holder::Verified(other) = &entry.holder else { continue };
            total += 1;
            held.entry(other.keys()).or_default().add(&entry.connection, now);
        }
        let own = held.remove(&owner.keys()).unwrap_or_default();
        let own_max = match owner {
            Owner::Local => limits.verified,
            Owner::Client(_) => limits.per_client,
        };
        if own.count >= own_max {
            return match own.make_room() {
                true => Ok(Promotion::Wait),
                false => Err(Refusal::too_many_connections_of_client(own.count)),
            };
        }
        if total >= limits.verified {
            // Room is made only by a client that has more connections.
            let others = held.values().filter(|other| other.count > own.count);
            let most = others.max_by_key(|other| {
                let idle_time = other.idlest.as_ref().map(|(idle_time, _)| *idle_time);
                (other.is_making_room, idle_time.is_some(), other.count, idle_time)
            });
            return match most.is_some_and(Held::make_room) {
                true => Ok(Promotion::Wait),
                false => Err(Refusal::too_many_connections(total)),
            };
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.holder = Holder::Verified(owner.clone());
        }
        Ok(Promotion::Done(match owner {
            Owner::Local => Arc::new(RequestBudget::new(limits.rates, now)),
            Owner::Client(identity) => self.budget_of_client(identity, limits.rates, now),
        }))
    }

    /// Returns the budget of a client, and notes that it uses this certificate now.
    fn budget_of_client(
        &mut self,
        identity: &Arc<ClientIdentity>,
        rates: RequestRates,
        now: Instant,
    ) -> Arc<RequestBudget> {
        let record = self.clients.entry(identity.keys).or_insert_with(|| ClientRecord {
            identity: identity.clone(),
            budget: Arc::new(RequestBudget::new(rates, now)),
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

impl Held {
    fn add(&mut self, connection: &Arc<OpenConnection>, now: Instant) {
        self.count += 1;
        if connection.is_making_room() {
            self.is_making_room = true;
        } else if let Some(idle_time) = connection.idle_time(now)
            && !connection.is_closing()
            && self.idlest.as_ref().is_none_or(|(longest, _)| idle_time > *longest)
        {
            self.idlest = Some((idle_time, connection.clone()));
        }
    }
}

/// Returns the addresses that one peer can usually choose from: an IPv4 address, or the 64 bits of an IPv6 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::tls::serial_number::SerialNumber;

    fn limits() -> ConnectionLimits {
        ConnectionLimits {
            unverified: 2,
            verified: 4,
            per_client: 3,
            idle: Duration::from_secs(60),
            age: Duration::from_secs(3600),
            finish: Duration::from_secs(600),
            rates: RequestRates { requests_per_second: 1000 },
        }
    }

    fn identity(keys: u8, serial: u8) -> Arc<ClientIdentity> {
        Arc::new(ClientIdentity::from_record(
            format!("client {keys}"),
            SerialNumber::from_bytes(&[serial]),
            hex::encode([keys; 32]).parse().unwrap(),
            OffsetDateTime::UNIX_EPOCH,
        ))
    }

    fn client(keys: u8) -> Owner {
        Owner::Client(identity(keys, keys))
    }

    fn peer(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 1))
    }

    async fn verified(connections: &Arc<Connections>, owner: &Owner) -> Place {
        let place = connections.admit(peer(1)).await;
        place.promote(owner).await.unwrap();
        place
    }

    /// Plays a connection's task: frees the place once the connection is to be closed.
    fn obey(place: Place) -> tokio::task::JoinHandle<CloseReason> {
        tokio::spawn(async move { place.connection.closed_after_requests().await.0 })
    }

    #[tokio::test(start_paused = true)]
    async fn the_unverified_connection_held_longest_makes_room_after_a_grace() {
        let connections = Arc::new(Connections::new(limits()));
        let start = Instant::now();
        let first = obey(connections.admit(peer(1)).await);
        tokio::time::advance(Duration::from_millis(1)).await;
        let second = obey(connections.admit(peer(1)).await);
        let third = obey(connections.admit(peer(1)).await);
        assert_eq!(first.await.unwrap(), CloseReason::Unverified);
        assert!(start.elapsed() >= UNVERIFIED_GRACE);
        assert!(!second.is_finished() && !third.is_finished());
        assert_eq!(connections.counts(), ConnectionCounts { unverified: 2, ..Default::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn the_address_that_holds_most_makes_room() {
        let connections = Arc::new(Connections::new(ConnectionLimits { unverified: 3, ..limits() }));
        let early = obey(connections.admit(peer(1)).await);
        tokio::time::advance(UNVERIFIED_GRACE).await;
        let first = obey(connections.admit(peer(2)).await);
        tokio::time::advance(Duration::from_millis(1)).await;
        let second = obey(connections.admit(peer(2)).await);
        tokio::time::advance(UNVERIFIED_GRACE).await;
        let last = obey(connections.admit(peer(3)).await);
        assert_eq!(first.await.unwrap(), CloseReason::Unverified);
        assert!(!early.is_finished() && !second.is_finished() && !last.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn verified_connections_leave_the_unverified_places() {
        let connections = Arc::new(Connections::new(limits()));
        let _places = [
            verified(&connections, &client(1)).await,
            verified(&connections, &client(1)).await,
            connections.admit(peer(1)).await,
            connections.admit(peer(1)).await,
        ];
        _places[3].note_anonymous();
        let counts = ConnectionCounts { unverified: 1, anonymous: 1, local: 0, client: 2 };
        assert_eq!(connections.counts(), counts);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_connects_again_and_again_is_slowed_down_and_refused() {
        let connections = Arc::new(Connections::new(limits()));
        let start = Instant::now();
        for _ in 0..100 {
            verified(&connections, &client(1)).await;
        }
        let place = connections.admit(peer(1)).await;
        assert!(place.promote(&client(1)).await.is_err());
        assert!(start.elapsed() >= RECONNECT_PAUSE);
        drop(place);
        verified(&connections, &client(2)).await;
        // A second gives five connections.
        verified(&connections, &client(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_at_its_maximum_closes_its_own_idle_connection() {
        let connections = Arc::new(Connections::new(limits()));
        let busy = [verified(&connections, &client(1)).await, verified(&connections, &client(1)).await];
        busy.iter().for_each(|place| place.connection.begin_request());
        let idle = obey(verified(&connections, &client(1)).await);
        let newest = verified(&connections, &client(1)).await;
        assert_eq!(idle.await.unwrap(), CloseReason::Room);
        // With requests on all connections, another one is refused.
        newest.connection.begin_request();
        let place = connections.admit(peer(1)).await;
        let refusal = place.promote(&client(1)).await.unwrap_err();
        assert!(refusal.text().contains("3 connections"), "{}", refusal.text());
        // Another client is not.
        place.promote(&client(2)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_client_with_most_connections_makes_room_for_others_but_not_for_itself() {
        let connections = Arc::new(Connections::new(limits()));
        let greedy = [verified(&connections, &client(1)).await, verified(&connections, &client(1)).await];
        let [first, second] = greedy.map(obey);
        tokio::task::yield_now().await;
        let _third = verified(&connections, &client(2)).await;
        let _fourth = verified(&connections, &client(3)).await;
        let _fifth = verified(&connections, &client(4)).await;
        tokio::select! {
            reason = first => assert_eq!(reason.unwrap(), CloseReason::Room),
            reason = second => assert_eq!(reason.unwrap(), CloseReason::Room),
        }
        let place = connections.admit(peer(1)).await;
        let refusal = place.promote(&client(4)).await.unwrap_err();
        assert!(refusal.text().contains("4 connections"), "{}", refusal.text());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_and_old_connections_are_closed_and_busy_ones_are_not_idle() {
        let connections = Arc::new(Connections::new(limits()));
        let idle = verified(&connections, &client(1)).await;
        let busy = verified(&connections, &Owner::Local).await;
        busy.connection.begin_request();
        let sweep = || connections.sweep(|_| Ok(()), |_| false);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(sweep().is_empty());
        assert!(!idle.connection.is_closing());
        tokio::time::advance(Duration::from_secs(1)).await;
        sweep();
        assert!(idle.connection.is_closing() && !busy.connection.is_closing());
        tokio::time::advance(Duration::from_secs(3540)).await;
        sweep();
        assert_eq!(
            busy.connection.closed_after_requests().await,
            (CloseReason::Age, Duration::from_secs(600))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn connections_and_batches_end_with_the_last_valid_certificate() {
        let connections = Arc::new(Connections::new(limits()));
        let (old, new) = (identity(1, 1), identity(1, 2));
        let ended = |serials: &'static [u8]| {
            move |identity: &ClientIdentity| {
                let ends = serials
                    .iter()
                    .any(|serial| identity.serial_number == SerialNumber::from_bytes(&[*serial]));
                let (name, not_after) = (identity.name.clone(), identity.not_after);
                if ends { Err(IdentityError::Expired { name, not_after }) } else { Ok(()) }
            }
        };
        let first = verified(&connections, &Owner::Client(old.clone())).await;
        let second = verified(&connections, &Owner::Client(new.clone())).await;
        let found = connections.sweep(ended(&[1]), |_| true);
        assert_eq!(found.len(), 1);
        assert!(found[0].identity == old && found[0].closed == 1 && !found[0].is_last);
        assert!(first.connection.is_closing_now() && !second.connection.is_closing());
        drop((first, second));
        // The client is gone, but its batches are not.
        assert!(connections.sweep(ended(&[1]), |_| true).is_empty());
        let found = connections.sweep(ended(&[1, 2]), |_| true);
        assert_eq!(found.len(), 1);
        assert!(found[0].identity == new && found[0].closed == 0 && found[0].is_last);
        assert!(connections.sweep(ended(&[1, 2]), |_| true).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_comes_back_has_the_budget_that_it_left() {
        let connections = Arc::new(Connections::new(limits()));
        let place = connections.admit(peer(1)).await;
        let budget = place.promote(&client(1)).await.unwrap();
        while budget.spend_reset(Instant::now()) {}
        drop(place);
        connections.sweep(|_| Ok(()), |_| false);
        let place = connections.admit(peer(1)).await;
        let budget = place.promote(&client(1)).await.unwrap();
        assert!(!budget.spend_reset(Instant::now()));
        drop(place);
        tokio::time::advance(Duration::from_secs(60)).await;
        connections.sweep(|_| Ok(()), |_| false);
        assert!(connections.inner.lock().clients.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn all_connections_end_when_the_service_stops() {
        let connections = Arc::new(Connections::new(limits()));
        let obeying = obey(verified(&connections, &client(1)).await);
        let stubborn = connections.admit(peer(1)).await;
        connections.close_all(Duration::from_secs(2)).await;
        assert_eq!(obeying.await.unwrap(), CloseReason::Stopping);
        assert!(stubborn.connection.is_closing());
    }
}
