//! The description of a data set: its labels, and what is unusual about it.

use std::path::Path;

use serde_json::{Value, json};
use sottovoce_dataset::{DataSet, DuplicateCounts, FAINT_BRIGHTNESS, Inspection, LabelledImages};
use sottovoce_table::Table;

use crate::output::{counted, to_value};

/// Labels count as unbalanced if the most frequent label occurs this many times as often as the rarest label. In MNIST it occurs
/// 1.25 times as often.
const UNBALANCED_RATIO: usize = 3;

/// The table of images of each label.
pub fn label_table(data: &DataSet) -> Table {
    let (train, test) = (data.train.counts(), data.test.counts());
    let count = |counts: &[usize], label: usize| counts.get(label).copied().unwrap_or_default().to_string();
    let mut header = vec!["label".to_owned()];
    if data.class_names.is_some() {
        header.push("class".to_owned());
    }
    header.extend(["training".to_owned(), "test".to_owned()]);
    let rows = (0..data.classes).map(|label| {
        let mut row = vec![label.to_string()];
        if let Some(names) = &data.class_names {
            row.push(names.get(label).cloned().unwrap_or_default());
        }
        row.extend([count(&train, label), count(&test, label)]);
        row
    });
    Table { title: "Images of each label".to_owned(), header, rows: rows.collect(), notes: Vec::new() }
}

/// Remarks on everything unusual, one sentence each.
pub fn unusual(data: &DataSet) -> Vec<String> {
    let mut remarks = Vec::new();
    for (name, images) in [("training", &data.train), ("test", &data.test)] {
        add_images(&mut remarks, name, images);
    }
    let DuplicateCounts { in_training, in_test, in_both, contradictory } =
        DuplicateCounts::of(&data.train, &data.test);
    if in_training > 0 {
        remarks.push(format!(
            "{} equal to an earlier one, {contradictory} of them with another label",
            images_are(in_training, "training")
        ));
    }
    if in_test > 0 {
        remarks.push(format!("{} equal to an earlier one", images_are(in_test, "test")));
    }
    if in_both > 0 {
        remarks.push(format!("{} equal to a training image", images_are(in_both, "test")));
    }
    for (name, half) in [("training", &data.train), ("test", &data.test)] {
        add_labels(&mut remarks, name, half, data.classes);
    }
    remarks
}

/// The subject and verb of a remark, such as `1 training image is`.
fn images_are(count: usize, name: &str) -> String {
    counted(count, &format!("{name} image is"), &format!("{name} images are"))
}

fn add_images(remarks: &mut Vec<String>, name: &str, images: &LabelledImages) {
    let inspection = Inspection::of(images.iter(), images.side());
    if let [first, ..] = inspection.blank[..] {
        remarks.push(format!(
            "{} blank: all pixels are equal (the first is number {first}, from 0)",
            images_are(inspection.blank.len(), name)
        ));
    }
    if let [first, ..] = inspection.faint[..] {
        remarks.push(format!(
            "{} faint: no pixel is above {FAINT_BRIGHTNESS} of 255 (the first is number {first}, from 0); pixels must be saved as \
             0 to 255, not as 0 to 1",
            images_are(inspection.faint.len(), name)
        ));
    }
    if inspection.looks_inverted() {
        remarks.push(format!(
            "most {name} images have bright edges, as dark ink on light paper has; `data.invert = true` in an \
             experiment inverts them"
        ));
    }
}

fn add_labels(remarks: &mut Vec<String>, name: &str, images: &LabelledImages, classes: usize) {
    let labels = images.labels();
    if labels.is_sorted() && labels.first() != labels.last() {
        remarks.push(format!("{name} images are sorted by label: the first of them have few labels"));
    }
    let mut counts = images.counts();
    counts.resize(classes.max(counts.len()), 0);
    let missing: Vec<String> = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count == 0)
        .map(|(label, _)| label.to_string())
        .collect();
    if !missing.is_empty() {
        let labels = if missing.len() == 1 { "label" } else { "labels" };
        remarks.push(format!("there are no {name} images of {labels} {}", missing.join(", ")));
    }
    let present = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
    if let (Some((rare, few)), Some((frequent, many))) =
        (present().min_by_key(|(_, count)| **count), present().max_by_key(|(_, count)| **count))
        && *many >= UNBALANCED_RATIO * few
    {
        remarks.push(format!(
            "{name} images are unbalanced: {few} of label {rare}, but {many} of label {frequent}"
        ));
    }
}

/// The description as JSON.
pub fn to_json(data: &DataSet, unusual: &[String], sheet: &Path) -> Value {
    json!({
        "name": data.name,
        "synthetic": data.is_synthetic(),
        "train_images": data.train.len(),
        "test_images": data.test.len(),
        "side": data.train.side(),
        "classes": data.classes,
        "class_names": data.class_names,
        "label_counts": { "train": data.train.counts(), "test": data.test.counts() },
        "orientation": to_value(&data.orientation),
        "recognised": data.recognised,
        "unusual": unusual,
        "sha256": data.checksums,
        "contact_sheet": sheet,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sottovoce_dataset::{Orientation, Origin, Subset, synthetic_digits};

    use super::*;

    fn data_set(train: LabelledImages, test: LabelledImages) -> DataSet {
        DataSet {
            name: "mine".into(),
            origin: Origin::Folder("mine".into()),
            train,
            test,
            checksums: BTreeMap::new(),
            classes: 10,
            class_names: None,
            orientation: Orientation::Upright,
            recognised: None,
        }
    }

    fn digits() -> (LabelledImages, LabelledImages) {
        (synthetic_digits(600, 1, Subset::Train), synthetic_digits(600, 1, Subset::Test))
    }

    #[test]
    fn nothing_is_unusual_about_digits() {
        let (train, test) = digits();
        assert_eq!(unusual(&data_set(train, test)), Vec::<String>::new());
    }

    #[test]
    fn dark_ink_on_light_paper_is_unusual_and_the_field_to_set_is_named() {
        let (train, test) = digits();
        let remarks = unusual(&data_set(train.inverted(), test.inverted()));
        assert_eq!(remarks.len(), 2);
        assert!(remarks[0].contains("most training images have bright edges"), "{remarks:?}");
        assert!(remarks[0].contains("`data.invert = true`"), "{remarks:?}");
    }

    #[test]
    fn repeated_blank_and_missing_images_are_unusual() {
        let train =
            LabelledImages::new(2, [[0, 9, 200, 0], [0, 9, 200, 0], [7; 4]].concat(), vec![0, 1, 2]).unwrap();
        let test = LabelledImages::new(2, vec![0, 9, 200, 0], vec![0]).unwrap();
        let remarks = unusual(&DataSet { classes: 3, ..data_set(train, test) });
        assert_eq!(
            remarks,
            [
                "1 training image is blank: all pixels are equal (the first is number 2, from 0)",
                "1 training image is equal to an earlier one, 1 of them with another label",
                "1 test image is equal to a training image",
                "training images are sorted by label: the first of them have few labels",
                "there are no test images of labels 1, 2",
            ]
        );
    }

    #[test]
    fn unbalanced_labels_are_unusual() {
        let labels: Vec<u8> = [vec![0; 10], vec![1; 10], vec![0; 20]].concat();
        let pixels = (0..40).flat_map(|image| [image, 255]).flat_map(|pixel| [pixel, 0]).collect();
        let images = LabelledImages::new(2, pixels, labels).unwrap();
        let mut remarks = Vec::new();
        add_labels(&mut remarks, "training", &images, 2);
        assert_eq!(remarks, ["training images are unbalanced: 10 of label 1, but 30 of label 0"]);
    }

    #[test]
    fn the_label_table_has_class_names_if_there_are_any() {
        let (train, test) = digits();
        let plain = data_set(train, test);
        assert_eq!(label_table(&plain).header, ["label", "training", "test"]);
        let named = DataSet { class_names: Some(vec!["ant".into(); 10]), ..plain };
        assert_eq!(label_table(&named).rows[0][..2], ["0", "ant"]);
    }
}
