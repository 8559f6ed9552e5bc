//! Exported ensembles with the ranges of their logits.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sottovoce_evaluate::RangedEnsemble;
use sottovoce_network::ProvenRange;
use sottovoce_network::disk::ExportedEnsemble;

use crate::commands::exported_networks;

/// An exported ensemble, and the proven range of its logits.
pub struct PlannedEnsemble {
    pub folder: PathBuf,
    pub exported: ExportedEnsemble,
    pub proven: ProvenRange,
}

impl PlannedEnsemble {
    pub fn read(folder: &Path) -> Result<Self> {
        let exported = exported_networks::read(folder)?;
        let proven = ProvenRange::of(&exported.ensemble);
        Ok(Self { folder: folder.to_owned(), exported, proven })
    }

    /// The networks with their observed and their best proven range, for the planner.
    pub fn ranged(&self) -> RangedEnsemble<'_> {
        RangedEnsemble { proven_logit: Some(self.proven.best().1), ..RangedEnsemble::from(&self.exported) }
    }
}
