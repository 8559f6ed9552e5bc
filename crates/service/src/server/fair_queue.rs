//! A queue that serves the client first that has been served least lately, so that a client with many batches does not delay the
//! others.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sottovoce_protocol::Fingerprint;

use super::batch_name::BatchName;

/// Time after which a client's use counts half.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// Use in seconds that is forgotten.
const FORGOTTEN_SECONDS: f64 = 1e-3;

/// Items by which a client that returns is ahead of those that stayed.
const MAX_CREDIT_ITEMS: f64 = 2.0;

/// A queue of items with the names of batches. The client whose items took least time lately is served first, and clients with
/// equal use take turns. The items of one client keep their order.
///
/// A client that returns is ahead of the others by two items at most: its use is raised to that. Otherwise one that comes for the
/// first time would be served alone until it had used as much as the others.
pub struct FairQueue<T> {
    /// The clients with items, and at the front the one that has waited longest for its turn.
    clients: VecDeque<ClientQueue<T>>,
    used: HashMap<Fingerprint, Use>,
    /// The client whose item was taken last, until its time is known.
    served: Option<Fingerprint>,
}

/// The items of one client. There is at least one.
struct ClientQueue<T> {
    client: Fingerprint,
    items: VecDeque<(BatchName, T)>,
}

/// Time that a client's items took, of which older ones count less.
#[derive(Debug, Clone, Copy)]
struct Use {
    seconds: f64,
    since: Instant,
}

impl Use {
    fn seconds_at(self, now: Instant) -> f64 {
        let half_lives = now.saturating_duration_since(self.since).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.seconds * (-half_lives).exp2()
    }
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { clients: VecDeque::new(), used: HashMap::new(), served: None }
    }
}

impl<T> FairQueue<T> {
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub fn clear(&mut self) {
        self.clients.clear();
    }

    /// Adds an item behind those of the same client. An item takes about `seconds`.
    pub fn push(&mut self, name: BatchName, item: T, seconds: f64, now: Instant) {
        let item = (name, item);
        let others = self.clients.iter().map(|queue| queue.client).chain(self.served);
        let uses = others.filter(|other| *other != name.key).map(|other| self.used_seconds(other, now));
        let least = uses.min_by(f64::total_cmp).unwrap_or_default() - MAX_CREDIT_ITEMS * seconds;
        let is_back =
            self.served != Some(name.key) && self.clients.iter().all(|queue| queue.client != name.key);
        if is_back && self.used_seconds(name.key, now) < least {
            self.used.insert(name.key, Use { seconds: least, since: now });
        }
        match self.clients.iter_mut().find(|queue| queue.client == name.key) {
            Some(queue) => queue.items.push_back(item),
            None => {
                let items = VecDeque::from([item]);
                self.clients.push_back(ClientQueue { client: name.key, items });
            }
        }
    }

    /// Notes that an item of a client has taken some time.
    pub fn charge(&mut self, client: Fingerprint, taken: Duration, now: Instant) {
        self.served = None;
        let seconds = self.used_seconds(client, now) + taken.as_secs_f64();
        self.used.insert(client, Use { seconds, since: now });
        self.used.retain(|_, used| used.seconds_at(now) > FORGOTTEN_SECONDS);
    }

    fn used_seconds(&self, client: Fingerprint, now: Instant) -> f64 {
        self.used.get(&client).map_or(0.0, |used| used.seconds_at(now))
    }

    /// Returns the use of each client with items, in the order of their turns.
    fn uses(&self, now: Instant) -> Vec<f64> {
        self.clients.iter().map(|queue| self.used_seconds(queue.client, now)).collect()
    }

    /// Takes the oldest item of the client that has used least.
    pub fn pop(&mut self, now: Instant) -> Option<(BatchName, T)> {
        let mut queue = self.clients.remove(first_least(&self.uses(now))?)?;
        self.served = Some(queue.client);
        let item = queue.items.pop_front();
        if !queue.items.is_empty() {
            self.clients.push_back(queue);
        }
        item
    }

    /// Returns the number of items that are served before an item, if no other item arrives and each one takes `seconds`.
    pub fn position(&self, name: BatchName, seconds: f64, now: Instant) -> Option<usize> {
        let mut uses = self.uses(now);
        let mut items: Vec<_> = self.clients.iter().map(|queue| queue.items.iter()).collect();
        for served in 0.. {
            let next = first_least(&uses)?;
            let (mut of_client, used) = (items.remove(next), uses.remove(next));
            let (found, _) = of_client.next()?;
            if *found == name {
                return Some(served);
            }
            if of_client.len() > 0 {
                items.push(of_client);
                uses.push(used + seconds);
            }
        }
        None
    }

    /// Removes an item.
    pub fn remove(&mut self, name: BatchName) {
        for queue in &mut self.clients {
            queue.items.retain(|(other, _)| *other != name);
        }
        self.clients.retain(|queue| !queue.items.is_empty());
    }
}

/// Returns the index of the first of the least values.
fn first_least(values: &[f64]) -> Option<usize> {
    let indexed = values.iter().enumerate();
    indexed.min_by(|(_, left), (_, right)| left.total_cmp(right)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time that each item takes.
    const TAKEN: Duration = Duration::from_secs(1);

    fn name(client: u8, batch: u8) -> BatchName {
        BatchName::of_numbers(client, batch)
    }

    fn queue(items: &[(u8, u8)]) -> FairQueue<()> {
        let mut queue = FairQueue::default();
        items.iter().for_each(|&(client, batch)| push(&mut queue, client, batch, Instant::now()));
        queue
    }

    fn push(queue: &mut FairQueue<()>, client: u8, batch: u8, now: Instant) {
        queue.push(name(client, batch), (), TAKEN.as_secs_f64(), now);
    }

    /// Serves the next item.
    fn serve(queue: &mut FairQueue<()>, now: Instant) -> Option<BatchName> {
        let (name, ()) = queue.pop(now)?;
        queue.charge(name.key, TAKEN, now);
        Some(name)
    }

    /// Takes all items. Before each one, every item's position must be the number of items that are taken before it.
    fn drain(mut queue: FairQueue<()>, now: Instant) -> Vec<BatchName> {
        let mut served: Vec<BatchName> = Vec::new();
        let mut expected: Vec<(BatchName, usize)> = Vec::new();
        loop {
            let names = queue.clients.iter().flat_map(|client| client.items.iter().map(|(name, ())| *name));
            let position = |name| queue.position(name, TAKEN.as_secs_f64(), now).unwrap();
            let positions: Vec<_> = names.map(|name| (name, position(name))).collect();
            expected.extend(positions.iter().map(|(name, position)| (*name, served.len() + position)));
            match serve(&mut queue, now) {
                Some(name) => served.push(name),
                None => break,
            }
        }
        for (name, position) in expected {
            assert_eq!(served[position], name);
        }
        served
    }

    #[test]
    fn clients_take_turns_and_every_position_is_right() {
        let now = Instant::now();
        let order = drain(queue(&[(1, 1), (1, 2), (1, 3), (2, 4), (3, 5), (2, 6)]), now);
        assert_eq!(order, [(1, 1), (2, 4), (3, 5), (1, 2), (2, 6), (1, 3)].map(|(c, b)| name(c, b)));
        assert_eq!(queue(&[(1, 1)]).position(name(1, 2), 1.0, now), None);
        assert_eq!(queue(&[(1, 1)]).position(name(2, 1), 1.0, now), None);
    }

    #[test]
    fn the_client_that_has_used_least_is_served_first_and_use_is_forgotten() {
        let now = Instant::now();
        let mut queue = queue(&[(1, 1)]);
        for batch in 2..10 {
            serve(&mut queue, now).unwrap();
            push(&mut queue, 1, batch, now);
        }
        push(&mut queue, 1, 10, now);
        push(&mut queue, 2, 11, now);
        push(&mut queue, 2, 12, now);
        assert_eq!(queue.position(name(2, 12), 1.0, now), Some(1));
        assert_eq!(serve(&mut queue, now), Some(name(2, 11)));
        // After some minutes both have used next to nothing, and the second one is last, because it was served last.
        let later = now + 30 * HALF_LIFE;
        queue.charge(name(3, 0).key, TAKEN, later);
        assert!(queue.used.len() == 1);
        assert_eq!(serve(&mut queue, later), Some(name(1, 9)));
        assert_eq!(drain(queue, later), [(2, 12), (1, 10)].map(|(c, b)| name(c, b)));
    }

    #[test]
    fn a_client_that_is_served_again_and_again_waits_for_the_others() {
        let now = Instant::now();
        let mut queue = queue(&[(1, 1), (1, 2), (2, 3)]);
        assert_eq!(serve(&mut queue, now), Some(name(1, 1)));
        push(&mut queue, 1, 4, now);
        push(&mut queue, 3, 5, now);
        assert_eq!(drain(queue, now), [(2, 3), (3, 5), (1, 2), (1, 4)].map(|(c, b)| name(c, b)));
    }

    #[test]
    fn a_client_that_comes_for_the_first_time_is_two_items_ahead_at_most() {
        let now = Instant::now();
        let mut queue = queue(&[(1, 0)]);
        queue.charge(name(1, 0).key, 80 * TAKEN, now);
        let mut served = Vec::new();
        for batch in 1..10 {
            push(&mut queue, 2, batch, now);
            served.push(serve(&mut queue, now).unwrap().key);
        }
        let first = served.iter().position(|client| *client == name(1, 0).key);
        assert!(first.is_some_and(|first| first <= 3), "{first:?}");
        // One that comes now and then is always ahead.
        for turn in 1..10 {
            let now = now + turn * 10 * TAKEN;
            queue.charge(name(1, 0).key, 9 * TAKEN, now);
            push(&mut queue, 1, 0, now);
            push(&mut queue, 3, 0, now);
            assert_eq!(serve(&mut queue, now), Some(name(3, 0)));
            while serve(&mut queue, now).is_some() {}
        }
    }

    #[test]
    fn removed_items_leave_no_empty_turn() {
        let mut queue = queue(&[(1, 1), (2, 2), (3, 3), (2, 4)]);
        queue.remove(name(1, 1));
        queue.remove(name(2, 2));
        queue.remove(name(9, 9));
        assert_eq!(drain(queue, Instant::now()), [(2, 4), (3, 3)].map(|(c, b)| name(c, b)));
    }
}
