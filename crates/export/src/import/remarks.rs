//! Remarks about descriptions and data sets that can be used but probably contain a mistake.

use std::collections::BTreeSet;

use super::description::pixels::{DATA_SETS, LARGEST_BYTE, PixelNormalisation};

/// Largest difference of two means, or two standard deviations, that count as the same: they are usually given with three digits.
const TOLERANCE: f64 = 0.002;

/// Returns a remark if the mean and standard deviation of a description are unlikely. Only a loss of accuracy would show such
/// a mistake otherwise.
#[must_use]
pub fn remark_on_normalisation(pixels: &PixelNormalisation) -> Option<String> {
    let (mean, std) = (pixels.mean?, pixels.std?);
    let alike = |a: f64, b: f64| (a - b).abs() < TOLERANCE;
    if let Some((name, of_mean, of_std)) =
        DATA_SETS.iter().find(|(_, m, s)| alike(mean, *s) && alike(std, *m))
    {
        return Some(format!(
            "`pixels.mean` is {mean} and `pixels.std` is {std}, but {name} has the mean {of_mean} and the standard deviation \
             {of_std}: are the two swapped?"
        ));
    }
    if mean > 1.0 && mean <= LARGEST_BYTE {
        return Some(format!(
            "`pixels.mean` is {mean}, but pixels are in 0..1 here. If it is the mean of bytes, write mean = {:.4} and std = {:.4}, \
             both divided by {LARGEST_BYTE}",
            mean / LARGEST_BYTE,
            std / LARGEST_BYTE
        ));
    }
    // Pixels that are either 0 or 1 have the largest variance for their mean: var <= mean (1 - mean).
    let max_std = (mean * (1.0 - mean)).max(0.0).sqrt();
    // A mean of 0 says that pixels were only scaled.
    (mean > 0.0 && mean <= 1.0 && std.abs() > max_std + TOLERANCE).then(|| {
        format!(
            "`pixels.std` is {std}, but pixels in 0..1 with the mean {mean} have a standard deviation of at most {max_std:.4}: is one of \
             the two mistyped, or of other pixels?"
        )
    })
}

/// Number of labels that a remark names; it counts the others.
const MAX_NAMED: usize = 4;

/// Returns a remark if a network has classes without an image in the data set. Its output layer may have a row too many,
/// such as a header that was read as weights.
#[must_use]
pub fn remark_on_classes(classes: usize, labels: impl IntoIterator<Item = u8>) -> Option<String> {
    let seen: BTreeSet<usize> = labels.into_iter().map(usize::from).collect();
    let unseen: Vec<usize> = (0..classes).filter(|class| !seen.contains(class)).collect();
    if unseen.is_empty() || seen.is_empty() {
        return None;
    }
    let named: Vec<String> = unseen.iter().take(MAX_NAMED).map(ToString::to_string).collect();
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

    fn normalisation(mean: f64, std: f64) -> PixelNormalisation {
        PixelNormalisation { mean: Some(mean), std: Some(std), ..PixelNormalisation::default() }
    }

    #[test]
    fn the_normalisations_of_data_sets_are_not_remarked() {
        for (name, mean, std) in DATA_SETS {
            assert_eq!(remark_on_normalisation(&normalisation(mean, std)), None, "{name}");
        }
        // -1 to 1, black and white, only a scale, none, and a negative deviation for inverted ink.
        for (mean, std) in [(0.5, 0.5), (0.1, 0.3), (0.0, 0.00392), (0.0, 1.0), (0.5, -0.5)] {
            assert_eq!(remark_on_normalisation(&normalisation(mean, std)), None, "{mean} {std}");
        }
    }

    #[test]
    fn a_mean_and_a_deviation_that_no_pixels_have_are_remarked() {
        let remark = |mean, std| remark_on_normalisation(&normalisation(mean, std)).unwrap();
        assert_eq!(
            remark(0.3081, 0.1307),
            "`pixels.mean` is 0.3081 and `pixels.std` is 0.1307, but MNIST has the mean 0.1307 and the standard deviation \
             0.3081: are the two swapped?"
        );
        assert!(remark(33.318, 78.57).contains("write mean = 0.1307 and std = 0.3081"));
        assert_eq!(
            remark(0.1307, 3.081),
            "`pixels.std` is 3.081, but pixels in 0..1 with the mean 0.1307 have a standard deviation of at most 0.3371: is one \
             of the two mistyped, or of other pixels?"
        );
        assert!(remark(0.5, 0.51).contains("at most 0.5000"));
    }

    #[test]
    fn a_class_that_no_image_shows_is_remarked() {
        let remark = remark_on_classes(11, (0..10).cycle().take(100)).unwrap();
        assert!(remark.starts_with(
            "the network has 11 classes, but the data set's labels are 10 different ones: no image has the label 10. If"
        ));
        // EMNIST's letters are labelled from 1.
        assert!(remark_on_classes(27, 1..=26).unwrap().contains("no image has the label 0."));
        assert!(
            remark_on_classes(47, 0..10)
                .unwrap()
                .contains("no image has the label 10, 11, 12, 13 and 33 more.")
        );
    }

    #[test]
    fn classes_that_all_have_images_are_not_remarked() {
        assert_eq!(remark_on_classes(10, 0..10), None);
        assert_eq!(remark_on_classes(10, (0..10).rev()), None);
    }
}
