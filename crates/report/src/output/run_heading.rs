//! The heading of a run's tables and page.

use sottovoce_table::{LATEX_PACKAGES, Table};

use crate::data::run_records::RunRecords;
use crate::data::wording::thousands;

/// Experiment, data set and training of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunHeading {
    /// Name of the experiment, if it is known.
    pub(crate) experiment: Option<String>,
    /// Name of the data set, with its number of images if it is known.
    pub(crate) dataset: String,
    /// Training of the members in one line, if it is known.
    pub(crate) training: Option<String>,
    synthetic: bool,
}

impl RunHeading {
    pub(crate) fn of(records: &RunRecords) -> Self {
        let facts = &records.facts.dataset;
        let dataset = match (facts.train_images, facts.test_images) {
            (Some(train), Some(test)) => {
                format!(
                    "{} ({} training and {} test images)",
                    facts.name(),
                    thousands(train),
                    thousands(test)
                )
            }
            _ => facts.name().to_owned(),
        };
        let experiment = records.experiment.as_ref();
        Self {
            experiment: experiment.and_then(|experiment| experiment.name()).map(str::to_owned),
            dataset,
            training: experiment.and_then(|experiment| experiment.training()),
            synthetic: facts.synthetic,
        }
    }

    /// Sentences for Markdown and LaTeX files.
    fn sentences(&self) -> Vec<String> {
        let experiment = self.experiment.iter().map(|name| format!("Experiment: {name}."));
        let training = self.training.iter().map(|line| format!("Training: {line}."));
        experiment.chain([format!("Data set: {}.", self.dataset)]).chain(training).collect()
    }

    /// Writes tables as a Markdown file.
    pub(crate) fn markdown(&self, tables: &[Table]) -> String {
        let warning = if self.synthetic {
            "**SYNTHETIC DATA, drawn by a program: not comparable with results on MNIST.**\n\n"
        } else {
            ""
        };
        let tables: Vec<String> = tables.iter().map(Table::to_markdown).collect();
        format!("{warning}{}\n\n{}", self.sentences().join(" "), tables.join("\n"))
    }

    /// Writes tables as a LaTeX file for `\\input`. `name` is part of their labels.
    pub(crate) fn latex(&self, name: &str, tables: &[Table]) -> String {
        let warning = if self.synthetic { "% SYNTHETIC DATA, drawn by a program.\n" } else { "" };
        // A comment needs no escapes but must stay on its line.
        let sentences = self.sentences().join(" ").replace(['\n', '\r'], " ");
        let dataset =
            if self.synthetic { format!("SYNTHETIC DATA: {}", self.dataset) } else { self.dataset.clone() };
        let numbered = tables.iter().zip(1..);
        let tables: Vec<String> = numbered
            .map(|(table, number)| table.to_latex(&format!("tab:{name}-{number}"), Some(&dataset)))
            .collect();
        format!("{warning}% {sentences}\n% {LATEX_PACKAGES}\n\n{}", tables.join("\n"))
    }
}
