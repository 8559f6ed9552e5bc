//! The candidates that a search chooses, and the rows of its table.

use crate::import::description::quantisation::{QuantisationOptions, Scales, ScalesChoice};
use crate::import::fixtures::labelled_images::images;
use crate::import::fixtures::small_network::{SHAPE, network};
use crate::import::quantise::ensemble::{AccuracyRow, AccuracyRowKind, QuantisedEnsemble, quantise};
use crate::import::real_network::RealNetwork;

fn found(members: &[RealNetwork], plan: &str) -> QuantisedEnsemble {
    let plan: QuantisationOptions = toml::from_str(plan).unwrap();
    quantise(members, &plan, &images(300), &images(40), &|_| {}).unwrap()
}

fn chosen(outcome: &QuantisedEnsemble) -> AccuracyRow {
    let chosen = |row: &&AccuracyRow| matches!(row.kind, AccuracyRowKind::Rounded { chosen: true, .. });
    outcome.rows.iter().find(chosen).unwrap().clone()
}

#[test]
fn a_larger_tolerance_never_costs_more_bits() {
    let mut most = f64::INFINITY;
    for tolerance in [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 10.0] {
        let row = chosen(&found(&[network(SHAPE)], &format!("tolerance = {tolerance:?}")));
        assert!(row.training.accuracy() >= 100.0 - tolerance - 1e-9);
        assert!(row.training.bits() <= most, "{tolerance}: {} after {most}", row.training.bits());
        most = row.training.bits();
    }
}

#[test]
fn a_search_over_levels_is_no_worse_than_any_of_its_levels() {
    let free = chosen(&found(&[network(SHAPE)], "tolerance = 10.0")).training.bits();
    for levels in [9, 17] {
        let fixed = found(&[network(SHAPE)], &format!("tolerance = 10.0\npixel_levels = {levels}"));
        assert!(free <= chosen(&fixed).training.bits(), "{levels}");
    }
}

#[test]
fn a_searched_row_is_made_again_by_the_scales_that_are_printed() {
    let members = [network(SHAPE)];
    let outcome = found(&members, "tolerance = 0.5");
    assert!(outcome.equalised);
    assert!(outcome.rows.len() > 2);
    for row in &outcome.rows[1..] {
        let AccuracyRowKind::Rounded { candidate, largest_weights, .. } = row.kind else { panic!("rounded") };
        let levels = u16::from(candidate.levels);
        let plan = format!("pixel_levels = {levels}\nscales = {}\nequalise = true", candidate.scales);
        let again = chosen(&found(&members, &plan));
        let AccuracyRowKind::Rounded { largest_weights: weights, .. } = again.kind else { panic!("rounded") };
        assert_eq!((again.training.correct, again.test.agreeing), (row.training.correct, row.test.agreeing));
        assert_eq!(weights, largest_weights);
        // One was measured in exact integers, the other in floating point.
        assert!((again.training.largest_logit / row.training.largest_logit - 1.0).abs() < 1e-12);
    }
}

#[test]
fn weights_are_equalised_where_the_description_says_so_or_searches() {
    let members = [network(SHAPE)];
    assert!(!found(&members, "pixel_levels = 5\nscales = [4, 4, 4]").equalised);
    assert!(found(&members, "pixel_levels = 5\nscales = [4, 4, 4]\nequalise = true").equalised);
    assert!(!found(&members, "equalise = false\ntolerance = 1.0").equalised);
}

#[test]
fn scales_are_printed_as_the_numbers_that_they_are() {
    for (scales, text) in [
        ([4.0, 0.5, 77.25], "[4, 0.5, 77.25]"),
        ([32.0, 1e-7, 1.25e-200], "[32, 1e-7, 1.25e-200]"),
        ([1e20, 123456.789, 0.1], "[1e20, 123456.789, 0.1]"),
    ] {
        let shown = Scales(scales).to_string();
        assert_eq!(shown, text);
        let plan: QuantisationOptions = toml::from_str(&format!("scales = {shown}")).unwrap();
        assert_eq!(plan.scales, ScalesChoice::Fixed(scales));
    }
}
