//! How much each member's logits count.

use std::cmp::Reverse;

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, predict};

/// With more combinations of votes than this, only some are tried.
const MOST_COMBINATIONS: usize = 4096;

/// Votes that cannot be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VotesError {
    /// Not even one vote for each member.
    #[error("the most votes that a member may have are {0}, but must be 1 or more")]
    Most(i64),
    /// Weighted sums could leave 127 bits.
    #[error("with up to {0} votes a member, the sum of the logits could exceed 127 bits; allow fewer")]
    RangeTooLarge(i64),
    /// The images do not fit the network.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}

/// The votes in `1..=most`, one for each member, whose weighted sum of logits classifies the most of
/// `validation` correctly; [`with_votes`](sottovoce_network::IntegerNetwork::with_votes) puts them into a member.
///
/// Of equally good votes the ones with the smallest sum are taken, which need the smallest plaintext modulus,
/// and of these the lexicographically first. So members have equal votes, one each, unless others are better, and
/// where there are no images.
///
/// All combinations are tried where there are at most 4096 of them; else each member's vote is improved in turn,
/// the others' kept, until none gets better. The images should be held out from training: on the images that
/// it was trained on, every member is better than it is.
///
/// # Errors
/// If `most` is not positive or so large that sums could exceed 127 bits, or the images have another size than
/// the network reads.
pub fn choose_votes(
    ensemble: &IntegerEnsemble,
    validation: &LabelledImages,
    most: i64,
) -> Result<Vec<i64>, VotesError> {
    if most < 1 {
        return Err(VotesError::Most(most));
    }
    if ensemble.proven_logits().checked_mul(most.into()).is_none() {
        return Err(VotesError::RangeTooLarge(most));
    }
    let levels = ensemble.pixel_levels();
    let logits = |index| ensemble.member_logits(&levels.quantise_all(validation.image(index)));
    let members = (0..validation.len()).into_par_iter().map(logits).collect::<Result<_, _>>()?;
    let election = Election { logits: members, labels: validation.labels() };
    Ok(election.best(ensemble.members().len(), most))
}

/// What votes are judged by.
struct Election<'a> {
    /// Of every image: of every member: of every class.
    logits: Vec<Vec<Vec<i128>>>,
    labels: &'a [u8],
}

impl Election<'_> {
    fn best(&self, members: usize, most: i64) -> Vec<i64> {
        match combinations(members, most) {
            Some(count) => self.best_of_all(members, most, count),
            None => self.ascend(members, most),
        }
    }

    fn best_of_all(&self, members: usize, most: i64, count: usize) -> Vec<i64> {
        let nth = |mut index: usize| {
            let mut votes = vec![1; members];
            for vote in &mut votes {
                // The remainder is below `most`.
                *vote += (index % most as usize) as i64;
                index /= most as usize;
            }
            votes
        };
        let best = (0..count).into_par_iter().map(nth).min_by_key(|votes| self.rank(votes));
        best.unwrap_or_else(|| vec![1; members])
    }

    /// Coordinate ascent from equal votes. It ends, as the rank gets strictly better.
    fn ascend(&self, members: usize, most: i64) -> Vec<i64> {
        let mut best = vec![1; members];
        loop {
            let before = best.clone();
            for member in 0..members {
                let with = |vote| {
                    let mut votes = best.clone();
                    votes[member] = vote;
                    votes
                };
                if let Some(better) =
                    (1..=most).into_par_iter().map(with).min_by_key(|votes| self.rank(votes))
                {
                    best = better;
                }
            }
            if best == before {
                return best;
            }
        }
    }

    /// Smaller is better.
    fn rank(&self, votes: &[i64]) -> (Reverse<usize>, i128, Vec<i64>) {
        let right = self.logits.iter().zip(self.labels).filter(|(members, label)| {
            let classes = members.first().map_or(0, Vec::len);
            let sum = |class: usize| -> i128 {
                members.iter().zip(votes).map(|(logits, &vote)| logits[class] * i128::from(vote)).sum()
            };
            predict(&(0..classes).map(sum).collect::<Vec<_>>()) == usize::from(**label)
        });
        (Reverse(right.count()), votes.iter().map(|&vote| i128::from(vote)).sum(), votes.to_vec())
    }
}

/// How many ways to vote there are, if few enough to try all.
fn combinations(members: usize, most: i64) -> Option<usize> {
    let count = usize::try_from(most).ok()?.checked_pow(u32::try_from(members).ok()?)?;
    (count <= MOST_COMBINATIONS).then_some(count)
}

#[cfg(test)]
mod tests;
