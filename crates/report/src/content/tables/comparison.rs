//! Tables of a comparison.

use sottovoce_table::{ABSENT, Table};

use crate::content::tables::statistics::p_text;
use crate::data::comparison::accuracy::{AccuracyDifference, PairedTest};
use crate::data::comparison::fields::FieldDifference;
use crate::data::comparison::result::{Comparison, FolderKind, TimeRatio};
use crate::data::values::distinct;
use crate::data::wording::{counted, thousands};

/// Tables cut longer values; JSON has them in full.
const LONGEST_VALUE: usize = 60;

/// Writes a comparison as tables. If nothing differs, a table has no rows and a note.
#[must_use]
pub fn comparison_tables(comparison: &Comparison) -> Vec<Table> {
    let mut tables = vec![configuration_table(comparison)];
    if comparison.kind == FolderKind::Runs {
        tables.push(parameters_table(comparison));
    }
    tables.extend([
        provenance_table(comparison),
        accuracy_table(comparison),
        tests_table(comparison),
        times_table(comparison),
    ]);
    tables
}

fn legend(comparison: &Comparison) -> String {
    let [first, second] = &comparison.folders;
    format!("First: {first}. Second: {second}.")
}

fn configuration_table(comparison: &Comparison) -> Table {
    let mut notes = vec![legend(comparison)];
    if comparison.configuration.is_empty() {
        notes.push("No field of config.toml differs.".to_owned());
    }
    let [first, second] = &comparison.axes_apart;
    for (axes, whose) in [(first, "first"), (second, "second")] {
        if !axes.is_empty() {
            notes.push(format!(
                "Axes of the {whose} sweep alone: {}. Its counts are added up, and its times averaged, over their values.",
                axes.join(", ")
            ));
        }
    }
    fields_table("Configuration", &comparison.configuration, notes)
}

fn parameters_table(comparison: &Comparison) -> Table {
    let cells = |difference: &FieldDifference| {
        let settings = difference.settings.map_or_else(String::new, |[some, all]| format!("{some} of {all}"));
        let [first, second] = &difference.values;
        vec![difference.field.clone(), settings, value(first.as_ref()), value(second.as_ref())]
    };
    let note = if comparison.parameters.is_empty() {
        "No field differs in a setting that run.json of both describes."
    } else {
        "Values are those of the first setting in which the field differs. What is measured, such as the noise budget, is left \
         out."
    };
    Table {
        title: "Encryption parameters".to_owned(),
        header: header(&["field", "settings that differ", "first", "second"]),
        rows: comparison.parameters.iter().map(cells).collect(),
        notes: vec![note.to_owned()],
    }
}

fn provenance_table(comparison: &Comparison) -> Table {
    let notes = if comparison.provenance.is_empty() {
        vec!["Nothing that run.json says of data set, machine and versions differs.".to_owned()]
    } else {
        Vec::new()
    };
    fields_table("Data set, machine and versions", &comparison.provenance, notes)
}

fn accuracy_table(comparison: &Comparison) -> Table {
    let place = comparison.accuracy.first().map(|row| &row.axis_values);
    let names: Vec<String> =
        place.map_or_else(Vec::new, |place| place.0.iter().map(|(name, _)| name.clone()).collect());
    let cells = |row: &AccuracyDifference| {
        let percent = |accuracy: f64| format!("{:.2}", accuracy * 100.0);
        let mut cells: Vec<String> = row.axis_values.0.iter().map(|(_, value)| value.clone()).collect();
        cells.extend([
            row.seed.to_string(),
            row.voter.clone(),
            percent(row.accuracy[0]),
            percent(row.accuracy[1]),
            format!("{:+.2}", row.difference_points),
            row.unpaired_p.map_or_else(|| ABSENT.to_owned(), p_text),
        ]);
        cells
    };
    let domain = comparison.accuracy.first().map_or("", |row| match row.domain {
        sottovoce_evaluate::records::Domain::Encrypted => "under encryption",
        sottovoce_evaluate::records::Domain::Integer => "of integer networks",
        sottovoce_evaluate::records::Domain::Float => "of float networks",
    });
    let mut head = names;
    head.extend(header(&["seed", "voter", "first %", "second %", "difference, points", "p, unpaired"]));
    let images = match comparison.same_images {
        Some(true) => {
            "Both classified the same test images, which makes that p-value too large rather than too small"
        }
        Some(false) => "The test images of the two are not the same",
        None => "run.json does not say whether the test images are the same",
    };
    let mut notes = vec![format!(
        "Difference: the second less the first. p: two-sided, of two proportions as if of different images (normal \
         approximation, pooled share). {images}. The records do not say which images were right, so McNemar's test of the \
         two is not possible."
    )];
    let [first, second] = comparison.without_partner;
    if first + second > 0 {
        notes.push(format!(
            "Without a partner of the same setting, seed and voter: {} of the first and {} of the second.",
            counted(first as u64, "row", "rows"),
            counted(second as u64, "row", "rows"),
        ));
    }
    Table {
        title: format!("Accuracy {domain}"),
        header: head,
        rows: comparison.accuracy.iter().map(cells).collect(),
        notes,
    }
}

fn tests_table(comparison: &Comparison) -> Table {
    let cells = |test: &PairedTest| {
        let or_absent = |text: Option<String>| text.unwrap_or_else(|| ABSENT.to_owned());
        vec![
            test.over.clone(),
            thousands(test.pairs as u64),
            format!("{:+.3}", test.mean_points),
            or_absent(test.deviation_points.map(|points| format!("{points:.3}"))),
            thousands(test.better as u64),
            thousands(test.worse as u64),
            or_absent(test.t_p.map(p_text)),
            or_absent(test.wilcoxon_p.map(p_text)),
        ]
    };
    let tests =
        comparison.tests.iter().filter(|test| test.t_p.is_some() || test.wilcoxon_p.is_some()).count();
    Table {
        title: "The ensemble, paired by setting and seed".to_owned(),
        header: header(&[
            "over",
            "pairs",
            "mean difference, points",
            "standard deviation",
            "second better",
            "second worse",
            "p, paired t",
            "p, Wilcoxon",
        ]),
        rows: comparison.tests.iter().map(cells).collect(),
        notes: vec![format!(
            "A pair is the ensemble of both with one seed, which draws the same split and initial weights. Paired t test: for \
             differences of one normal distribution. Wilcoxon's signed-rank test: without that assumption, exact up to 100 pairs; \
             it cannot fall below 0.25 with three pairs or 0.0625 with five. Pairs share test images, and settings of one seed share \
             draws, so that p-values over several settings are too small rather than too large. {} made here: for all of them \
             together, compare p with 0.05 divided by {}.",
            counted(tests as u64, "comparison is", "comparisons are"),
            tests.max(1)
        )],
    }
}

fn times_table(comparison: &Comparison) -> Table {
    let cells = |time: &TimeRatio| {
        let number = |value: f64| {
            if time.unit == "s" { format!("{value:.3}") } else { thousands(value.round() as u64) }
        };
        let [first, second] = time.values.map(number);
        vec![time.what.clone(), time.unit.to_owned(), first, second, format!("{:.2}×", time.ratio)]
    };
    let [first, second] = &comparison.machines;
    let machines = if distinct(comparison.machines.iter()).len() == 1 {
        format!("Both on {first}.")
    } else {
        format!("First on {first}; second on {second}: ratios are of different machines.")
    };
    let rest = match comparison.kind {
        FolderKind::Runs => {
            "Layers: seconds of the whole ensemble for a batch, medians over all batches of a run."
        }
        FolderKind::Sweeps => {
            "Seconds of all test batches of a point, medians over the seeds that both have."
        }
    };
    Table {
        title: "Times".to_owned(),
        header: header(&["what", "unit", "first", "second", "second / first"]),
        rows: comparison.times.iter().map(cells).collect(),
        notes: vec![format!("{machines} {rest}")],
    }
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn fields_table(title: &str, differences: &[FieldDifference], notes: Vec<String>) -> Table {
    let cells = |difference: &FieldDifference| {
        let [first, second] = &difference.values;
        vec![difference.field.clone(), value(first.as_ref()), value(second.as_ref())]
    };
    Table {
        title: title.to_owned(),
        header: header(&["field", "first", "second"]),
        rows: differences.iter().map(cells).collect(),
        notes,
    }
}

/// A value, cut if it is long.
fn value(value: Option<&String>) -> String {
    let Some(value) = value else { return ABSENT.to_owned() };
    if value.chars().count() <= LONGEST_VALUE {
        return value.clone();
    }
    value.chars().take(LONGEST_VALUE).collect::<String>() + "..."
}
