//! The folder of an ensemble: the index of its members, and the members' folders.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::error::DiskError;
use crate::disk::files::{check_sha256, read_json, read_text, replace_folder, to_json, write_new};
use crate::disk::manifest::{FORMAT, check_format};
use crate::disk::member::{MANIFEST, read_member, write_member};
use crate::ensemble::IntegerEnsemble;
use crate::ranges::logit_range::ObservedRange;

/// Name of the ensemble's index.
const INDEX: &str = "ensemble.json";

/// Contents of `ensemble.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnsembleIndex {
    format: u32,
    members: Vec<MemberEntry>,
    observed_logits: Option<String>,
    /// [`Origin::input_hash`].
    inputs: String,
}

/// Folder of a member, and the SHA-256 of the manifest in it. The manifest holds the SHA-256 of the weights.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberEntry {
    folder: String,
    manifest_sha256: String,
}

/// Facts about an exported ensemble that its networks do not contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Largest absolute logits on training images, if they were measured.
    pub observed: Option<ObservedRange>,
    /// Origin of the networks as names and values: split, seed, data, versions.
    pub provenance: BTreeMap<String, String>,
    /// Hash of everything that the networks were made from. Networks with the same hash need not be exported again.
    pub input_hash: String,
}

/// An ensemble that was read from disk.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedEnsemble {
    /// The networks.
    pub ensemble: IntegerEnsemble,
    /// Facts about the networks from the manifests.
    pub origin: Origin,
}

/// Writes an ensemble to `folder`, replacing what is there.
///
/// All files are written to a folder beside `folder`, which is then renamed. A reader never finds a half-written
/// ensemble under the name `folder`.
///
/// # Errors
/// If a file cannot be written.
///
/// ```
/// use sottovoce_network::disk::{Origin, read_ensemble, write_ensemble};
/// use sottovoce_network::{Architecture, NetworkSampler};
///
/// let shape = Architecture { image_side: 8, maps: 2, hidden: 6, ..Architecture::default() };
/// let ensemble = NetworkSampler::new(shape, 1).ensemble(2)?;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("ensemble");
/// write_ensemble(&path, &ensemble, &Origin::default())?;
/// assert_eq!(read_ensemble(&path)?.ensemble, ensemble);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_ensemble(folder: &Path, ensemble: &IntegerEnsemble, origin: &Origin) -> Result<(), DiskError> {
    replace_folder(folder, |partial| {
        let mut members = Vec::new();
        for (index, network) in ensemble.members().iter().enumerate() {
            let name = format!("member-{}", index + 1);
            let observed = origin.observed.as_ref().and_then(|range| range.members.get(index));
            let manifest_sha256 = write_member(&partial.join(&name), network, observed, &origin.provenance)?;
            members.push(MemberEntry { folder: name, manifest_sha256 });
        }
        let observed_logits = origin.observed.as_ref().map(|range| range.ensemble.to_string());
        let index =
            EnsembleIndex { format: FORMAT, members, observed_logits, inputs: origin.input_hash.clone() };
        write_new(&partial.join(INDEX), to_json(&index).as_bytes())
    })
}

/// Reads the ensemble in `folder`.
///
/// # Errors
/// If a member cannot be read ([`read_member`]) or the members make no ensemble.
pub fn read_ensemble(folder: &Path) -> Result<ExportedEnsemble, DiskError> {
    let path = folder.join(INDEX);
    let index: EnsembleIndex = read_json(&path)?;
    check_format(&path, index.format)?;
    let mut networks = Vec::new();
    let mut observed = Vec::new();
    let mut provenance = BTreeMap::new();
    for MemberEntry { folder: member, manifest_sha256 } in index.members {
        // The index must not name a file outside its folder, so a member is a name and not a path.
        if member.is_empty() || member.contains(['/', '\\']) || member.starts_with('.') {
            return Err(DiskError::MemberName { path, found: member });
        }
        let member = folder.join(member);
        let (network, manifest) = read_member(&member)?;
        let manifest_path = member.join(MANIFEST);
        check_sha256(&manifest_path, &read_text(&manifest_path)?, &manifest_sha256)?;
        networks.push(network);
        observed.push(parse_observed(&manifest_path, manifest.ranges.observed_logits)?);
        provenance = manifest.provenance;
    }
    let sum = parse_observed(&path, index.observed_logits)?;
    let observed = Option::zip(sum, observed.into_iter().collect())
        .map(|(ensemble, members)| ObservedRange { members, ensemble });
    let ensemble = IntegerEnsemble::new(networks)
        .map_err(|source| DiskError::Ensemble { folder: folder.to_owned(), source })?;
    Ok(ExportedEnsemble { ensemble, origin: Origin { observed, provenance, input_hash: index.inputs } })
}

/// Reads the [`Origin::input_hash`] of the ensemble in `folder`; `None` if there is no readable index.
#[must_use]
pub fn read_input_hash(folder: &Path) -> Option<String> {
    read_json::<EnsembleIndex>(&folder.join(INDEX)).ok().map(|index| index.inputs)
}

fn parse_observed(path: &Path, text: Option<String>) -> Result<Option<i128>, DiskError> {
    let parse = |text: String| match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => Err(DiskError::Observed { path: path.to_owned(), found: text }),
    };
    text.map(parse).transpose()
}

#[cfg(test)]
mod tests;
