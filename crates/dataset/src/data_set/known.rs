//! Data sets that are recognised by the SHA-256 of their files.

use crate::data_set::part::Part;

/// Names of data sets, and the SHA-256 of their four decompressed IDX files in lower-case hexadecimal, in the order of
/// [`crate::Part::ALL`].
///
/// The files of Fashion-MNIST are the ones whose compressed MD5 sums the publisher gives
/// (<https://github.com/zalandoresearch/fashion-mnist>).
const KNOWN: [(&str, [&str; 4]); 2] = [
    (
        "MNIST",
        [
            Part::TrainImages.mnist_sha256(),
            Part::TrainLabels.mnist_sha256(),
            Part::TestImages.mnist_sha256(),
            Part::TestLabels.mnist_sha256(),
        ],
    ),
    (
        "Fashion-MNIST",
        [
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ],
    ),
];

/// Returns the name of the data set to which all four files belong.
pub(crate) fn recognise(sha256: [&str; 4]) -> Option<&'static str> {
    KNOWN.iter().find(|(_, files)| *files == sha256).map(|&(name, _)| name)
}

/// Returns whether `name` and `known` are the same name: only ASCII letters and digits count, and case does not.
pub(crate) fn is_called(known: &str, name: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(known) == letters(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_set_is_recognised_by_all_of_its_files() {
        for (name, files) in KNOWN {
            assert_eq!(recognise(files), Some(name));
            let mut swapped = files;
            swapped.swap(0, 2);
            assert_eq!(recognise(swapped), None);
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        for name in ["fashion-mnist", "FashionMNIST", "fashion_mnist"] {
            assert!(is_called("Fashion-MNIST", name));
        }
        assert!(!is_called("MNIST", "kmnist"));
    }
}
