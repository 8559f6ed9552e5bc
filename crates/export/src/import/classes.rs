//! A network's classes beside a data set's labels.

use std::collections::BTreeSet;

/// Labels that are named; the others are counted.
const MOST_NAMED: usize = 4;

/// What to remark where a network has classes that no image of a data set shows: its output layer may have a row too
/// many, as a header read as weights makes one.
#[must_use]
pub fn unseen_classes(classes: usize, labels: impl IntoIterator<Item = u8>) -> Option<String> {
    let seen: BTreeSet<usize> = labels.into_iter().map(usize::from).collect();
    let unseen: Vec<usize> = (0..classes).filter(|class| !seen.contains(class)).collect();
    if unseen.is_empty() || seen.is_empty() {
        return None;
    }
    let named: Vec<String> = unseen.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = match unseen.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "the network has {classes} classes, but the data set's labels are {} different ones: no image has the label {}{more}. If \
         the network was trained on as many classes as the data set has, its output layer's files hold a line or column too many, \
         such as a header",
        seen.len(),
        named.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_no_image_shows_is_remarked() {
        let remark = unseen_classes(11, (0..10).cycle().take(100)).unwrap();
        assert!(remark.starts_with(
            "the network has 11 classes, but the data set's labels are 10 different ones: no image has the label 10. If"
        ));
        // EMNIST's letters are labelled from 1.
        assert!(unseen_classes(27, 1..=26).unwrap().contains("no image has the label 0."));
        assert!(
            unseen_classes(47, 0..10).unwrap().contains("no image has the label 10, 11, 12, 13 and 33 more.")
        );
    }

    #[test]
    fn classes_that_all_have_images_are_not_remarked() {
        assert_eq!(unseen_classes(10, 0..10), None);
        assert_eq!(unseen_classes(10, (0..10).rev()), None);
    }
}
