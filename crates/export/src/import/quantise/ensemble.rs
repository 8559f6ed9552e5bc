//! From float members to an integer ensemble, with a table of what it cost.

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

/// The table has a row for every so many bits.
const BITS_BETWEEN_ROWS: f64 = 2.0;

/// Rows with more bits than the chosen one, and as many with fewer: beyond, they are no news, or of no use.
const ROWS_ON_EITHER_SIDE: i32 = 4;

/// Rows whose norm is below this fraction of the largest do nothing that is worth a finer grid, and a row of almost
/// nothing must not blow up its bias.
const LEAST_NORM: f64 = 1e-3;

/// An integer ensemble, and how it was come to.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedEnsemble {
    /// The members, rounded.
    pub ensemble: IntegerEnsemble,
    /// What they were rounded at.
    pub chosen: Candidate,
    /// Whether the members were equalised first, so that scales refer to equalised weights.
    pub equalised: bool,
    /// The largest logits on the images for ranges.
    pub observed: ObservedRange,
    /// The float ensemble first, then the chosen candidate among the best ones of more and of fewer bits, from many to
    /// few.
    pub rows: Vec<AccuracyRow>,
}

/// One line of the table "accuracy against bits".
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyRow {
    /// What it is about.
    pub kind: AccuracyRowKind,
    /// On the images for ranges and search.
    pub training: AccuracySummary,
    /// On test images.
    pub test: AccuracySummary,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AccuracyRowKind {
    /// The float ensemble.
    Float,
    /// Rounded members.
    Rounded {
        /// At what.
        candidate: Candidate,
        /// The largest absolute integer weights, by layer.
        largest_weights: [f64; 3],
        /// Whether these were chosen, and so judged in exact integers; others are judged in floating point.
        chosen: bool,
    },
}

/// Rounds `members` as `plan` says: at its scales, or at the cheapest that lose at most its tolerance on `images`. For a
/// search, unless the plan says otherwise, members are equalised first, which changes what is rounded and not what they
/// compute. `watch` is told how a search is going.
///
/// # Errors
/// If values outgrow their integers, no scales are good enough, or images do not fit.
pub fn quantise(
    members: &[RealNetwork],
    plan: &QuantisationOptions,
    images: &LabelledImages,
    test: &LabelledImages,
    watch: &dyn Fn(&str),
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
                watch,
            };
            search.run(images, plan.pixel_levels)?
        }
    };
    let ensemble = found.chosen.integers(&members)?;
    let test = FloatReference::new(&batch_members, test);
    let row = |candidate: Candidate, chosen, training, test| {
        let largest_weights = candidate.largest_weights(&members);
        AccuracyRow { kind: AccuracyRowKind::Rounded { candidate, largest_weights, chosen }, training, test }
    };
    let (training, observed) = all.judge_exact(&ensemble)?;
    let observed = blank_range(&ensemble)?.merge(observed);
    let mut rows = vec![row(found.chosen, true, training, test.judge_exact(&ensemble)?.0)];
    for candidate in worth_telling(&found) {
        watch(&format!("judging {}", candidate.scales));
        let judge = |reference: &FloatReference| reference.judge_candidate(&batch_members, &candidate);
        rows.push(row(candidate, false, judge(&all), judge(&test)));
    }
    rows.sort_by(|a, b| b.training.bits().total_cmp(&a.training.bits()));
    rows.insert(0, AccuracyRow { kind: AccuracyRowKind::Float, training: all.float, test: test.float });
    Ok(QuantisedEnsemble { ensemble, chosen: found.chosen, equalised, observed, rows })
}

/// Refuses images that the members do not read.
fn check_sizes(members: &[RealNetwork], images: [&LabelledImages; 2]) -> Result<(), ForwardError> {
    let Some(needed) = members.first().map(|member| member.architecture().pixels()) else { return Ok(()) };
    match images.map(|images| images.side() * images.side()).into_iter().find(|&found| found != needed) {
        Some(found) => Err(ForwardError::ImageSize { found, needed }),
        None => Ok(()),
    }
}

/// The same function with rows of norm 1 in convolution and hidden layer. A factor `a` on a channel before a
/// square is `a^2` behind it, and the next layer's weights take that back; so members with like rows may be rounded
/// at the same scales, whatever program trained them. (Training does the same to its own networks.)
pub(crate) fn equalise(network: &RealNetwork) -> RealNetwork {
    let architecture = *network.architecture();
    let [convolution, hidden, output] = network.blocks();
    let maps = factors(convolution);
    let convolution = convolution.scaled(|_| 1.0, |map| maps[map]);
    let hidden = hidden.scaled(|column| maps[column / architecture.positions()].powi(-2), |_| 1.0);
    let units = factors(&hidden);
    let hidden = hidden.scaled(|_| 1.0, |unit| units[unit]);
    let output = output.scaled(|unit| units[unit].powi(-2), |_| 1.0);
    RealNetwork::new(architecture, [convolution, hidden, output])
}

/// What gives every row that matters the norm 1.
fn factors(block: &Block<f64>) -> Vec<f64> {
    let norm = |row: &[f64]| row.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let norms: Vec<f64> = block.row_iter().map(norm).collect();
    let least = LEAST_NORM * norms.iter().copied().fold(0.0, f64::max);
    norms.iter().map(|norm| norm.max(least)).map(|norm| if norm > 0.0 { norm.recip() } else { 1.0 }).collect()
}

/// The candidates beside the chosen one that show what bits buy: the best of every two bits.
fn worth_telling(found: &SearchResult) -> Vec<Candidate> {
    let bits = |step: &Step| step.judgement.bits();
    let Some(middle) = found.steps.iter().find(|step| step.candidate == found.chosen).map(bits) else {
        return Vec::new();
    };
    let best_near = |row: i32| {
        let wanted = middle + f64::from(row) * BITS_BETWEEN_ROWS;
        let near = found.steps.iter().filter(|step| (bits(step) - wanted).abs() < BITS_BETWEEN_ROWS / 2.0);
        // Of equals, the one nearer to the float ensemble.
        near.max_by(|a, b| {
            let nearer = b.judgement.divergence.total_cmp(&a.judgement.divergence);
            a.judgement.correct.cmp(&b.judgement.correct).then(nearer)
        })
    };
    let rows = (-ROWS_ON_EITHER_SIDE..=ROWS_ON_EITHER_SIDE).filter(|&row| row != 0);
    rows.filter_map(best_near).map(|step| step.candidate).collect()
}
