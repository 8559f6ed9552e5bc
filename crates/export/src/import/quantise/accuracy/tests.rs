//! Accuracies measured in batches and with shared layers equal those of images one by one.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ObservedRange, PixelLevels, predict, sum_logits};

use crate::import::description::quantisation::Scales;
use crate::import::fixtures::small_network::{SHAPE, network};
use crate::import::quantise::accuracy::FloatReference;
use crate::import::quantise::batch_network::BatchNetwork;
use crate::import::quantise::candidate::Candidate;
use crate::import::real_network::RealNetwork;

/// More images than a batch has, and not a multiple of it.
const IMAGES: usize = 150;

fn images() -> LabelledImages {
    let pixels: Vec<u8> =
        (0..36 * IMAGES).map(|i| if i % 5 < 3 { 0 } else { (i * i * 31 % 256) as u8 }).collect();
    LabelledImages::new(6, pixels, (0..IMAGES).map(|index| (index % 3) as u8).collect()).unwrap()
}

fn candidate(scales: [f64; 3]) -> Candidate {
    Candidate { levels: PixelLevels::new(9).unwrap(), scales: Scales(scales) }
}

fn members() -> [RealNetwork; 2] {
    let member = network(SHAPE);
    let blocks = member.blocks().clone().map(|block| block.scaled(|_| 1.0, |row| 0.5 + row as f64 / 3.0));
    [member, RealNetwork::new(SHAPE, blocks)]
}

#[test]
fn an_ensemble_is_judged_by_its_exact_logits_whether_they_fit_floating_point_or_not() {
    let images = images();
    let members = members();
    let batch: Vec<BatchNetwork> = members.iter().map(BatchNetwork::of_real).collect();
    let reference = FloatReference::new(&batch, &images);
    // Powers of two would leave numbers of few binary digits, which always fit.
    for (scales, fits) in
        [([4.0, 4.0, 4.0], true), ([256.0, 256.0, 8.0], true), ([12001.0, 8003.0, 0.27], false)]
    {
        let ensemble = candidate(scales).round_to_integers(&members).unwrap();
        let hidden = ensemble.members().iter().map(|member| member.bounds().hidden).max().unwrap();
        assert_eq!(hidden <= 1 << 53, fits, "{hidden}");
        let (summary, observed) = reference.measure_exact(&ensemble).unwrap();
        let mut correct = 0;
        let mut range = ObservedRange::default();
        for (index, &label) in images.labels().iter().enumerate() {
            let image = ensemble.pixel_levels().quantise_all(images.image(index));
            let logits = ensemble.member_logits(&image).unwrap();
            correct += usize::from(predict(&sum_logits(&logits)) == usize::from(label));
            range = range.merge(ObservedRange::of(&logits));
        }
        assert_eq!((summary.images, summary.correct, &observed), (IMAGES, correct, &range));
        assert_eq!(summary.largest_logit, range.largest() as f64);
        // Floating point gives the same as long as its numbers are exact.
        let float = reference.measure_candidate(&batch, &candidate(scales));
        assert_eq!(float.correct, correct);
        assert!((float.largest_logit / summary.largest_logit - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_trial_that_shares_layers_with_another_is_judged_as_one_that_does_not() {
    let images = images();
    let members = members().map(|member| BatchNetwork::of_real(&member));
    let reference = FloatReference::new(&members, &images);
    let from = reference.measure_sharing_layers(&members, &candidate([8.0, 4.0, 2.0]), None);
    for (scales, shared) in
        [([8.0, 4.0, 1.0], 2), ([8.0, 3.0, 2.0], 1), ([7.0, 4.0, 2.0], 0), ([8.0, 4.0, 2.0], 3)]
    {
        let next = candidate(scales);
        assert_eq!(next.layers_in_common(&from.candidate), shared);
        let sharing = reference.measure_sharing_layers(&members, &next, Some(&from)).summary;
        assert_eq!(sharing, reference.measure_candidate(&members, &next));
    }
    let other_levels = Candidate { levels: PixelLevels::new(5).unwrap(), ..from.candidate };
    assert_eq!(other_levels.layers_in_common(&from.candidate), 0);
}
