//! The share of stored answers that each client has.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use sottovoce_protocol::Fingerprint;

use super::batch_name::BatchName;
use super::limits::Limits;

/// Returns the answers that must be dropped so that no client and not all clients together have too many. A client with too many
/// loses its own oldest ones. If all together have too many, the client with most answers loses its oldest one.
pub fn surplus_answers(
    answers: impl Iterator<Item = (Instant, BatchName)>,
    limits: &Limits,
) -> Vec<BatchName> {
    let mut answers: Vec<(Instant, BatchName)> = answers.collect();
    answers.sort_by_key(|(since, _)| *since);
    let mut left = answers.len();
    let mut clients: HashMap<Fingerprint, VecDeque<(Instant, BatchName)>> = HashMap::new();
    let mut surplus = Vec::new();
    for (since, name) in answers {
        let own = clients.entry(name.key).or_default();
        own.push_back((since, name));
        if own.len() > limits.answers_per_client {
            surplus.extend(own.pop_front().map(|(_, name)| name));
            left -= 1;
        }
    }
    while left > limits.answers {
        // Of clients with equally many answers, the one with the oldest answer loses it.
        let oldest = |own: &&mut VecDeque<(Instant, BatchName)>| {
            (own.len(), std::cmp::Reverse(own.front().map(|(since, _)| *since)))
        };
        let Some((_, name)) = clients.values_mut().max_by_key(oldest).and_then(VecDeque::pop_front) else {
            break;
        };
        surplus.push(name);
        left -= 1;
    }
    surplus
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Returns the numbers of the dropped answers of clients, which came one after another and have the numbers 0, 1, 2...
    fn dropped(clients: &[u8], per_client: usize, in_all: usize) -> Vec<u8> {
        let limits = Limits { answers: in_all, answers_per_client: per_client, ..Limits::default() };
        let start = Instant::now();
        let answers = clients.iter().zip(0..).map(|(client, number)| {
            (start + Duration::from_secs(number.into()), BatchName::of_numbers(*client, number))
        });
        surplus_answers(answers, &limits).iter().map(|name| name.batch.as_bytes()[0]).collect()
    }

    #[test]
    fn a_client_with_too_many_answers_loses_its_own_oldest_ones() {
        assert_eq!(dropped(&[2, 1, 1, 1, 3, 1], 2, 10), [1, 2]);
        assert_eq!(dropped(&[1, 2, 3], 1, 3), [0; 0]);
    }

    #[test]
    fn with_too_many_answers_in_all_the_client_with_most_loses_its_oldest_one() {
        assert_eq!(dropped(&[2, 1, 1, 1, 3], 9, 4), [1]);
        assert_eq!(dropped(&[2, 1, 1, 1, 3], 9, 3), [1, 2]);
        // All have one, and the oldest answer of all is dropped.
        assert_eq!(dropped(&[2, 1, 1, 1, 3], 9, 2), [1, 2, 0]);
        assert_eq!(dropped(&[1, 1, 1, 2], 2, 2), [0, 1]);
    }
}
