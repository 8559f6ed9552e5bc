//! The Dirichlet split: every member draws the labels of its images from a mix of its own.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::split::dirichlet_alpha::DirichletAlpha;
use crate::split::error::SplitError;
use crate::split::gamma::log_gamma_variate;
use crate::split::partition::Partition;

/// Divides the images with these `labels` among `members`, whose label mixes are drawn from a Dirichlet distribution. All
/// random numbers come from `seed`.
///
/// This is the split of Hsu, Qi and Brown, "Measuring the effects of non-identical data distribution for federated
/// visual classification" (2019, arXiv 1909.06335, section 3). Every member draws a mix q of the labels `0..classes`
/// from Dirichlet(alpha * p), where p is the frequency of each label in `labels`. A small `alpha` gives members of
/// few labels; a large one gives every member the frequencies of all images. Members get equal numbers of images;
/// if the number of images is not a multiple of `members`, the first members get one image more.
///
/// Images are drawn without replacement. The members take turns, one image a turn, in a random order, so that no member
/// always chooses last. On its turn, a member draws a label from its mix and one of the label's remaining images. When a
/// label has no image left, it is removed from every mix and the mixes are normalised again, as in Flower's
/// `InnerDirichletPartitioner` and FedLab's `client_inner_dirichlet_partition`. So a member may have no image of some
/// labels, and the last images follow the mixes less closely than the first.
///
/// The result depends only on the arguments, not on the machine.
///
/// # Errors
/// If there are no members, no classes or more than 256, fewer images than members, or a label that is not below
/// `classes`.
#[expect(clippy::indexing_slicing, reason = "drawn labels are below `classes`, turns below `members`")]
pub fn partition_dirichlet(
    labels: &[u8],
    classes: usize,
    members: usize,
    alpha: DirichletAlpha,
    seed: u64,
) -> Result<Partition, SplitError> {
    if members == 0 {
        return Err(SplitError::NoMembers);
    }
    if !(1..=256).contains(&classes) {
        return Err(SplitError::Classes { classes });
    }
    if labels.len() < members {
        return Err(SplitError::TooFewImages { images: labels.len(), members });
    }
    let mut stock = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        stock
            .get_mut(usize::from(label))
            .ok_or(SplitError::UnknownLabel { image: index, label, classes })?
            .push(index);
    }
    let totals: Vec<usize> = stock.iter().map(Vec::len).collect();

    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let frequencies: Vec<f64> = totals.iter().map(|&total| total as f64 / labels.len() as f64).collect();
    let mut mixes: Vec<LabelMix> =
        (0..members).map(|_| LabelMix::draw(alpha.get(), &frequencies, &mut rng)).collect();
    stock.iter_mut().for_each(|images| images.shuffle(&mut rng));
    let mut turns: Vec<usize> = (0..members).cycle().take(labels.len()).collect();
    turns.shuffle(&mut rng);

    let mut indices = vec![Vec::new(); members];
    let mut counts = vec![vec![0; members]; classes];
    for member in turns {
        let label = mixes[member].draw_label(&mut rng);
        // The label has an image, because labels without images are in no mix.
        indices[member].extend(stock[label].pop());
        counts[label][member] += 1;
        if stock[label].is_empty() {
            mixes.iter_mut().for_each(|mix| mix.remove(label));
        }
    }
    indices.iter_mut().for_each(|images| images.sort_unstable());
    let shares = counts
        .iter()
        .zip(totals)
        .map(|(counts, total)| counts.iter().copied().max().unwrap_or(0) as f64 / total.max(1) as f64)
        .collect();
    Ok(Partition { indices, shares })
}

/// Weights with which a member draws each label.
struct LabelMix {
    /// Logarithm of each label's weight, up to a constant that is common to all labels; negative infinity for a label that
    /// is not in the mix. Logarithms keep the order of weights that are too small for an `f64`. These weights decide when
    /// the heavier labels have no images left.
    log_weights: Vec<f64>,
    /// Sums of the weights of each label and the labels before it. The heaviest label has the weight 1.
    cumulative: Vec<f64>,
}

impl LabelMix {
    /// Draws a mix from Dirichlet(alpha * frequencies). The weights are gamma variates of these shapes; dividing them by
    /// their sum gives the mix. Labels of frequency 0 are not in the mix.
    fn draw(alpha: f64, frequencies: &[f64], rng: &mut impl Rng) -> Self {
        let log_weights = frequencies
            .iter()
            .map(|&p| if p > 0.0 { log_gamma_variate(alpha * p, rng) } else { f64::NEG_INFINITY })
            .collect();
        let mut mix = Self { log_weights, cumulative: Vec::new() };
        mix.update_cumulative();
        mix
    }

    /// Draws a label of the mix. The mix must not be empty.
    fn draw_label(&self, rng: &mut impl Rng) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let drawn = rng.random::<f64>() * total;
        // The product may be rounded up to the total. Then the last label of positive weight is drawn.
        self.cumulative.partition_point(|&sum| sum <= drawn && sum < total)
    }

    /// Removes a label from the mix.
    fn remove(&mut self, label: usize) {
        if let Some(weight) = self.log_weights.get_mut(label) {
            *weight = f64::NEG_INFINITY;
        }
        self.update_cumulative();
    }

    /// Recomputes the cumulative sums.
    fn update_cumulative(&mut self) {
        let greatest = self.log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        self.cumulative.clear();
        self.cumulative.extend(self.log_weights.iter().map(|&log| {
            if log > f64::NEG_INFINITY {
                sum += libm::exp(log - greatest);
            }
            sum
        }));
    }
}

#[cfg(test)]
mod tests;
