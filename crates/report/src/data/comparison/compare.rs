//! Comparison of two folders.

use std::path::Path;

use crate::data::comparison::error::CompareError;
use crate::data::comparison::result::{Comparison, FolderKind};
use crate::data::comparison::runs::compare_runs;
use crate::data::comparison::sweeps::compare_sweeps;

/// Compares two run folders, or two folders of sweeps.
///
/// # Errors
/// If a folder holds neither, they are of different kinds, a record is missing or broken, or they have no setting or point in
/// common.
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
