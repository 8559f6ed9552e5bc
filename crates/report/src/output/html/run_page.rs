//! The report of a run as an HTML page.

use std::fmt::Write as _;

use sottovoce_table::Table;

use crate::content::verdicts::verdict::Verdicts;
use crate::data::run_records::RunRecords;
use crate::data::wording::{counted, thousands};
use crate::drawing::encode::escape_markup;
use crate::output::html::document::{Document, Section, document, figure_html};
use crate::output::html::manifest::manifest_section;
use crate::output::html::table::{table_html, verdict_table_html};
use crate::output::run_charts::ChartSection;
use crate::output::run_heading::RunHeading;

/// Content of the page.
pub(crate) struct RunPage<'a> {
    pub(crate) records: &'a RunRecords,
    pub(crate) chart_sections: &'a [ChartSection],
    pub(crate) statistics: &'a [Table],
    /// Verdicts on targets, then on claims; empty if the run is not comparable with the paper.
    pub(crate) verdicts: &'a [Verdicts],
}

/// Writes the page of a run.
pub(crate) fn run_page(contents: &RunPage<'_>) -> String {
    let sections = sections(contents);
    let dataset = &contents.records.facts.dataset;
    let heading = RunHeading::of(contents.records);
    let name = heading.experiment.as_deref();
    let of_experiment = name.map_or_else(String::new, |name| format!("{}: ", escape_markup(name)));
    let training = heading.training.as_deref().map_or_else(String::new, |line| {
        format!("<p>Members were trained with {}.</p>\n", escape_markup(line))
    });
    let beside = match contents.records.scope.obstacle() {
        None => "<p>Beside it are the numbers of <cite>Privacy Preserving Inference with Convolutional Neural Network \
                 Ensemble</cite> (Xiong, Nguyen, So and Chen, 2020).</p>\n"
            .to_owned(),
        Some(reason) => format!(
            "<p>No numbers of the paper's (Xiong, Nguyen, So and Chen, 2020) are beside this run: {}.</p>\n",
            escape_markup(reason)
        ),
    };
    let introduction = format!(
        "<p>Report of a sottovoce run on <strong>{}</strong>. Everything below is drawn and computed from the run's \
         records.</p>\n{training}{beside}",
        escape_markup(&heading.dataset)
    );
    document(&Document {
        title: &format!("{of_experiment}encrypted inference on {}", escape_markup(dataset.name())),
        heading: &format!(
            "{of_experiment}encrypted inference with an ensemble on {}",
            escape_markup(dataset.name())
        ),
        introduction: &introduction,
        synthetic: dataset.synthetic,
        sections: &sections,
    })
}

/// All sections in order.
fn sections(contents: &RunPage<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = verdicts(contents).into_iter().collect();
    sections
        .extend(contents.chart_sections.iter().enumerate().map(|(index, section)| figures(section, index)));
    sections.push(statistics(contents));
    sections.push(choices(contents));
    if !contents.records.absent.is_empty() {
        sections.push(not_drawn(contents));
    }
    sections.push(manifest_section(contents.records));
    sections
}

fn verdicts(contents: &RunPage<'_>) -> Option<Section> {
    if contents.verdicts.is_empty() {
        return None;
    }
    let mut html = String::new();
    for verdicts in contents.verdicts {
        let (counts, words) = (verdicts.counts(), verdicts.words);
        let counted: Vec<String> = counts
            .iter()
            .zip(words)
            .filter(|(count, _)| **count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        // Writing to a string never fails, here and below.
        let _ = writeln!(
            html,
            "<p>{}: <strong>{}</strong>.</p>",
            escape_markup(verdicts.title),
            counted.join(", ")
        );
    }
    for (index, verdicts) in contents.verdicts.iter().enumerate() {
        html += &verdict_table_html(verdicts, &format!("verdicts-{index}"));
    }
    Some(Section { id: "verdicts".to_owned(), title: "Summary", html })
}

fn figures(section: &ChartSection, index: usize) -> Section {
    let id = format!("part-{index}");
    let mut html: String = section.charts.iter().map(|chart| figure_html(&chart.title, &chart.svg)).collect();
    for (number, numbers) in section.tables.iter().enumerate() {
        let shown = table_html(numbers, &format!("{id}-table-{number}"));
        // The numbers of a chart can be unfolded.
        let _ = write!(
            html,
            "<details><summary>Numbers: {}</summary>\n{shown}</details>\n",
            escape_markup(&numbers.title)
        );
    }
    Section { id, title: section.title, html }
}

fn statistics(contents: &RunPage<'_>) -> Section {
    let tables = contents.statistics.iter().enumerate();
    let html = tables.map(|(index, numbers)| table_html(numbers, &format!("statistics-{index}"))).collect();
    Section { id: "statistics".to_owned(), title: "Statistics", html }
}

/// The section on choices: which images they were based on.
fn choices(contents: &RunPage<'_>) -> Section {
    let records = contents.records;
    let validation = records.validation.iter().map(|row| row.images as u64).max();
    let mut html =
        "<p>No choice was based on test accuracy: only finished members classify test images.".to_owned();
    match validation {
        Some(images) => {
            let _ = write!(
                html,
                " Choices by accuracy were based on {}, taken from the training images; no member trained on them.",
                counted(images, "held-out image", "held-out images")
            );
        }
        None => html.push_str(
            " This run records no held-out images. The statistics choose the best member by test accuracy, but nothing in the \
             run depends on that choice.",
        ),
    }
    html.push_str("</p>\n");
    if let (Some(train), Some(test)) = (records.facts.dataset.train_images, records.facts.dataset.test_images)
    {
        let _ = writeln!(
            html,
            "<p>{} training images{}, {} test images.</p>",
            thousands(train),
            match validation {
                Some(held_out) => format!(", the {} held-out ones among them", thousands(held_out)),
                None => String::new(),
            },
            thousands(test)
        );
    }
    Section { id: "choices".to_owned(), title: "How test images were used", html }
}

fn not_drawn(contents: &RunPage<'_>) -> Section {
    let mut html =
        "<p>The run lacks these records, so their charts and tables are left out:</p>\n<ul>\n".to_owned();
    for absent in &contents.records.absent {
        let _ = writeln!(
            html,
            "<li>{} (<code>{}</code>)</li>",
            escape_markup(absent.not_drawn),
            escape_markup(absent.file)
        );
    }
    html.push_str("</ul>\n");
    Section { id: "left-out".to_owned(), title: "Left out", html }
}
