use proptest::prelude::*;
use sottovoce_network::{Architecture, Block, IntegerNetwork, Padding, PixelLevels, sum_logits};

use super::*;

/// Four black or white pixels, each with its own hidden unit, and two classes.
const SHAPE: Architecture = Architecture {
    image_side: 2,
    kernel: 1,
    stride: 1,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 1,
    hidden: 4,
    classes: 2,
};

/// A member whose logits are weighted fourth powers of the four pixels.
fn member(output: [[i64; 4]; 2]) -> IntegerNetwork {
    let convolution = Block::from_fn(1, 1, |_, _| 1, |_| 0);
    let hidden = Block::from_fn(4, 4, |unit, pixel| i64::from(unit == pixel), |_| 0);
    let output = Block::from_fn(2, 4, |class, unit| output[class][unit], |_| 0);
    IntegerNetwork::new(SHAPE, PixelLevels::new(2).unwrap(), 1.0, [convolution, hidden, output]).unwrap()
}

fn ensemble(outputs: &[[[i64; 4]; 2]]) -> IntegerEnsemble {
    IntegerEnsemble::new(outputs.iter().map(|&output| member(output)).collect()).unwrap()
}

/// Black and white images with labels.
fn images(images: &[([u8; 4], u8)]) -> LabelledImages {
    let pixels = images.iter().flat_map(|(image, _)| image.map(|pixel| 255 * pixel)).collect();
    LabelledImages::new(2, pixels, images.iter().map(|&(_, label)| label).collect()).unwrap()
}

/// Number of images that the ensemble of weighted members classifies correctly, computed with the networks.
fn right(ensemble: &IntegerEnsemble, votes: &[i64], images: &LabelledImages) -> usize {
    let members =
        ensemble.members().iter().zip(votes).map(|(member, &vote)| member.with_votes(vote).unwrap());
    let weighted = IntegerEnsemble::new(members.collect()).unwrap();
    let count = images.iter().zip(images.labels()).filter(|(image, label)| {
        let image: Vec<u8> = image.iter().map(|&pixel| pixel / 255).collect();
        predict(&sum_logits(&weighted.member_logits(&image).unwrap())) == usize::from(**label)
    });
    count.count()
}

/// The first member is wrong about the first pixel by 5, the second right by 2: it takes three votes.
const LOUD_AND_WRONG: [[[i64; 4]; 2]; 2] = [[[5, 0, 0, 1], [0, 0, 0, 0]], [[0, 0, 0, 0], [2, 0, 0, 0]]];

#[test]
fn the_member_that_is_right_is_heard_with_as_few_votes_as_it_takes() {
    let ensemble = ensemble(&LOUD_AND_WRONG);
    let validation = images(&[([1, 0, 0, 0], 1)]);
    assert_eq!(choose_votes(&ensemble, &validation, 8).unwrap(), [1, 3]);
    // With two votes, no votes are better than equal ones.
    assert_eq!(choose_votes(&ensemble, &validation, 2).unwrap(), [1, 1]);
    assert_eq!(choose_votes(&ensemble, &images(&[]), 8).unwrap(), [1, 1]);
}

#[test]
fn equal_sums_go_to_the_lexicographically_first() {
    // Either member's second vote decides.
    let ensemble = ensemble(&[[[0; 4], [2, 0, 0, 0]], [[0; 4], [2, 0, 0, 0]], [[5, 0, 0, 0], [0; 4]]]);
    assert_eq!(choose_votes(&ensemble, &images(&[([1, 0, 0, 0], 1)]), 3).unwrap(), [1, 2, 1]);
}

#[test]
fn many_members_are_improved_one_by_one() {
    // 3^8 combinations are more than the limit.
    let quiet = [[0; 4], [1, 0, 0, 0]];
    let mut outputs = vec![[[9, 0, 0, 0], [0; 4]]];
    outputs.extend([[[0, 1, 0, 0], [0, 0, 0, 0]]; 6]);
    outputs.push(quiet.map(|row| row.map(|weight| 4 * weight)));
    assert_eq!(combinations(8, 3), None);
    let found = choose_votes(&ensemble(&outputs), &images(&[([1, 0, 0, 0], 1)]), 3).unwrap();
    assert_eq!(found, [1, 1, 1, 1, 1, 1, 1, 3]);
}

#[test]
fn few_combinations_are_all_tried_and_many_are_not() {
    assert_eq!(combinations(3, 16), Some(4096));
    assert_eq!(combinations(3, 17), None);
    assert_eq!(combinations(1000, 1), Some(1));
    assert_eq!(combinations(100, 2), None);
}

#[test]
fn no_votes_and_too_many_are_refused() {
    let (ensemble, none) = (ensemble(&LOUD_AND_WRONG), images(&[]));
    for most in [0, -3] {
        assert_eq!(choose_votes(&ensemble, &none, most), Err(VotesError::TooFew(most)));
    }
    let large = IntegerEnsemble::new(vec![member([[i64::MAX; 4]; 2])]).unwrap();
    assert_eq!(choose_votes(&large, &none, i64::MAX), Err(VotesError::RangeTooLarge(i64::MAX)));
    let wrong = LabelledImages::new(1, vec![0], vec![0]).unwrap();
    assert!(matches!(choose_votes(&ensemble, &wrong, 2), Err(VotesError::Forward(_))));
}

proptest! {
    #[test]
    fn no_other_votes_are_better(
        outputs in prop::collection::vec(prop::array::uniform2(prop::array::uniform4(-9..=9_i64)), 3),
        labelled in prop::collection::vec((prop::array::uniform4(0..=1_u8), 0..=1_u8), 0..20),
    ) {
        let (ensemble, validation) = (ensemble(&outputs), images(&labelled));
        let found = choose_votes(&ensemble, &validation, 4).unwrap();
        let key = |votes: &[i64]| (Reverse(right(&ensemble, votes, &validation)), votes.iter().sum::<i64>(), votes.to_vec());
        let all = (0..64).map(|i| vec![1 + i / 16, 1 + i / 4 % 4, 1 + i % 4]);
        let expected = all.min_by_key(|votes| key(votes)).unwrap();
        prop_assert_eq!(found, expected);
    }
}
