use proptest::prelude::*;

use super::*;
use crate::{IntegerEnsemble, Padding, sum_logits};

/// 4 x 4 pixels, two maps of 2 x 2 with stride 2, 3 hidden units, 2 classes.
const SMALL: Architecture = Architecture {
    image_side: 4,
    kernel: 2,
    stride: 2,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 2,
    hidden: 3,
    classes: 2,
};

fn block(rows: usize, columns: usize, weight: impl Fn(usize, usize) -> i64, bias: i128) -> IntegerBlock {
    let weights = (0..rows * columns).map(|i| weight(i / columns, i % columns)).collect();
    Block::new(columns, weights, vec![bias; rows]).unwrap()
}

#[test]
fn a_network_small_enough_for_paper_and_pencil_gives_its_logits() {
    // Map 0 sums its window, map 1 is its top left pixel less its bottom right one.
    let convolution = block(2, 4, |map, tap| [[1, 1, 1, 1], [1, 0, 0, -1]][map][tap], 1);
    let hidden = block(3, 8, |unit, input| i64::from(input % 3 == unit), -2);
    let output = block(2, 3, |class, unit| [[1, 2, 3], [-1, 0, 1]][class][unit], 5);
    let network = IntegerNetwork::new(SMALL, PixelLevels::FOUR, 1.0, [convolution, hidden, output]).unwrap();
    #[rustfmt::skip]
    let image = [
        1, 0, 2, 2,
        0, 3, 2, 2,
        0, 0, 3, 0,
        0, 0, 0, 1,
    ];
    // Convolution: map 0: 5, 9, 1, 5; map 1: -1, 1, 1, 3. Squares: 25 81 1 25 1 1 1 9.
    // Hidden: 25+25+1-2 = 49, 81+1+9-2 = 89, 1+1-2 = 0. Logits: 2401+2*7921+5, -2401+5.
    assert_eq!(network.logits(&image).unwrap(), [18_248, -2_396]);
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let network = any_network(1);
    assert_eq!(network.logits(&[0; 15]), Err(ForwardError::ImageSize { found: 15, needed: 16 }));
    let mut image = [0; 16];
    image[7] = 4;
    assert_eq!(network.logits(&image), Err(ForwardError::Pixel { index: 7, found: 4, largest: 3 }));
}

#[test]
fn blocks_of_the_wrong_shape_are_refused_by_name() {
    let blocks = [block(2, 4, |_, _| 1, 0), block(3, 9, |_, _| 1, 0), block(2, 3, |_, _| 1, 0)];
    let error = IntegerNetwork::new(SMALL, PixelLevels::FOUR, 1.0, blocks).unwrap_err();
    assert_eq!(error.to_string(), "the hidden block is 3 x 9, but the architecture needs 3 x 8");
}

#[test]
fn weights_whose_values_could_exceed_127_bits_are_refused() {
    let blocks = [block(2, 4, |_, _| 1 << 40, 0), block(3, 8, |_, _| 1 << 40, 0), block(2, 3, |_, _| 1, 0)];
    let error = IntegerNetwork::new(SMALL, PixelLevels::FOUR, 1.0, blocks).unwrap_err();
    assert_eq!(error, NetworkError::Range(RangeTooLarge { layer: "hidden layer" }));
}

fn any_network(scale: i64) -> IntegerNetwork {
    let weight = |row: usize, column: usize| ((row * 7 + column * 5) as i64 % 9 - 4) * scale;
    let blocks = [block(2, 4, weight, 3), block(3, 8, weight, -11), block(2, 3, weight, 17)];
    IntegerNetwork::new(SMALL, PixelLevels::FOUR, 1.0, blocks).unwrap()
}

proptest! {
    #[test]
    fn both_widths_give_the_same_logits_within_the_bounds(
        image in prop::collection::vec(0u8..=3, 16),
        // Up to 3 the hidden layer is narrow.
        scale in prop_oneof![1i64..4, 1i64..1000],
    ) {
        let network = any_network(scale);
        let wide = network.forward::<i128>(&image, None).unwrap();
        prop_assert_eq!(&network.logits(&image).unwrap(), &wide);
        prop_assert!(wide.iter().all(|logit| logit.abs() <= network.bounds().logits));
        prop_assert!(network.narrow_hidden.is_some() || scale > 1);
        if network.bounds().fit_i64() {
            prop_assert_eq!(network.forward::<i64>(&image, None).unwrap(), wide);
        }
    }
}

fn member(seed: i64) -> IntegerNetwork {
    let weight = |_: &str, row, column| ((row * 7 + column * 5) as i64 + seed) % 9 - 4;
    let bias = |_: &str, row| i128::from(seed) - 5 * row as i128;
    IntegerNetwork::from_fn(SMALL, PixelLevels::FOUR, weight, bias).unwrap()
}

proptest! {
    #[test]
    fn the_sum_of_members_with_votes_is_the_weighted_sum(
        image in prop::collection::vec(0u8..=3, 16),
        votes in [1..1000_i64, 1..1000],
    ) {
        let members = [member(1), member(2)];
        let weighted =
            members.iter().zip(votes).map(|(member, vote)| member.with_votes(vote).unwrap()).collect();
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
    // A scale other than the sampler's, so that a lost scale is seen.
    let member = IntegerNetwork { logit_scale: 0.3, ..member(1) };
    assert_eq!(member.with_votes(1).unwrap(), member);
}

#[test]
fn votes_that_are_not_positive_or_far_too_large_are_refused() {
    for vote in [0, -1, i64::MIN] {
        let error = member(1).with_votes(vote).unwrap_err();
        assert_eq!(error.to_string(), format!("a member cannot have {vote} votes, but needs at least 1"));
    }
    assert_eq!(
        member(1).with_votes(i64::MAX).unwrap_err(),
        NetworkError::Range(RangeTooLarge { layer: "output layer" })
    );
}
