//! A queue that serves clients in turn, so that a client with many batches does not delay the others.

use std::collections::VecDeque;

use sottovoce_protocol::Fingerprint;

use super::batch_name::BatchName;

/// A queue of items with the names of batches. Clients take turns, and the items of one client keep their order.
pub struct FairQueue<T> {
    /// The clients with items, and at the front the one whose turn it is.
    clients: VecDeque<ClientQueue<T>>,
}

/// The items of one client. There is at least one.
struct ClientQueue<T> {
    client: Fingerprint,
    items: VecDeque<(BatchName, T)>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { clients: VecDeque::new() }
    }
}

impl<T> FairQueue<T> {
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub fn clear(&mut self) {
        self.clients.clear();
    }

    /// Adds an item behind those of the same client. A client without items gets the last turn.
    pub fn push(&mut self, name: BatchName, item: T) {
        let item = (name, item);
        match self.clients.iter_mut().find(|queue| queue.client == name.key) {
            Some(queue) => queue.items.push_back(item),
            None => {
                let items = VecDeque::from([item]);
                self.clients.push_back(ClientQueue { client: name.key, items });
            }
        }
    }

    /// Takes the oldest item of the client whose turn it is. The client's next turn is the last one.
    pub fn pop(&mut self) -> Option<(BatchName, T)> {
        let mut queue = self.clients.pop_front()?;
        let item = queue.items.pop_front();
        if !queue.items.is_empty() {
            self.clients.push_back(queue);
        }
        item
    }

    /// Returns the number of items that are served before an item, if no other item arrives.
    pub fn position(&self, name: BatchName) -> Option<usize> {
        let of_client = |queue: &ClientQueue<T>| queue.client == name.key;
        let turn = self.clients.iter().position(of_client)?;
        let round = self.clients.get(turn)?.items.iter().position(|(other, _)| *other == name)?;
        // Clients with an earlier turn are served once more in the item's own round.
        let before = |(index, queue): (usize, &ClientQueue<T>)| match index.cmp(&turn) {
            std::cmp::Ordering::Less => queue.items.len().min(round + 1),
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => queue.items.len().min(round),
        };
        Some(self.clients.iter().enumerate().map(before).sum())
    }

    /// Removes an item.
    pub fn remove(&mut self, name: BatchName) {
        for queue in &mut self.clients {
            queue.items.retain(|(other, _)| *other != name);
        }
        self.clients.retain(|queue| !queue.items.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(client: u8, batch: u8) -> BatchName {
        BatchName::of_numbers(client, batch)
    }

    fn queue(items: &[(u8, u8)]) -> FairQueue<()> {
        let mut queue = FairQueue::default();
        items.iter().for_each(|&(client, batch)| queue.push(name(client, batch), ()));
        queue
    }

    /// Takes all items. Before each one, every item's position must be the number of items that are taken before it.
    fn drain(mut queue: FairQueue<()>) -> Vec<BatchName> {
        let mut served: Vec<BatchName> = Vec::new();
        let mut expected: Vec<(BatchName, usize)> = Vec::new();
        loop {
            let names = queue.clients.iter().flat_map(|client| client.items.iter().map(|(name, ())| *name));
            let places: Vec<_> = names.map(|name| (name, queue.position(name).unwrap())).collect();
            expected.extend(places.iter().map(|(name, place)| (*name, served.len() + place)));
            match queue.pop() {
                Some((name, ())) => served.push(name),
                None => break,
            }
        }
        for (name, place) in expected {
            assert_eq!(served[place], name);
        }
        served
    }

    #[test]
    fn clients_take_turns_and_every_position_is_right() {
        let order = drain(queue(&[(1, 1), (1, 2), (1, 3), (2, 4), (3, 5), (2, 6)]));
        assert_eq!(order, [(1, 1), (2, 4), (3, 5), (1, 2), (2, 6), (1, 3)].map(|(c, b)| name(c, b)));
        assert_eq!(queue(&[(1, 1)]).position(name(1, 2)), None);
        assert_eq!(queue(&[(1, 1)]).position(name(2, 1)), None);
    }

    #[test]
    fn a_client_that_is_served_again_and_again_waits_for_the_others() {
        let mut queue = queue(&[(1, 1), (1, 2), (2, 3)]);
        assert_eq!(queue.pop().unwrap().0, name(1, 1));
        queue.push(name(1, 4), ());
        queue.push(name(3, 5), ());
        assert_eq!(drain(queue), [(2, 3), (1, 2), (3, 5), (1, 4)].map(|(c, b)| name(c, b)));
    }

    #[test]
    fn removed_items_leave_no_empty_turn() {
        let mut queue = queue(&[(1, 1), (2, 2), (3, 3), (2, 4)]);
        queue.remove(name(1, 1));
        queue.remove(name(2, 2));
        queue.remove(name(9, 9));
        assert_eq!(drain(queue), [(2, 4), (3, 3)].map(|(c, b)| name(c, b)));
    }
}
