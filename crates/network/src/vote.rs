//! Members that count more than others.

use crate::{Block, IntegerNetwork, NetworkError, RangeTooLarge};

impl IntegerNetwork {
    /// The network whose logits are `weight` times as large, so that a plain sum over members becomes a
    /// weighted one.
    ///
    /// The logit scale stays the number it is: it says on which scale members were trained, and members with
    /// different votes still make an ensemble. A member's own decisions do not change.
    ///
    /// # Errors
    /// If `weight` is not positive, or values could exceed 127 bits or an output weight 63.
    pub fn with_vote(&self, weight: i64) -> Result<Self, NetworkError> {
        if weight <= 0 {
            return Err(NetworkError::Vote(weight));
        }
        let too_large = RangeTooLarge { layer: "output layer" };
        let product = |value: &i64| value.checked_mul(weight).ok_or(too_large);
        let wide_product = |value: &i128| value.checked_mul(weight.into()).ok_or(too_large);
        let output = self.output();
        let weights = output.weights().iter().map(product).collect::<Result<_, _>>()?;
        let biases = output.biases().iter().map(wide_product).collect::<Result<_, _>>()?;
        // As many of both as before, so this is never `None`.
        let output = Block::new(output.columns(), weights, biases).ok_or(too_large)?;
        let blocks = [self.convolution().clone(), self.hidden().clone(), output];
        Self::new(*self.architecture(), self.pixel_levels(), self.logit_scale(), blocks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::integer_network::tests::SMALL;
    use crate::{IntegerEnsemble, PixelLevels, sum_logits};

    fn network(seed: i64) -> IntegerNetwork {
        let blocks = IntegerNetwork::shapes(&SMALL).map(|(_, [rows, columns])| {
            let weight = |row, column| ((row * 7 + column * 5) as i64 + seed) % 9 - 4;
            Block::from_fn(rows, columns, weight, |row| i128::from(seed) - 5 * row as i128)
        });
        IntegerNetwork::new(SMALL, PixelLevels::new(4).unwrap(), 0.3, blocks).unwrap()
    }

    proptest! {
        #[test]
        fn the_sum_of_members_with_votes_is_the_weighted_sum(
            image in prop::collection::vec(0u8..=3, 16),
            votes in [1..1000_i64, 1..1000],
        ) {
            let members = [network(1), network(2)];
            let weighted =
                members.iter().zip(votes).map(|(member, vote)| member.with_vote(vote).unwrap()).collect();
            let ensemble = IntegerEnsemble::new(weighted).unwrap();
            let found = sum_logits(&ensemble.member_logits(&image).unwrap());
            for (class, found) in found.into_iter().enumerate() {
                let logit = |member: &IntegerNetwork| member.logits(&image).unwrap()[class];
                let expected =
                    i128::from(votes[0]) * logit(&members[0]) + i128::from(votes[1]) * logit(&members[1]);
                prop_assert_eq!(found, expected);
            }
            let proven: i128 =
                members.iter().zip(votes).map(|(m, vote)| m.bounds().logits * i128::from(vote)).sum();
            prop_assert_eq!(ensemble.proven_logits(), proven);
        }
    }

    #[test]
    fn a_vote_of_one_changes_nothing() {
        assert_eq!(network(1).with_vote(1).unwrap(), network(1));
    }

    #[test]
    fn votes_that_are_not_positive_or_far_too_large_are_refused() {
        for vote in [0, -1, i64::MIN] {
            let error = network(1).with_vote(vote).unwrap_err();
            assert_eq!(error.to_string(), format!("a member cannot have {vote} votes, but 1 or more"));
        }
        assert_eq!(
            network(1).with_vote(i64::MAX).unwrap_err(),
            NetworkError::Range(RangeTooLarge { layer: "output layer" })
        );
    }
}
