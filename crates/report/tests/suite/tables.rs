use sottovoce_evaluate::records::Domain;
use sottovoce_report::{PaperScope, accuracy_table, layer_table};

use super::records::{layer, sweep};

#[test]
fn every_voter_of_every_setting_has_a_row_beside_the_paper() {
    let mut rows = sweep("regular", 6, 3, 1);
    for row in rows.iter_mut().filter(|row| row.setting == 2 && row.domain == Domain::Encrypted) {
        row.mismatches = Some(5);
    }
    let table = accuracy_table(&rows, "regular", &PaperScope::full()).unwrap();
    assert_eq!(table.rows.len(), 24);
    assert_eq!(table.rows[0], ["1", "50–60 %", "Member 1", "94.98", "94.98", "94.98", "94.20", "0"]);
    assert_eq!(table.rows[7], ["2", "60–70 %", "Ensemble", "98.51", "98.51", "98.51", "96.86", "5"]);
}

#[test]
fn an_unmeasured_domain_is_absent_and_other_ensembles_have_no_paper_column() {
    let mut rows = sweep("regular", 1, 4, 1);
    rows.retain(|row| row.domain == Domain::Integer);
    let table = accuracy_table(&rows, "regular", &PaperScope::full()).unwrap();
    assert_eq!(table.rows[4], ["1", "50–60 %", "Ensemble", "–", "98.61", "–", "–"]);
    assert!(!table.to_markdown().to_lowercase().contains("paper"));
}

#[test]
fn seeds_are_averaged_and_their_mismatches_added() {
    let mut rows = sweep("explicit", 1, 2, 3);
    rows.iter_mut().filter(|row| row.domain == Domain::Encrypted).for_each(|row| row.mismatches = Some(2));
    let table = accuracy_table(&rows, "explicit", &PaperScope::full()).unwrap();
    assert_eq!(table.rows[2], ["1", "50–60 %", "Ensemble", "98.62", "98.62", "98.62", "6"]);
}

#[test]
fn layer_times_are_averaged_for_a_member_and_summed_for_the_ensemble() {
    let mut rows = Vec::new();
    for (setting, batch, seconds) in [(1, 1, 1.0), (1, 2, 2.0), (2, 1, 3.0)] {
        rows.push(layer(setting, "ensemble", batch, "EncryptedLayer", 0.5));
        for (member, more) in [("member-1", 0.0), ("member-2", 0.1), ("member-3", 0.2)] {
            rows.push(layer(setting, member, batch, "DenseLayer3", seconds + more));
        }
        rows.push(layer(setting, "ensemble", batch, "Decryption", 0.01));
        // A layer of which the members share a part.
        rows.push(layer(setting, "ensemble", batch, "DenseLayer5", 0.2));
        for member in ["member-1", "member-2", "member-3"] {
            rows.push(layer(setting, member, batch, "DenseLayer5", 0.1));
        }
    }
    let table = layer_table(&rows, &PaperScope::full()).unwrap();
    let row = |name: &str| table.rows.iter().find(|row| row[0] == name).unwrap()[1..].join(" ");
    assert_eq!(row("EncryptedLayer"), "0.500 0.500 1.126 2.3×");
    assert_eq!(row("DenseLayer3"), "6.300 2.100 6.853 3.3×");
    assert_eq!(row("DenseLayer5"), "0.500 0.300 0.117 0.4×");
    assert_eq!(row("ConverLayer1"), "– – 2.930 –");
    assert_eq!(row("Decryption"), "0.010 0.010 – –");
    // One of the paper's layers is missing, so there is no sum to compare.
    assert_eq!(row("Sum of the paper's layers"), "– – 18.075 –");
}

#[test]
fn repeated_rows_of_several_seeds_are_averaged_rather_than_added() {
    let row = |seconds| layer(1, "member-1", 1, "DenseLayer3", seconds);
    let table = layer_table(&[row(1.0), row(3.0)], &PaperScope::full()).unwrap();
    assert!(table.rows.iter().any(|row| row[..2] == ["DenseLayer3", "2.000"]), "{:?}", table.rows);
}

#[test]
fn layers_follow_the_papers_order_and_unlisted_ones_come_after() {
    let rows: Vec<_> = ["Decryption", "DenseLayer5", "EncryptedLayer"]
        .map(|name| layer(1, "ensemble", 1, name, 1.0))
        .to_vec();
    let names: Vec<String> =
        layer_table(&rows, &PaperScope::full()).unwrap().rows.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(
        names,
        [
            "EncryptedLayer",
            "ConverLayer1",
            "ActivationLayer2",
            "DenseLayer3",
            "ActivationLayer4",
            "DenseLayer5",
            "Decryption",
            "Sum of the paper's layers"
        ]
    );
}

#[test]
fn an_unknown_voter_is_named() {
    let error = layer_table(&[layer(1, "membr-1", 1, "DenseLayer3", 1.0)], &PaperScope::full()).unwrap_err();
    assert!(error.to_string().contains("`membr-1`"));
}
