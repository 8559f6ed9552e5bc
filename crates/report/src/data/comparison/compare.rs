//! Comparison of two folders.

use std::path::Path;

use crate::data::comparison::error::CompareError;
use crate::data::comparison::result::{Comparison, FolderKind};
use crate::data::comparison::runs::compare_runs;
use crate::data::comparison::sweeps::compare_sweeps;

/// Compares two run folders, or two folders of sweeps.
///
/// ```no_run
/// use sottovoce_report::{compare_folders, comparison_tables};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let comparison = compare_folders("results/paper".as_ref(), "results/paper-again".as_ref())?;
/// for table in comparison_tables(&comparison) {
///     println!("{}", table.to_text());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If a folder holds neither a run nor a sweep, if the folders are of different kinds or have no setting or point in common, or if
/// a record is missing or broken.
pub fn compare_folders(first: &Path, second: &Path) -> Result<Comparison, CompareError> {
    match (FolderKind::of(first)?, FolderKind::of(second)?) {
        (FolderKind::Runs, FolderKind::Runs) => compare_runs(first, second),
        (FolderKind::Sweeps, FolderKind::Sweeps) => compare_sweeps(first, second),
        (one, other) => Err(CompareError::DifferentKinds {
            first: first.to_owned(),
            first_kind: one.singular(),
            second: second.to_owned(),
            second_kind: other.singular(),
        }),
    }
}
