//! From float members to an integer ensemble, with a table of what it cost.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, ObservedRange, PixelLevels};

use super::equalise::equalise;
use super::judge::Reference;
use super::search::{Found, Search, Step};
use super::{
    Candidate, Judgement, LevelsPlan, QuantisationPlan, QuantiseError, RealNetwork, Scales, ScalesPlan,
};
use crate::observe;

/// Candidates of a descent are told of at most every so many bits; a step is about one.
const BITS_BETWEEN_ROWS: f64 = 1.9;

/// Candidates with more bits than the chosen one by this are no news.
const MOST_BITS_ABOVE: f64 = 8.5;

/// And those with fewer by this are of no use.
const MOST_BITS_BELOW: f64 = 8.5;

/// An integer ensemble, and how it was come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The members, rounded.
    pub ensemble: IntegerEnsemble,
    /// What they were rounded at.
    pub chosen: Candidate,
    /// The largest logits on the images for ranges.
    pub observed: ObservedRange,
    /// The float ensemble first, then candidates from many bits to few.
    pub rows: Vec<Row>,
}

/// One line of the table "accuracy against bits".
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is about.
    pub kind: RowKind,
    /// On the images for ranges and search.
    pub training: Judgement,
    /// On test images.
    pub test: Judgement,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowKind {
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

/// Rounds `members` as `plan` says: at its scales, or at the cheapest that lose at most its tolerance on `images`. In a
/// search members are equalised first, which changes what is rounded and not what they compute. `watch` is told how a
/// search is going.
///
/// # Errors
/// If values outgrow their integers, no scales are good enough, or images do not fit.
pub fn quantise(
    members: &[RealNetwork],
    plan: &QuantisationPlan,
    images: &LabelledImages,
    test: &LabelledImages,
    watch: &dyn Fn(&str),
) -> Result<Outcome, QuantiseError> {
    let all = Reference::new(members, images);
    let (members, found) = match (plan.scales, plan.pixel_levels) {
        (ScalesPlan::Fixed(scales), LevelsPlan::Fixed(levels)) => {
            let levels = PixelLevels::new(levels)?;
            let chosen = Candidate { levels, scales: Scales(scales) };
            (members.to_vec(), Found { chosen, descents: Vec::new() })
        }
        _ => {
            let members: Vec<RealNetwork> = members.iter().map(equalise).collect();
            let search = Search { members: &members, all: &all, tolerance: plan.tolerance, watch };
            let found = search.run(images, plan.pixel_levels)?;
            (members, found)
        }
    };
    let ensemble = found.chosen.integers(&members)?;
    let observed = observe(&ensemble, images, &|| {})?;
    let test = Reference::new(&members, test);
    let row = |candidate: Candidate, chosen, training, test| {
        let largest_weights = candidate.largest_weights(&members);
        Row { kind: RowKind::Rounded { candidate, largest_weights, chosen }, training, test }
    };
    let mut rows = vec![row(found.chosen, true, all.judge_exact(&ensemble)?, test.judge_exact(&ensemble)?)];
    for candidate in worth_telling(&found) {
        watch(&format!("judging {}", candidate.scales));
        let judge = |reference: &Reference| reference.judge_candidate(&members, &candidate);
        rows.push(row(candidate, false, judge(&all), judge(&test)));
    }
    rows.sort_by(|a, b| b.training.bits().total_cmp(&a.training.bits()));
    rows.insert(0, Row { kind: RowKind::Float, training: all.float, test: test.float });
    Ok(Outcome { ensemble, chosen: found.chosen, observed, rows })
}

/// The candidates beside the chosen one that show what bits buy: of its own descent one every two bits, of every
/// other the one with about as many bits.
fn worth_telling(found: &Found) -> Vec<Candidate> {
    let bits = |step: &Step| step.judgement.bits();
    let chosen = |step: &&Step| step.candidate == found.chosen;
    let mut descents = found.descents.iter();
    let Some((own, middle)) = descents.next().and_then(|own| Some((own, bits(own.iter().find(chosen)?))))
    else {
        return Vec::new();
    };
    let mut told = Vec::new();
    let mut last = f64::INFINITY;
    for step in own {
        let away = bits(step) - middle;
        if step.candidate == found.chosen {
            last = middle;
        } else if (-MOST_BITS_BELOW..=MOST_BITS_ABOVE).contains(&away)
            && last - bits(step) >= BITS_BETWEEN_ROWS
            && !(0.0..BITS_BETWEEN_ROWS).contains(&away)
        {
            told.push(step.candidate);
            last = bits(step);
        }
    }
    let distance = |step: &Step| (bits(step) - middle).abs();
    told.extend(descents.filter_map(|other| {
        Some(other.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?.candidate)
    }));
    told
}
