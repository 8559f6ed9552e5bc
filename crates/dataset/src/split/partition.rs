//! Division of the images among members by groups of labels.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::split::error::SplitError;
use crate::split::method::check_cover;
use crate::split::share_range::ShareRange;

/// Images shared out among the members of an ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// Indices of each member's images, ascending. Every image belongs to exactly one member.
    pub indices: Vec<Vec<usize>>,
    /// One share between 0 and 1 for each label.
    ///
    /// In a split by groups, the share of the label's images that was drawn for the member whose group has the label; 1 if
    /// there is only one member. In a Dirichlet split, the largest share of the label's images that one member has; 0 if
    /// no image has the label.
    pub shares: Vec<f64>,
}

/// Divides the images with these `labels` among the members. There is one member for each of `groups`.
///
/// For each label, a share is drawn uniformly from `range`. That share of the label's images, rounded to the nearest whole
/// number, goes to the member whose group has the label. The rest is divided equally among the other members. The images
/// are drawn at random. All random numbers come from `seed`.
///
/// # Errors
/// If there are no groups, a label is in no group or in more than one, or a label is not below the number of labels in
/// the groups.
#[expect(
    clippy::indexing_slicing,
    reason = "`check_cover` has checked the labels of `groups`; owners and turns are below the number of members"
)]
pub fn partition(
    labels: &[u8],
    groups: &[Vec<u8>],
    range: ShareRange,
    seed: u64,
) -> Result<Partition, SplitError> {
    let members = groups.len();
    if members == 0 {
        return Err(SplitError::NoMembers);
    }
    let classes = groups.iter().map(Vec::len).sum();
    check_cover(groups, classes)?;
    let mut images_of = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        images_of.get_mut(usize::from(label)).ok_or(SplitError::LabelMissing { label })?.push(index);
    }
    let mut owner_of = vec![0; classes];
    for (member, group) in groups.iter().enumerate() {
        group.iter().for_each(|&label| owner_of[usize::from(label)] = member);
    }

    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut indices = vec![Vec::new(); members];
    let mut shares = Vec::with_capacity(classes);
    let mut turn = 0;
    for (mut images, owner) in images_of.into_iter().zip(owner_of) {
        // The drawn float may be rounded up to just above the upper end.
        let drawn = rng.random_range(range.low()..=range.high()).min(range.high());
        let share = if members == 1 { 1.0 } else { drawn };
        shares.push(share);
        images.shuffle(&mut rng);
        // The result is at most `images.len()`, because the share is at most 1.
        let majority = (share * images.len() as f64).round() as usize;
        let rest = images.split_off(majority);
        indices[owner].extend(images);
        // Members take turns. The turn continues from label to label, so that images left over from equal parts do not
        // always go to the first members.
        for image in rest {
            if turn == owner {
                turn = (turn + 1) % members;
            }
            indices[turn].push(image);
            turn = (turn + 1) % members;
        }
    }
    indices.iter_mut().for_each(|images| images.sort_unstable());
    Ok(Partition { indices, shares })
}

/// Counts the images of each label for each member: one row for each member, with one entry for each of `classes` labels.
///
/// # Panics
/// If an index of `indices` is beyond `labels`, or a label not below `classes`.
#[must_use]
#[expect(clippy::indexing_slicing, reason = "the documentation states the panic")]
pub fn label_counts(indices: &[Vec<usize>], labels: &[u8], classes: usize) -> Vec<Vec<usize>> {
    indices
        .iter()
        .map(|images| {
            let mut counts = vec![0; classes];
            images.iter().for_each(|&image| counts[usize::from(labels[image])] += 1);
            counts
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::split::method::{SplitMethod, group_labels};

    fn range(low: f64, high: f64) -> ShareRange {
        ShareRange::new(low, high).unwrap()
    }

    /// `count` images of each of ten labels, one label after the other in turn.
    fn some_labels(count: usize) -> Vec<u8> {
        (0..10).cycle().take(10 * count).collect()
    }

    fn regular(members: usize) -> Vec<Vec<u8>> {
        group_labels(&SplitMethod::Regular, members, 10, 0).unwrap()
    }

    #[test]
    fn the_owner_of_a_label_gets_its_share_and_the_others_equal_parts_of_the_rest() {
        let labels = some_labels(100);
        let found = partition(&labels, &regular(3), range(0.8, 0.8), 1).unwrap();
        let counts = label_counts(&found.indices, &labels, 10);
        assert_eq!(counts[0], [80, 80, 80, 10, 10, 10, 10, 10, 10, 10]);
        assert_eq!(counts[1], [10, 10, 10, 80, 80, 80, 10, 10, 10, 10]);
        assert_eq!(counts[2], [10, 10, 10, 10, 10, 10, 80, 80, 80, 80]);
        assert_eq!(found.shares, [0.8; 10]);
    }

    #[test]
    fn a_share_of_one_leaves_nothing_to_the_others() {
        let labels = some_labels(9);
        let found = partition(&labels, &regular(3), range(1.0, 1.0), 1).unwrap();
        assert_eq!(label_counts(&found.indices, &labels, 10)[0], [9, 9, 9, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_odd_images_go_to_each_member_in_turn() {
        // Each label leaves one image to one of the two others: ten in all.
        let labels = some_labels(1);
        let found = partition(&labels, &regular(3), range(0.0, 0.0), 1).unwrap();
        let sizes: Vec<usize> = found.indices.iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 4, 3]);
    }

    #[test]
    fn labels_without_a_group_are_refused() {
        let range = range(0.5, 0.6);
        assert_eq!(partition(&[0], &[], range, 1), Err(SplitError::NoMembers));
        let groups = [vec![0], vec![1]];
        assert_eq!(partition(&[0, 2], &groups, range, 1), Err(SplitError::LabelMissing { label: 2 }));
        let twice = [vec![0], vec![0, 1]];
        assert_eq!(partition(&[0], &twice, range, 1), Err(SplitError::LabelTwice { label: 0 }));
    }

    #[test]
    fn another_seed_draws_other_shares_and_deals_other_images() {
        let labels = some_labels(50);
        let of = |range, seed| partition(&labels, &regular(3), range, seed).unwrap();
        assert_ne!(of(range(0.5, 0.6), 1).shares, of(range(0.5, 0.6), 2).shares);
        // With one possible share, only the choice of the images is left to differ.
        assert_ne!(of(range(0.5, 0.5), 1).indices, of(range(0.5, 0.5), 2).indices);
    }

    proptest! {
        #[test]
        fn every_image_is_used_once_in_the_promised_numbers(
            labels in prop::collection::vec(0..10_u8, 0..400),
            members in 1..=25_usize,
            ends in [0.0..=1.0_f64, 0.0..=1.0],
            seed: u64,
        ) {
            let range = range(ends[0].min(ends[1]), ends[0].max(ends[1]));
            let groups = group_labels(&SplitMethod::Random, members, 10, seed).unwrap();
            let found = partition(&labels, &groups, range, seed).unwrap();
            prop_assert_eq!(&partition(&labels, &groups, range, seed).unwrap(), &found);
            prop_assert!(found.indices.iter().all(|images| images.is_sorted()));
            let mut all = found.indices.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());

            let counts = label_counts(&found.indices, &labels, 10);
            for (owner, group) in groups.iter().enumerate() {
                for label in group.iter().map(|&label| usize::from(label)) {
                    let share = found.shares[label];
                    let count = labels.iter().filter(|&&l| usize::from(l) == label).count();
                    if members == 1 {
                        prop_assert_eq!((share, counts[0][label]), (1.0, count));
                        continue;
                    }
                    prop_assert!((range.low()..=range.high()).contains(&share));
                    prop_assert_eq!(counts[owner][label], (share * count as f64).round() as usize);
                    let others = (0..members).filter(|&m| m != owner).map(|m| counts[m][label]);
                    prop_assert!(others.clone().max().unwrap() - others.min().unwrap() <= 1);
                }
            }
        }
    }
}
