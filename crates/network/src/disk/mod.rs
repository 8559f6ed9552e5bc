//! Integer networks on disk.
//!
//! An exported ensemble is a folder:
//!
//! ```text
//! ensemble.json                        the members' folders, in order
//! member-1/manifest.json               shapes, pixel levels, logit scale, ranges, provenance, checksums
//! member-1/convolution.weights.csv     one line per map, kernel * kernel taps in row order
//! member-1/convolution.biases.csv      one line per map
//! member-1/hidden.weights.csv          one line per unit, activations map by map
//! member-1/hidden.biases.csv
//! member-1/output.weights.csv          one line per class
//! member-1/output.biases.csv
//! ```
//!
//! The CSV files hold bare integers without a header, the form in which the paper hands weights from
//! training to encryption. Reading trusts nothing: shapes, integers and checksums are all checked, and
//! every error names file and line.

mod csv_block;
mod error;
mod files;
mod manifest;

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use error::DiskError;
pub use files::sha256;
pub use manifest::{FORMAT, Manifest, Ranges};

use crate::{Block, IntegerBlock, IntegerEnsemble, IntegerNetwork, ObservedRange};
use files::{read_json, read_text, replace_folder, to_json, write_new};

const MANIFEST: &str = "manifest.json";
const ENSEMBLE: &str = "ensemble.json";

/// Contents of `ensemble.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnsembleManifest {
    format: u32,
    members: Vec<MemberEntry>,
    observed_logits: Option<String>,
    inputs: String,
}

/// A member's folder, and the SHA-256 of the manifest in it, which in turn has those of its weights.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberEntry {
    folder: String,
    manifest_sha256: String,
}

/// What an exported ensemble's manifests say beside the networks themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The largest absolute logits seen on training images, where they were measured.
    pub observed: Option<ObservedRange>,
    /// Where the networks come from, in free words.
    pub provenance: BTreeMap<String, String>,
    /// Identifies what the networks were made from: the same inputs need not be exported again.
    pub inputs: String,
}

/// An ensemble as it was read from disk.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedEnsemble {
    /// The networks.
    pub ensemble: IntegerEnsemble,
    /// What else the manifests say.
    pub origin: Origin,
}

/// Writes an ensemble to `folder`, replacing what is there.
///
/// Everything is written beside `folder` first and renamed into place, so that no half-written ensemble
/// is ever found under its name.
///
/// # Errors
/// If a file cannot be written.
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
            EnsembleManifest { format: FORMAT, members, observed_logits, inputs: origin.inputs.clone() };
        write_new(&partial.join(ENSEMBLE), to_json(&index).as_bytes())
    })
}

/// Reads the ensemble in `folder`.
///
/// # Errors
/// If a member cannot be read ([`read_member`]) or the members do not belong together.
pub fn read_ensemble(folder: &Path) -> Result<ExportedEnsemble, DiskError> {
    let path = folder.join(ENSEMBLE);
    let index: EnsembleManifest = read_json(&path)?;
    check_format(&path, index.format)?;
    let mut networks = Vec::new();
    let mut observed = Vec::new();
    let mut provenance = BTreeMap::new();
    for MemberEntry { folder: member, manifest_sha256 } in index.members {
        // A name, not a path: an index must not reach outside its folder.
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
    Ok(ExportedEnsemble { ensemble, origin: Origin { observed, provenance, inputs: index.inputs } })
}

fn parse_observed(path: &Path, text: Option<String>) -> Result<Option<i128>, DiskError> {
    let parse = |text: String| match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => Err(DiskError::Observed { path: path.to_owned(), found: text }),
    };
    text.map(parse).transpose()
}

fn check_sha256(path: &Path, text: &str, expected: &str) -> Result<(), DiskError> {
    let found = sha256(text.as_bytes());
    if found == expected {
        Ok(())
    } else {
        Err(DiskError::Altered { path: path.to_owned(), found, expected: expected.to_owned() })
    }
}

/// What the ensemble in `folder` was made from ([`Origin::inputs`]), or `None` where there is none to read.
#[must_use]
pub fn read_inputs(folder: &Path) -> Option<String> {
    read_json::<EnsembleManifest>(&folder.join(ENSEMBLE)).ok().map(|index| index.inputs)
}

/// Writes a member and returns the SHA-256 of its manifest.
fn write_member(
    folder: &Path,
    network: &IntegerNetwork,
    observed: Option<&i128>,
    provenance: &BTreeMap<String, String>,
) -> Result<String, DiskError> {
    let mut files = BTreeMap::new();
    for (name, block) in network.blocks() {
        let weights = csv_block::encode(block.row_iter());
        let biases = csv_block::encode(block.biases().iter().map(std::slice::from_ref));
        for (part, text) in [("weights", weights), ("biases", biases)] {
            let file = format!("{name}.{part}.csv");
            write_new(&folder.join(&file), text.as_bytes())?;
            files.insert(file, sha256(text.as_bytes()));
        }
    }
    let manifest = Manifest {
        format: FORMAT,
        architecture: *network.architecture(),
        pixel_levels: network.pixel_levels(),
        logit_scale: network.logit_scale(),
        ranges: Ranges { proven: *network.bounds(), observed_logits: observed.map(ToString::to_string) },
        provenance: provenance.clone(),
        files,
    };
    let text = to_json(&manifest);
    write_new(&folder.join(MANIFEST), text.as_bytes())?;
    Ok(sha256(text.as_bytes()))
}

/// Reads the member in `folder`.
///
/// # Errors
/// If a file is missing, altered, of the wrong shape or not integers; each error names file and line.
pub fn read_member(folder: &Path) -> Result<(IntegerNetwork, Manifest), DiskError> {
    let path = folder.join(MANIFEST);
    let manifest: Manifest = read_json(&path)?;
    check_format(&path, manifest.format)?;
    let invalid = |source| DiskError::Network { path: path.clone(), source };
    manifest.architecture.validate().map_err(|source| invalid(source.into()))?;
    let shapes = IntegerNetwork::shapes(&manifest.architecture);
    let [convolution, hidden, output] =
        shapes.map(|(name, shape)| read_block(folder, &manifest, name, shape));
    let blocks = [convolution?, hidden?, output?];
    let network =
        IntegerNetwork::new(manifest.architecture, manifest.pixel_levels, manifest.logit_scale, blocks)
            .map_err(invalid)?;
    if *network.bounds() != manifest.ranges.proven {
        return Err(DiskError::Ranges { path });
    }
    Ok((network, manifest))
}

fn read_block(
    folder: &Path,
    manifest: &Manifest,
    name: &'static str,
    [rows, columns]: [usize; 2],
) -> Result<IntegerBlock, DiskError> {
    let weights = read_part(folder, manifest, &format!("{name}.weights.csv"), rows, columns)?;
    let biases = read_part(folder, manifest, &format!("{name}.biases.csv"), rows, 1)?;
    // `read_part` has made sure of the shapes, so this is never `None`.
    Block::new(columns, weights, biases)
        .ok_or(DiskError::MissingFile { manifest: folder.join(MANIFEST), file: name.to_owned() })
}

fn read_part<T: FromStr>(
    folder: &Path,
    manifest: &Manifest,
    file: &str,
    rows: usize,
    columns: usize,
) -> Result<Vec<T>, DiskError> {
    let path = folder.join(file);
    let expected = manifest
        .files
        .get(file)
        .ok_or_else(|| DiskError::MissingFile { manifest: folder.join(MANIFEST), file: file.to_owned() })?;
    let text = read_text(&path)?;
    // Shape and integers first: their errors name the line, a checksum only the file.
    let values = csv_block::decode(&path, &text, rows, columns)?;
    check_sha256(&path, &text, expected)?;
    Ok(values)
}

fn check_format(path: &Path, found: u32) -> Result<(), DiskError> {
    if found == FORMAT {
        Ok(())
    } else {
        Err(DiskError::Format { path: path.to_owned(), found, supported: FORMAT })
    }
}

#[cfg(test)]
mod tests;
