//! The parts of the page, from what came of it to what it came from.

use std::fmt::Write as _;

use super::{Contents, Section, manifest, table};
use crate::markup::escaped;
use crate::report::{Part, Picture};
use crate::wording::{counted, thousands};

/// Every section, in order.
pub(crate) fn all(contents: &Contents<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = verdicts(contents).into_iter().collect();
    sections.extend(contents.parts.iter().enumerate().map(|(index, part)| figures(part, index)));
    sections.push(statistics(contents));
    sections.push(choices(contents));
    if !contents.records.absent.is_empty() {
        sections.push(left_out(contents));
    }
    sections.push(manifest::section(contents.records));
    sections
}

fn verdicts(contents: &Contents<'_>) -> Option<Section> {
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
        let _ =
            writeln!(html, "<p>{}: <strong>{}</strong>.</p>", escaped(verdicts.title), counted.join(", "));
    }
    for (index, verdicts) in contents.verdicts.iter().enumerate() {
        html += &table::verdicts(verdicts, &format!("verdicts-{index}"));
    }
    Some(Section { id: "verdicts".to_owned(), title: "What came of it", html })
}

fn figures(part: &Part, index: usize) -> Section {
    let id = format!("part-{index}");
    let mut html: String = part.pictures.iter().map(figure).collect();
    for (number, numbers) in part.tables.iter().enumerate() {
        let shown = table::table(numbers, &format!("{id}-table-{number}"));
        // A chart's numbers, for those who want them.
        let _ = write!(
            html,
            "<details><summary>Numbers: {}</summary>\n{shown}</details>\n",
            escaped(&numbers.title)
        );
    }
    Section { id, title: part.title, html }
}

fn figure(picture: &Picture) -> String {
    // The drawing's own first line, if any, is not HTML.
    let svg = picture.svg.find("<svg").map_or("", |start| &picture.svg[start..]);
    format!(
        "<figure class=\"scroll chart\" tabindex=\"0\" aria-label=\"{title}\">\n{svg}</figure>\n",
        title = escaped(&picture.title),
    )
}

fn statistics(contents: &Contents<'_>) -> Section {
    let tables = contents.statistics.iter().enumerate();
    let html = tables.map(|(index, numbers)| table::table(numbers, &format!("statistics-{index}"))).collect();
    Section { id: "statistics".to_owned(), title: "Statistics", html }
}

/// What was chosen, and by looking at what.
fn choices(contents: &Contents<'_>) -> Section {
    let records = contents.records;
    let validation = records.validation.iter().map(|row| row.images as u64).max();
    let mut html =
        "<p>No choice was made by looking at test accuracy. Test images are classified by finished members \
                    alone."
            .to_owned();
    match validation {
        Some(images) => {
            let _ = write!(
                html,
                " Whatever was chosen by accuracy was chosen on {}, taken from the training images, which no member \
                 trained on.",
                counted(images, "held-out image", "held-out images")
            );
        }
        None => html.push_str(
            " This run records no held-out images; the best member in the statistics is named by test accuracy, which \
             decides nothing in the run.",
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

fn left_out(contents: &Contents<'_>) -> Section {
    let mut html = "<p>This run has no such records, so these are not drawn:</p>\n<ul>\n".to_owned();
    for absent in &contents.records.absent {
        let _ =
            writeln!(html, "<li>{} (<code>{}</code>)</li>", escaped(absent.left_out), escaped(absent.file));
    }
    html.push_str("</ul>\n");
    Section { id: "left-out".to_owned(), title: "Left out", html }
}
