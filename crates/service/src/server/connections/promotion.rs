//! Room among the connections of clients with certificates.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sottovoce_protocol::Fingerprint;
use tokio::time::Instant;

use super::connection::{CloseReason, Closing, OpenConnection};
use crate::server::refusal::Refusal;

/// Time that an idle connection has to end when another one needs its slot.
const ROOM_LIMIT: Duration = Duration::from_secs(1);

/// Room for another connection of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Free,
    /// A connection is ending to make room.
    Soon,
}

/// Connections of one owner.
#[derive(Default)]
struct HeldConnections {
    count: usize,
    is_making_room: bool,
    /// The connection that has been idle longest.
    idlest: Option<(Duration, Arc<OpenConnection>)>,
}

/// Finds room for another connection of an owner: a client's keys, or `None` for the programs on this machine. If the owner has
/// its maximum `own_max`, or all owners together have `max` connections, an idle connection is asked to end.
///
/// # Errors
/// If requests run on all connections that could end.
pub fn find_room<'a>(
    verified: impl Iterator<Item = (Option<Fingerprint>, &'a Arc<OpenConnection>)>,
    owner: Option<Fingerprint>,
    own_max: usize,
    max: usize,
    now: Instant,
) -> Result<Room, Refusal> {
    let mut held: HashMap<Option<Fingerprint>, HeldConnections> = HashMap::new();
    let mut total = 0;
    for (other, connection) in verified {
        total += 1;
        held.entry(other).or_default().add(connection, now);
    }
    let own = held.remove(&owner).unwrap_or_default();
    if own.count >= own_max {
        return match own.make_room() {
            true => Ok(Room::Soon),
            false => Err(Refusal::too_many_connections_of_client(own.count)),
        };
    }
    if total < max {
        return Ok(Room::Free);
    }
    // Room is made only by a client that has more connections.
    let others = held.values().filter(|other| other.count > own.count);
    let most = others.max_by_key(|other| {
        let idle_time = other.idlest.as_ref().map(|(idle_time, _)| *idle_time);
        (other.is_making_room, idle_time.is_some(), other.count, idle_time)
    });
    match most.is_some_and(HeldConnections::make_room) {
        true => Ok(Room::Soon),
        false => Err(Refusal::too_many_connections(total)),
    }
}

impl HeldConnections {
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

    /// Closes the connection that has been idle longest, unless another one is ending. Returns whether there will be room.
    fn make_room(&self) -> bool {
        if let (false, Some((_, connection))) = (self.is_making_room, &self.idlest) {
            connection.close(Closing::AfterRequests(CloseReason::Room, ROOM_LIMIT));
        }
        self.is_making_room || self.idlest.is_some()
    }
}
