//! Exported networks in folders that the user names.

use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use sottovoce_network::disk::{ExportedEnsemble, read_ensemble};

/// Reads and checks the ensemble in `folder`.
///
/// # Errors
/// If `folder` is a file, a member of an ensemble or another folder, or the networks were altered.
pub fn read(folder: &Path) -> Result<ExportedEnsemble> {
    let name = folder.display();
    if folder.is_file() {
        bail!(
            "{name} is a file, but exported networks are in a folder; name the folder that `import` or `export` printed"
        );
    }
    if folder.is_dir() && !folder.join("ensemble.json").exists() {
        let above = folder.parent().filter(|above| above.join("ensemble.json").exists());
        match above {
            Some(above) => {
                bail!("{name} is a member of an ensemble; did you mean the ensemble {}?", above.display())
            }
            None => {
                bail!("{name} has no exported networks; name the folder that `import` or `export` printed")
            }
        }
    }
    read_ensemble(folder).with_context(|| format!("cannot use the exported networks in {name}"))
}

/// The name of the ensemble in `folder`, for clients and for default output folders. This is the folder's name, with two
/// exceptions: the ensemble in `RUN/members/SETTING/ensemble` is called `RUN-SETTING`, and the ensemble in another folder
/// `NAME/ensemble` is called `NAME`.
///
/// # Errors
/// If the folder does not exist, or is the root of the file system.
pub fn name(folder: &Path) -> Result<String> {
    let path = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    // The last four names of the path, the last first.
    let names: Vec<String> = path
        .components()
        .rev()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .take(4)
        .collect();
    Ok(match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ensemble", setting, "members", run] => format!("{run}-{setting}"),
        ["ensemble", parent, ..] => parent.to_owned(),
        [own, ..] => own.to_owned(),
        [] => bail!("{} is the root of the file system; name a folder in it", folder.display()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_ensemble_is_named_by_its_folder_or_its_run() {
        let root = tempfile::TempDir::new().unwrap();
        for (path, expected) in [
            ("digits", "digits"),
            ("mine/ensemble", "mine"),
            ("fig5/members/regular-1-seed1/ensemble", "fig5-regular-1-seed1"),
            ("fig5/members/regular-1-seed1", "regular-1-seed1"),
            ("lr=0.01/ens", "ens"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(&path).unwrap();
            assert_eq!(name(&path).unwrap(), expected);
            assert_eq!(name(&path.join("..").join(path.file_name().unwrap())).unwrap(), expected);
        }
    }
}
