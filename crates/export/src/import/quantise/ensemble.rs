//! The rounding of float members to an integer ensemble, with a table of accuracy against bits.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Block, ForwardError, IntegerEnsemble, ObservedRange, PixelLevels};

use super::accuracy::{AccuracySummary, FloatReference};
use super::batch_network::BatchNetwork;
use super::candidate::Candidate;
use super::error::QuantiseError;
use super::search::{Search, SearchResult, Step};
use crate::import::description::quantisation::{
    PixelLevelsChoice, QuantisationOptions, Scales, ScalesChoice,
};
use crate::import::real_network::RealNetwork;
use crate::rounding::blank_range;

/// Bits of the logits between two rows of the table.
const BITS_BETWEEN_ROWS: f64 = 2.0;

/// Number of rows with more bits than the chosen one, and of rows with fewer. Rows beyond these show nothing new or
/// are useless.
const ROWS_ON_EITHER_SIDE: i32 = 4;

/// Smallest norm of a row that is equalised, as a fraction of the largest norm. A smaller row does not need a finer
/// grid, and a large factor would make its bias too large.
const MIN_RELATIVE_NORM: f64 = 1e-3;

/// An integer ensemble, and the measurements that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedEnsemble {
    /// The rounded members.
    pub ensemble: IntegerEnsemble,
    /// Pixel levels and scales of the rounding.
    pub chosen: Candidate,
    /// True if the members were equalised first, so that scales refer to equalised weights.
    pub equalised: bool,
    /// The range of the logits on the images for ranges.
    pub observed: ObservedRange,
    /// The float ensemble first, then the chosen candidate among the best candidates of more and of fewer bits,
    /// sorted from many bits to few.
    pub rows: Vec<AccuracyRow>,
}

/// A row of the table "accuracy against bits".
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyRow {
    /// The ensemble of the row.
    pub kind: AccuracyRowKind,
    /// Accuracy on the images for ranges and search.
    pub training: AccuracySummary,
    /// Accuracy on test images.
    pub test: AccuracySummary,
}

/// The ensemble of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AccuracyRowKind {
    /// The float ensemble.
    Float,
    /// Rounded members.
    Rounded {
        /// Pixel levels and scales of the rounding.
        candidate: Candidate,
        /// The largest absolute integer weights, by layer.
        largest_weights: [f64; 3],
        /// True for the chosen candidate, which is measured in exact integers. Others are measured in floating point.
        chosen: bool,
    },
}

/// Rounds `members` as `plan` says: at its scales, or at the cheapest scales that lose at most its tolerance on
/// `images`. Unless the plan says otherwise, a search equalises the members first, which changes the weights but not
/// the function. `report` is called with the progress of a search.
///
/// # Errors
/// If values do not fit their integer types, no scales keep the accuracy, or images have another size than the
/// members'.
pub fn quantise(
    members: &[RealNetwork],
    plan: &QuantisationOptions,
    images: &LabelledImages,
    test: &LabelledImages,
    report: &dyn Fn(&str),
) -> Result<QuantisedEnsemble, QuantiseError> {
    check_sizes(members, [images, test])?;
    let batch = |members: &[RealNetwork]| members.iter().map(BatchNetwork::of_real).collect::<Vec<_>>();
    let all = FloatReference::new(&batch(members), images);
    let equalised = plan.equalises();
    let members: Vec<RealNetwork> =
        if equalised { members.iter().map(equalise).collect() } else { members.to_vec() };
    let batch_members = batch(&members);
    let found = match (plan.scales, plan.pixel_levels) {
        (ScalesChoice::Fixed(scales), PixelLevelsChoice::Fixed(levels)) => {
            let levels = PixelLevels::new(levels)?;
            SearchResult { chosen: Candidate { levels, scales: Scales(scales) }, steps: Vec::new() }
        }
        _ => {
            let search = Search {
                members: &members,
                batch_members: &batch_members,
                all: &all,
                tolerance: plan.tolerance,
                report,
            };
            search.run(images, plan.pixel_levels)?
        }
    };
    let ensemble = found.chosen.round_to_integers(&members)?;
    let test = FloatReference::new(&batch_members, test);
    let row = |candidate: Candidate, chosen, training, test| {
        let largest_weights = candidate.largest_weights(&members);
        AccuracyRow { kind: AccuracyRowKind::Rounded { candidate, largest_weights, chosen }, training, test }
    };
    let (training, observed) = all.measure_exact(&ensemble)?;
    let observed = blank_range(&ensemble)?.merge(observed);
    let mut rows = vec![row(found.chosen, true, training, test.measure_exact(&ensemble)?.0)];
    for candidate in table_candidates(&found) {
        report(&format!("judging {}", candidate.scales));
        let judge = |reference: &FloatReference| reference.measure_candidate(&batch_members, &candidate);
        rows.push(row(candidate, false, judge(&all), judge(&test)));
    }
    rows.sort_by(|a, b| b.training.bits().total_cmp(&a.training.bits()));
    rows.insert(0, AccuracyRow { kind: AccuracyRowKind::Float, training: all.float, test: test.float });
    Ok(QuantisedEnsemble { ensemble, chosen: found.chosen, equalised, observed, rows })
}

/// Refuses images of another size than the members'.
fn check_sizes(members: &[RealNetwork], images: [&LabelledImages; 2]) -> Result<(), ForwardError> {
    let Some(needed) = members.first().map(|member| member.architecture().pixels()) else { return Ok(()) };
    match images.map(|images| images.side() * images.side()).into_iter().find(|&found| found != needed) {
        Some(found) => Err(ForwardError::ImageSize { found, needed }),
        None => Ok(()),
    }
}

/// Returns the same function with rows of norm 1 in convolution and hidden layer. A factor `a` on a channel before a
/// square is `a^2` after it, and the next layer's weights divide by it. Members with similar rows can be rounded at
/// the same scales. (Training equalises its own networks in the same way.)
pub(crate) fn equalise(network: &RealNetwork) -> RealNetwork {
    let architecture = *network.architecture();
    let [convolution, hidden, output] = network.blocks();
    let maps = row_factors(convolution);
    let convolution = convolution.scaled(|_| 1.0, |map| factor_of(&maps, map));
    let hidden =
        hidden.scaled(|column| factor_of(&maps, column / architecture.positions()).powi(-2), |_| 1.0);
    let units = row_factors(&hidden);
    let hidden = hidden.scaled(|_| 1.0, |unit| factor_of(&units, unit));
    let output = output.scaled(|unit| factor_of(&units, unit).powi(-2), |_| 1.0);
    RealNetwork::new(architecture, [convolution, hidden, output])
}

/// Returns the factor of a channel; there is one for each.
fn factor_of(factors: &[f64], channel: usize) -> f64 {
    factors.get(channel).copied().unwrap_or(1.0)
}

/// Returns the factor of each row that makes its norm 1, except for very small rows.
fn row_factors(block: &Block<f64>) -> Vec<f64> {
    let norm = |row: &[f64]| row.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let norms: Vec<f64> = block.row_iter().map(norm).collect();
    let least = MIN_RELATIVE_NORM * norms.iter().copied().fold(0.0, f64::max);
    norms.iter().map(|norm| norm.max(least)).map(|norm| if norm > 0.0 { norm.recip() } else { 1.0 }).collect()
}

/// Returns the best candidate of every two bits above and below the chosen one, for the table.
fn table_candidates(found: &SearchResult) -> Vec<Candidate> {
    let bits = |step: &Step| step.summary.bits();
    let Some(middle) = found.steps.iter().find(|step| step.candidate == found.chosen).map(bits) else {
        return Vec::new();
    };
    let best_near = |row: i32| {
        let wanted = middle + f64::from(row) * BITS_BETWEEN_ROWS;
        let near = found.steps.iter().filter(|step| (bits(step) - wanted).abs() < BITS_BETWEEN_ROWS / 2.0);
        // Prefers the nearest to the float ensemble of equally accurate candidates.
        near.max_by(|a, b| {
            let nearer = b.summary.divergence.total_cmp(&a.summary.divergence);
            a.summary.correct.cmp(&b.summary.correct).then(nearer)
        })
    };
    let rows = (-ROWS_ON_EITHER_SIDE..=ROWS_ON_EITHER_SIDE).filter(|&row| row != 0);
    rows.filter_map(best_near).map(|step| step.candidate).collect()
}
