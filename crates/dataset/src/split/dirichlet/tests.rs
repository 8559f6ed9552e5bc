use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::split::partition::label_counts;

/// Calls [`partition_dirichlet`] with a concentration that may be invalid.
fn partition_with(
    labels: &[u8],
    classes: usize,
    members: usize,
    alpha: f64,
    seed: u64,
) -> Result<Partition, SplitError> {
    partition_dirichlet(labels, classes, members, DirichletAlpha::new(alpha)?, seed)
}

/// `count` images of each of ten labels, in turn.
fn even_labels(count: usize) -> Vec<u8> {
    (0..10).cycle().take(10 * count).collect()
}

/// The mix's probabilities.
fn probabilities(mix: &LabelMix) -> Vec<f64> {
    let total = mix.cumulative.last().unwrap();
    let before = [0.0].iter().chain(&mix.cumulative);
    before.zip(&mix.cumulative).map(|(before, sum)| (sum - before) / total).collect()
}

#[test]
fn mixes_have_the_mean_and_variance_of_a_dirichlet_distribution() {
    let frequencies = [0.1, 0.2, 0.3, 0.4];
    for alpha in [0.1, 1.0, 20.0] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mixes: Vec<Vec<f64>> =
            (0..20_000).map(|_| probabilities(&LabelMix::draw(alpha, &frequencies, &mut rng))).collect();
        for (label, p) in frequencies.into_iter().enumerate() {
            let mean = mixes.iter().map(|mix| mix[label]).sum::<f64>() / 20_000.0;
            let variance = mixes.iter().map(|mix| (mix[label] - mean).powi(2)).sum::<f64>() / 20_000.0;
            let expected = p * (1.0 - p) / (alpha + 1.0);
            assert!((mean - p).abs() < 5.0 * (expected / 20_000.0).sqrt(), "{alpha} {label}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.1, "{alpha} {label}: {variance}, not {expected}");
        }
    }
}

#[test]
fn weights_too_small_for_a_float_count_when_the_others_are_used_up() {
    let mut mix = LabelMix { log_weights: vec![0.0, -200_000.0, -100_000.0, -100_000.0], cumulative: vec![] };
    mix.update_cumulative();
    assert_eq!(probabilities(&mix), [1.0, 0.0, 0.0, 0.0]);
    mix.remove(0);
    assert_eq!(probabilities(&mix), [0.0, 0.0, 0.5, 0.5]);
    mix.remove(2);
    mix.remove(3);
    assert_eq!(probabilities(&mix), [0.0, 1.0, 0.0, 0.0]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert!((0..100).all(|_| mix.draw_label(&mut rng) == 1));
}

#[test]
fn a_large_alpha_gives_every_member_the_frequencies_of_all_images() {
    let labels: Vec<u8> = (0..4).flat_map(|label| vec![label; 1000 * (usize::from(label) + 1)]).collect();
    let found = partition_with(&labels, 4, 4, DirichletAlpha::MAX, 1).unwrap();
    for counts in label_counts(&found.indices, &labels, 4) {
        assert_eq!(counts.iter().sum::<usize>(), 2500);
        for (count, expected) in counts.into_iter().zip([250.0, 500.0, 750.0, 1000.0]) {
            // Five standard deviations of a multinomial draw.
            assert!((count as f64 - expected).abs() < 5.0 * f64::sqrt(expected), "{count}, not {expected}");
        }
    }
    assert!(found.shares.iter().all(|share| (0.25..0.35).contains(share)), "{:?}", found.shares);
}

#[test]
fn a_small_alpha_gives_members_few_labels() {
    let labels = even_labels(300);
    // The mean over ten seeds of the part that a member's most frequent label has of its images.
    let purity = |alpha| {
        let parts = (1..=10).flat_map(|seed| {
            let found = partition_with(&labels, 10, 5, alpha, seed).unwrap();
            label_counts(&found.indices, &labels, 10)
                .into_iter()
                .map(|counts| counts.iter().copied().max().unwrap() as f64 / 600.0)
        });
        parts.sum::<f64>() / 50.0
    };
    let found = [0.01, 1.0, 10.0, 1000.0].map(purity);
    assert!(found.is_sorted_by(|more, less| more > less), "{found:?}");
    // A label has 300 images, half of what a member gets.
    assert!(found[0] > 0.4 && found[3] < 0.15, "{found:?}");
}

#[test]
fn how_many_labels_a_member_has_does_not_depend_on_its_place() {
    // Members that chose one after the other would leave the last one with what the others do not want.
    let labels = even_labels(10);
    let mut present = [0; 4];
    for seed in 0..400 {
        let found = partition_with(&labels, 10, 4, 0.1, seed).unwrap();
        for (present, counts) in present.iter_mut().zip(label_counts(&found.indices, &labels, 10)) {
            *present += counts.iter().filter(|&&count| count > 0).count();
        }
    }
    let mean = present.iter().sum::<usize>() as f64 / 4.0;
    assert!(present.iter().all(|&labels| (labels as f64 / mean - 1.0).abs() < 0.05), "{present:?}");
}

#[test]
fn the_recorded_split_is_drawn_on_every_machine() {
    // No later version may silently draw other splits than those of published records.
    let labels: Vec<u8> = (0..1000_u32).map(|i| (i * i % 10) as u8).collect();
    let mut hash = Sha256::new();
    for (alpha, seed) in [(0.001, 1), (0.5, 1), (0.5, 2), (100.0, 1), (1e6, 1)] {
        let found = partition_with(&labels, 10, 3, alpha, seed).unwrap();
        for images in &found.indices {
            images.iter().for_each(|image| hash.update((*image as u64).to_le_bytes()));
        }
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, "27a5c6ccff051b59a50013fb1cf2e060f02148c0033629f77b44e1bbf2928671");
    let found = partition_with(&even_labels(6), 10, 3, 0.5, 1).unwrap();
    let recorded =
        [[4, 5, 0, 0, 0, 0, 6, 0, 4, 1], [0, 1, 6, 0, 0, 6, 0, 6, 0, 1], [2, 0, 0, 6, 6, 0, 0, 0, 2, 4]];
    assert_eq!(label_counts(&found.indices, &even_labels(6), 10), recorded);
}

#[test]
fn another_seed_draws_another_split() {
    let of_seed = |seed| partition_with(&even_labels(20), 10, 3, 0.5, seed).unwrap();
    assert_ne!(of_seed(1), of_seed(2));
    // With the frequencies as mixes, only the choice of images is left to differ.
    let of_seed = |seed| partition_with(&[0; 20], 1, 3, 0.5, seed).unwrap().indices;
    assert_ne!(of_seed(1), of_seed(2));
}

#[test]
fn what_cannot_be_split_is_refused_with_the_numbers() {
    let error = |labels: &[u8], classes, members, alpha| {
        partition_with(labels, classes, members, alpha, 1).unwrap_err()
    };
    assert_eq!(error(&[0, 1], 2, 0, 1.0), SplitError::NoMembers);
    assert_eq!(error(&[0, 1], 0, 1, 1.0), SplitError::Classes { classes: 0 });
    assert_eq!(error(&[0, 1], 257, 1, 1.0), SplitError::Classes { classes: 257 });
    assert_eq!(error(&[0, 1], 2, 3, 1.0), SplitError::TooFewImages { images: 2, members: 3 });
    assert_eq!(error(&[], 2, 1, 1.0), SplitError::TooFewImages { images: 0, members: 1 });
    assert_eq!(error(&[0, 2], 2, 1, 1.0), SplitError::UnknownLabel { image: 1, label: 2, classes: 2 });
    for alpha in [0.0, -1.0, 0.000_9, 1.1e6, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = error(&[0, 1], 2, 2, alpha);
        assert!(error.to_string().contains(&alpha.to_string()), "{error}");
    }
}

proptest! {
    #[test]
    fn every_image_is_used_once_and_members_get_equal_numbers(
        labels in prop::collection::vec(0..10_u8, 25..400),
        members in 1..=25_usize,
        exponent in -3.0..=6.0_f64,
        seed: u64,
    ) {
        let alpha = 10_f64.powf(exponent).clamp(DirichletAlpha::MIN, DirichletAlpha::MAX);
        let found = partition_with(&labels, 12, members, alpha, seed).unwrap();
        prop_assert_eq!(&partition_with(&labels, 12, members, alpha, seed).unwrap(), &found);
        prop_assert!(found.indices.iter().all(|images| images.is_sorted()));
        let mut all = found.indices.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
        let sizes = found.indices.iter().map(Vec::len);
        prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);

        let counts = label_counts(&found.indices, &labels, 12);
        for label in 0..12 {
            let of_label = counts.iter().map(|counts| counts[label]);
            let total: usize = of_label.clone().sum();
            let share = if total == 0 { 0.0 } else { of_label.max().unwrap() as f64 / total as f64 };
            prop_assert_eq!(found.shares[label], share);
        }
    }
}
