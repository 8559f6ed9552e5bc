//! Votes of the members: the factors of their logits in the ensemble's sum.

use std::cmp::Reverse;

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, predict};

/// Largest number of combinations of votes that are all tried.
const MAX_COMBINATIONS: usize = 4096;

/// Votes that cannot be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VotesError {
    /// The largest number of votes is below 1.
    #[error("the largest number of votes of a member is {0}, but must be at least 1")]
    TooFew(i64),
    /// Weighted sums could exceed 127 bits.
    #[error("with up to {0} votes a member, the sum of the logits could exceed 127 bits; allow fewer")]
    RangeTooLarge(i64),
    /// The images have another size than the network's.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}

/// Returns the votes in `1..=max_votes`, one for each member, whose weighted sum of logits classifies the most images
/// of `validation` correctly. [`with_votes`](sottovoce_network::IntegerNetwork::with_votes) applies them to a member.
///
/// If several votes are equally good, the function takes those with the smallest sum, which need the smallest plaintext modulus, and of
/// these the lexicographically first. Members therefore have one vote each, unless other votes are better, and if
/// there are no images.
///
/// The function tries all combinations if there are at most 4096. Otherwise it improves one member's vote after the other until
/// no vote gets better. The images must not be training images, on which every member is more accurate than on
/// others.
///
/// # Errors
/// If `max_votes` is not positive or so large that sums could exceed 127 bits, or the images have another size than
/// the network's.
pub fn choose_votes(
    ensemble: &IntegerEnsemble,
    validation: &LabelledImages,
    max_votes: i64,
) -> Result<Vec<i64>, VotesError> {
    if max_votes < 1 {
        return Err(VotesError::TooFew(max_votes));
    }
    if ensemble.proven_logits().checked_mul(max_votes.into()).is_none() {
        return Err(VotesError::RangeTooLarge(max_votes));
    }
    let levels = ensemble.pixel_levels();
    let logits = |index| ensemble.member_logits(&levels.quantise_all(validation.image(index)));
    let members = (0..validation.len()).into_par_iter().map(logits).collect::<Result<_, _>>()?;
    let search = VoteSearch { logits: members, labels: validation.labels() };
    Ok(search.best_votes(ensemble.members().len(), max_votes))
}

/// Logits and labels of the validation images.
struct VoteSearch<'a> {
    /// Logits by image, member and class.
    logits: Vec<Vec<Vec<i128>>>,
    labels: &'a [u8],
}

impl VoteSearch<'_> {
    fn best_votes(&self, members: usize, max_votes: i64) -> Vec<i64> {
        match combinations(members, max_votes) {
            Some(count) => self.best_of_all_combinations(members, max_votes, count),
            None => self.ascend(members, max_votes),
        }
    }

    fn best_of_all_combinations(&self, members: usize, max_votes: i64, count: usize) -> Vec<i64> {
        let nth = |mut index: usize| {
            let mut votes = vec![1; members];
            for vote in &mut votes {
                // The remainder is below `max_votes`.
                *vote += (index % max_votes as usize) as i64;
                index /= max_votes as usize;
            }
            votes
        };
        let best = (0..count).into_par_iter().map(nth).min_by_key(|votes| self.rank(votes));
        best.unwrap_or_else(|| vec![1; members])
    }

    /// Improves the votes by coordinate ascent from equal votes. It ends, because the rank gets strictly better.
    fn ascend(&self, members: usize, max_votes: i64) -> Vec<i64> {
        let mut best = vec![1; members];
        loop {
            let before = best.clone();
            for member in 0..members {
                let with = |vote| {
                    let mut votes = best.clone();
                    if let Some(own) = votes.get_mut(member) {
                        *own = vote;
                    }
                    votes
                };
                if let Some(better) =
                    (1..=max_votes).into_par_iter().map(with).min_by_key(|votes| self.rank(votes))
                {
                    best = better;
                }
            }
            if best == before {
                return best;
            }
        }
    }

    /// Returns the rank of votes; smaller is better.
    fn rank(&self, votes: &[i64]) -> (Reverse<usize>, i128, Vec<i64>) {
        let right = self.logits.iter().zip(self.labels).filter(|(members, label)| {
            let classes = members.first().map_or(0, Vec::len);
            let sum = |class: usize| -> i128 {
                members
                    .iter()
                    .zip(votes)
                    .filter_map(|(logits, &vote)| Some(logits.get(class)? * i128::from(vote)))
                    .sum()
            };
            predict(&(0..classes).map(sum).collect::<Vec<_>>()) == usize::from(**label)
        });
        (Reverse(right.count()), votes.iter().map(|&vote| i128::from(vote)).sum(), votes.to_vec())
    }
}

/// Returns the number of combinations of votes, if it is small enough to try all.
fn combinations(members: usize, max_votes: i64) -> Option<usize> {
    let count = usize::try_from(max_votes).ok()?.checked_pow(u32::try_from(members).ok()?)?;
    (count <= MAX_COMBINATIONS).then_some(count)
}

#[cfg(test)]
mod tests;
