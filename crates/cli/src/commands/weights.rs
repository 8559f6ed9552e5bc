//! Exported ensembles that commands are given by their folders.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sottovoce_network::disk::{ExportedEnsemble, read_ensemble};

/// Reads the ensemble in `folder`, or says what else was named.
pub fn read(folder: &Path) -> Result<ExportedEnsemble> {
    let name = folder.display();
    if folder.is_file() {
        bail!(
            "{name} is a file, but exported networks are a folder: the one that `import` or `export` printed"
        );
    }
    if folder.is_dir() && !folder.join("ensemble.json").exists() {
        let above = folder.parent().filter(|above| above.join("ensemble.json").exists());
        match above {
            Some(above) => bail!("{name} is one member; did you mean the ensemble, {}?", above.display()),
            None => {
                bail!("{name} holds no exported networks: name the folder that `import` or `export` printed")
            }
        }
    }
    read_ensemble(folder).with_context(|| format!("cannot use the exported networks in {name}"))
}

/// What an ensemble is called by: its folder's own name.
pub fn name(folder: &Path) -> Result<String> {
    let path = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    let name = path.file_name().with_context(|| format!("the folder {} has no name", folder.display()))?;
    Ok(name.to_string_lossy().into_owned())
}
