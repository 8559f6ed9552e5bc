//! Connections of several clients, from admission to their end.

use time::OffsetDateTime;

use super::*;
use crate::server::connections::admission;
use crate::tls::serial_number::SerialNumber;

fn limits() -> ConnectionLimits {
    ConnectionLimits {
        unverified: 2,
        verified: 4,
        per_client: 3,
        idle: Duration::from_secs(60),
        age: Duration::from_secs(3600),
        finish: Duration::from_secs(600),
        requests_per_second: 1000,
    }
}

fn identity(keys: u8, serial: u8) -> Arc<ClientIdentity> {
    Arc::new(ClientIdentity::from_record(
        Vec::new(),
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

async fn verified(connections: &Arc<Connections>, owner: &Owner) -> ConnectionSlot {
    let slot = connections.admit(peer(1)).unwrap();
    slot.promote(owner).await.unwrap();
    slot
}

/// Holds a slot as the task of a connection does: until the connection is to be closed.
fn hold_until_closed(slot: ConnectionSlot) -> tokio::task::JoinHandle<CloseReason> {
    tokio::spawn(async move { slot.connection.closed_after_requests().await.0 })
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_network_makes_room_at_once_and_its_newcomers_wait_for_the_grace() {
    let connections = Arc::new(Connections::new(limits()));
    let first = connections.admit(peer(1)).unwrap();
    let second = connections.admit(peer(1)).unwrap();
    assert!(connections.admit(peer(1)).is_none());
    let other = connections.admit(peer(2)).unwrap();
    assert!(first.connection.is_closing_now() && !second.connection.is_closing());
    tokio::time::advance(admission::GRACE).await;
    drop(first);
    let third = connections.admit(peer(1)).unwrap();
    assert!(second.connection.is_closing_now() && !other.connection.is_closing());
    drop(second);
    assert_eq!(connections.counts(), ConnectionCounts { unverified: 2, ..Default::default() });
    assert!(!third.connection.is_closing());
}

#[tokio::test(start_paused = true)]
async fn as_many_connections_as_there_are_slots_can_be_open_after_they_were_replaced() {
    let connections = Arc::new(Connections::new(limits()));
    let mut open: Vec<ConnectionSlot> = Vec::new();
    for last in 0..100 {
        open.extend(connections.admit(peer(last)));
        tokio::time::advance(admission::GRACE).await;
    }
    assert_eq!(open.len(), 4);
    assert_eq!(connections.counts(), ConnectionCounts { unverified: 2, ..Default::default() });
    // A replaced connection cannot come back.
    assert!(open[0].connection.is_closing_now());
    open[0].note_anonymous();
    assert_eq!(connections.counts().anonymous, 0);
    let promoted = tokio::time::timeout(Duration::from_secs(60), open[0].promote(&client(1))).await;
    assert!(promoted.is_err());
    assert_eq!(connections.counts().client, 0);
    drop(open.remove(0));
    assert!(connections.admit(peer(100)).is_some());
}

#[tokio::test(start_paused = true)]
async fn verified_connections_leave_the_unverified_slots() {
    let connections = Arc::new(Connections::new(limits()));
    let _slots = [
        verified(&connections, &client(1)).await,
        verified(&connections, &client(1)).await,
        connections.admit(peer(1)).unwrap(),
        connections.admit(peer(1)).unwrap(),
    ];
    _slots[3].note_anonymous();
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
    let slot = connections.admit(peer(1)).unwrap();
    assert!(slot.promote(&client(1)).await.is_err());
    assert!(start.elapsed() >= RECONNECT_PAUSE);
    drop(slot);
    verified(&connections, &client(2)).await;
    // A second gives five connections.
    verified(&connections, &client(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_at_its_maximum_closes_its_own_idle_connection() {
    let connections = Arc::new(Connections::new(limits()));
    let busy = [verified(&connections, &client(1)).await, verified(&connections, &client(1)).await];
    busy.iter().for_each(|slot| slot.connection.begin_request());
    let idle = hold_until_closed(verified(&connections, &client(1)).await);
    let newest = verified(&connections, &client(1)).await;
    assert_eq!(idle.await.unwrap(), CloseReason::Room);
    // With requests on all connections, another one is refused.
    newest.connection.begin_request();
    let slot = connections.admit(peer(1)).unwrap();
    let refusal = slot.promote(&client(1)).await.unwrap_err();
    assert!(refusal.text().contains("3 connections"), "{}", refusal.text());
    // Another client is not.
    slot.promote(&client(2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_client_with_most_connections_makes_room_for_others_but_not_for_itself() {
    let connections = Arc::new(Connections::new(limits()));
    let greedy = [verified(&connections, &client(1)).await, verified(&connections, &client(1)).await];
    let [first, second] = greedy.map(hold_until_closed);
    tokio::task::yield_now().await;
    let _third = verified(&connections, &client(2)).await;
    let _fourth = verified(&connections, &client(3)).await;
    let _fifth = verified(&connections, &client(4)).await;
    tokio::select! {
        reason = first => assert_eq!(reason.unwrap(), CloseReason::Room),
        reason = second => assert_eq!(reason.unwrap(), CloseReason::Room),
    }
    let slot = connections.admit(peer(1)).unwrap();
    let refusal = slot.promote(&client(4)).await.unwrap_err();
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
    assert_eq!(busy.connection.closed_after_requests().await, (CloseReason::Age, Duration::from_secs(600)));
}

#[tokio::test(start_paused = true)]
async fn connections_and_batches_end_with_the_last_valid_certificate() {
    let connections = Arc::new(Connections::new(limits()));
    let (old, new) = (identity(1, 1), identity(1, 2));
    let ended = |serials: &'static [u8]| {
        move |identity: &ClientIdentity| {
            let ends =
                serials.iter().any(|serial| identity.serial_number == SerialNumber::from_bytes(&[*serial]));
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
async fn peers_without_a_certificate_share_the_budget_of_their_network() {
    let connections = Arc::new(Connections::new(limits()));
    let budget = |last: u8| connections.budget_of_network(peer(last).ip());
    while budget(1).spend_reset(Instant::now()) {}
    connections.sweep(|_| Ok(()), |_| false);
    assert!(!budget(1).spend_reset(Instant::now()) && budget(2).spend_reset(Instant::now()));
    tokio::time::advance(Duration::from_secs(60)).await;
    connections.sweep(|_| Ok(()), |_| false);
    assert!(connections.inner.lock().networks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_has_the_budget_that_it_left() {
    let connections = Arc::new(Connections::new(limits()));
    let slot = connections.admit(peer(1)).unwrap();
    let budget = slot.promote(&client(1)).await.unwrap();
    while budget.spend_reset(Instant::now()) {}
    drop(slot);
    connections.sweep(|_| Ok(()), |_| false);
    let slot = connections.admit(peer(1)).unwrap();
    let budget = slot.promote(&client(1)).await.unwrap();
    assert!(!budget.spend_reset(Instant::now()));
    drop(slot);
    tokio::time::advance(Duration::from_secs(60)).await;
    connections.sweep(|_| Ok(()), |_| false);
    assert!(connections.inner.lock().clients.is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_connections_end_when_the_service_stops() {
    let connections = Arc::new(Connections::new(limits()));
    let closed = hold_until_closed(verified(&connections, &client(1)).await);
    let stubborn = connections.admit(peer(1)).unwrap();
    connections.close_all(Duration::from_secs(2)).await;
    assert_eq!(closed.await.unwrap(), CloseReason::Stopping);
    assert!(stubborn.connection.is_closing());
}
