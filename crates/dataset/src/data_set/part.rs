//! The four files of MNIST and of data sets in the same form.

use std::path::{Path, PathBuf};

/// One of the four files of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Training images.
    TrainImages,
    /// Labels of the training images.
    TrainLabels,
    /// Test images.
    TestImages,
    /// Labels of the test images.
    TestLabels,
}

impl Part {
    /// All four parts.
    pub const ALL: [Self; 4] = [Self::TrainImages, Self::TrainLabels, Self::TestImages, Self::TestLabels];

    /// Name of the file, without `.gz`.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    /// Name of the compressed file.
    #[must_use]
    pub fn compressed_name(self) -> String {
        format!("{}.gz", self.file_name())
    }

    /// SHA-256 of MNIST's decompressed file, in lower-case hexadecimal.
    #[must_use]
    pub const fn mnist_sha256(self) -> &'static str {
        match self {
            Self::TrainImages => "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            Self::TrainLabels => "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            Self::TestImages => "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            Self::TestLabels => "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }
    }

    /// Names of the file without `.gz`: the canonical one, and the dotted one that many archives use.
    fn stems(self) -> [String; 2] {
        let dotted = self.file_name().replacen("-idx", ".idx", 1);
        [self.file_name().to_owned(), dotted]
    }

    /// Finds the file in `folder`: plain, else compressed, else under the dotted name (`train-images.idx3-ubyte`), plain or
    /// compressed.
    #[must_use]
    pub fn find_in(self, folder: &Path) -> Option<PathBuf> {
        self.stems().iter().find_map(|stem| find_stem(folder, stem))
    }
}

/// Finds the file `stem` in `folder`, else `stem.gz`, else `stem/stem`, which some programs unpack.
pub(crate) fn find_stem(folder: &Path, stem: &str) -> Option<PathBuf> {
    [folder.join(stem), folder.join(format!("{stem}.gz")), folder.join(stem).join(stem)]
        .into_iter()
        .find(|path| path.is_file())
}
