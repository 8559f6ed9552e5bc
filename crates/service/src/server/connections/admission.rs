//! Decides whether a new connection gets one of the slots for connections without a verified certificate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Time that an unverified connection has before another one of a network with as many connections can replace it, so that a
/// flood does not interrupt each handshake from its own network.
pub const GRACE: Duration = Duration::from_millis(500);

/// A connection without a verified certificate.
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedConnection {
    pub id: u64,
    /// The peer's network, as [`network`] returns it.
    pub network: IpAddr,
    pub since: Instant,
}

/// Decision about a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotDecision {
    /// A slot is free.
    Free,
    /// The connection with this number loses its slot to the new one.
    Replace(u64),
    /// The new connection gets no slot.
    Refused,
}

/// Decides about a new connection from a network, at once. Of `max` slots, `held` are taken.
///
/// If no slot is free, networks with more connections than the newcomer's, the newcomer included, give one up: the largest
/// network loses the connection that it has held longest. If there is no such network, the newcomer takes the slot of the
/// connection that was held longest, beyond its [`GRACE`], by its own network or by one with as many connections.
pub fn decide(held: &[UnverifiedConnection], newcomer: IpAddr, max: usize, now: Instant) -> SlotDecision {
    if held.len() < max {
        return SlotDecision::Free;
    }
    let mut counts: HashMap<IpAddr, usize> = HashMap::from([(newcomer, 1)]);
    for connection in held {
        *counts.entry(connection.network).or_default() += 1;
    }
    let count_of = |network: IpAddr| counts.get(&network).copied().unwrap_or_default();
    let (own, largest) = (count_of(newcomer), counts.values().copied().max().unwrap_or_default());
    let is_candidate = |connection: &&UnverifiedConnection| {
        let is_in_grace = now.saturating_duration_since(connection.since) < GRACE;
        if own < largest {
            count_of(connection.network) == largest
        } else {
            !is_in_grace && (connection.network == newcomer || count_of(connection.network) == own)
        }
    };
    match held.iter().filter(is_candidate).min_by_key(|connection| (connection.since, connection.id)) {
        Some(connection) => SlotDecision::Replace(connection.id),
        None => SlotDecision::Refused,
    }
}

/// Returns the addresses that one peer can usually choose from: an IPv4 address, or the 64 bits of an IPv6 network.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Connections with the numbers 0, 1, ... of networks, each one millisecond after the one before, and the time of the last.
    fn held(networks: &[u8]) -> (Vec<UnverifiedConnection>, Instant) {
        let start = Instant::now();
        let since = |index: usize| start + Duration::from_millis(index as u64);
        let connection = |(index, &last): (usize, &u8)| UnverifiedConnection {
            id: index as u64,
            network: address(last),
            since: since(index),
        };
        (networks.iter().enumerate().map(connection).collect(), since(networks.len()))
    }

    #[test]
    fn a_newcomer_takes_a_slot_of_the_network_that_holds_most_at_once() {
        let (held, now) = held(&[3, 1, 1, 1, 2, 2]);
        assert_eq!(decide(&held, address(9), 7, now), SlotDecision::Free);
        for newcomer in [3, 9] {
            assert_eq!(decide(&held, address(newcomer), 6, now), SlotDecision::Replace(1));
        }
    }

    #[test]
    fn a_newcomer_of_the_network_that_holds_most_replaces_only_what_it_has_held_beyond_the_grace() {
        let (held, now) = held(&[3, 1, 1, 2, 2, 1]);
        // With the newcomer, 2 has as many as 1.
        for newcomer in [1, 2] {
            assert_eq!(decide(&held, address(newcomer), 6, now), SlotDecision::Refused);
        }
        // The connection of 3 is older, but its network is small.
        let later = now + GRACE;
        assert_eq!(decide(&held, address(1), 6, later), SlotDecision::Replace(1));
        assert_eq!(decide(&held, address(2), 6, later), SlotDecision::Replace(1));
    }

    #[test]
    fn networks_with_one_connection_each_make_room_after_the_grace() {
        let (held, now) = held(&[1, 2, 3]);
        assert_eq!(decide(&held, address(9), 3, now), SlotDecision::Refused);
        assert_eq!(decide(&held, address(9), 3, now + GRACE), SlotDecision::Replace(0));
    }

    #[test]
    fn addresses_of_an_ipv6_network_count_together() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff:2"));
        assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), address(1));
        assert_ne!(address(1), address(2));
    }
}
