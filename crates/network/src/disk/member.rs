//! The folder of one member: its manifest and its weights as CSV files.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use crate::architecture::BlockShape;
use crate::block::{Block, IntegerBlock};
use crate::disk::csv;
use crate::disk::error::DiskError;
use crate::disk::files::{check_sha256, read_json, read_text, sha256, to_json, write_new};
use crate::disk::manifest::{FORMAT, Manifest, Ranges, check_format};
use crate::integer_network::IntegerNetwork;

/// Name of the manifest's file.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Writes a member and returns the SHA-256 of its manifest.
pub(crate) fn write_member(
    folder: &Path,
    network: &IntegerNetwork,
    observed: Option<&i128>,
    provenance: &BTreeMap<String, String>,
) -> Result<String, DiskError> {
    let mut files = BTreeMap::new();
    for (name, block) in network.blocks() {
        let weights = csv::encode(block.row_iter());
        let biases = csv::encode(block.biases().iter().map(std::slice::from_ref));
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
/// If a file is missing, altered, of the wrong shape or not integers. Each error names its file and line.
pub fn read_member(folder: &Path) -> Result<(IntegerNetwork, Manifest), DiskError> {
    let path = folder.join(MANIFEST);
    let manifest: Manifest = read_json(&path)?;
    check_format(&path, manifest.format)?;
    let invalid = |source| DiskError::Network { path: path.clone(), source };
    manifest.architecture.validate().map_err(|source| invalid(source.into()))?;
    let [convolution, hidden, output] =
        manifest.architecture.block_shapes().map(|shape| read_block(folder, &manifest, shape));
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
    BlockShape { name, rows, columns }: BlockShape,
) -> Result<IntegerBlock, DiskError> {
    let weights = read_part(folder, manifest, &format!("{name}.weights.csv"), rows, columns)?;
    let biases = read_part(folder, manifest, &format!("{name}.biases.csv"), rows, 1)?;
    // `read_part` has checked the numbers of weights and biases, so the block is never `None`.
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
    // Shape and integers are checked before the checksum, because their errors name the line.
    let values = csv::decode(&path, &text, rows, columns)?;
    check_sha256(&path, &text, expected)?;
    Ok(values)
}
