//! Charts of a sweep: numbers, texts and files.

use serde_json::Value;

use crate::content::sweep_charts::error::SweepChartError;
use crate::content::sweep_charts::heat::HeatChart;
use crate::content::sweep_charts::plot::PlotData;
use crate::content::sweep_charts::query::{ChartKind, ChartQuery, last_component};
use crate::content::sweep_charts::xy::XyChart;
use crate::data::sweep_records::SweepRecords;
use crate::drawing::encode::{Drawing, chart_file};
use crate::drawing::page::Caption;
use crate::drawing::rendering::{Length, Rendering};
use crate::drawing::typeface::Typeface;

/// The chart of a sweep that answers a query. See [`SweepRecords`] for an example.
#[derive(Debug, Clone)]
pub struct SweepChart {
    plot: PlotData,
    caption: Caption,
    stem: String,
}

impl SweepChart {
    /// Gathers the numbers that `query` asks for.
    ///
    /// # Errors
    /// If a name is unknown, if an axis varies that the chart does not show, or if there are too few points.
    pub fn new(records: &SweepRecords, query: &ChartQuery) -> Result<Self, SweepChartError> {
        let plot = PlotData::gather(records, query)?;
        let dataset = &records.dataset;
        let caption = Caption {
            title: plot.title.clone(),
            dataset: dataset.name().to_owned(),
            synthetic: dataset.synthetic,
        };
        Ok(Self { plot, caption, stem: stem(query) })
    }

    /// A file name without extension that describes the chart: `accuracy-by-logit_bits`.
    #[must_use]
    pub fn stem(&self) -> &str {
        &self.stem
    }

    /// A caption for a paper: sentences that describe the chart.
    #[must_use]
    pub fn caption(&self) -> String {
        let warning = self.caption.warning().map_or_else(String::new, |warning| format!(" {warning}"));
        format!("{}. {}. {}{warning}", self.plot.title, self.caption.dataset, self.plot.description)
    }

    pub(crate) fn title(&self) -> &str {
        &self.plot.title
    }

    /// Remarks on records that are not drawn.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.plot.remarks
    }

    /// The numbers that are drawn.
    #[must_use]
    pub fn numbers(&self) -> Value {
        self.plot.to_json()
    }

    /// Draws the chart as a file. Also returns a remark if the labels are smaller, or the chart is higher, than requested. `height` is the
    /// height of the whole chart. It has no effect on heat maps, whose height follows from their rows.
    ///
    /// # Errors
    /// If the drawing or the encoding library fails.
    pub fn render(
        &self,
        rendering: &Rendering,
        height: Option<Length>,
    ) -> Result<(Vec<u8>, Option<String>), SweepChartError> {
        let typeface = Typeface::embedded()?;
        let frame = rendering.frame();
        let note = self.plot.remarks.join(" ");
        if self.plot.kind == ChartKind::Heat {
            let drawing = HeatChart::new(self.plot.clone(), &self.caption, &note, frame)?;
            return rendered(&drawing, &typeface, rendering);
        }
        let units = height.map(|height| rendering.units(height));
        let drawing = XyChart::new(self.plot.clone(), &self.caption, &note, frame, units)?;
        let (bytes, remark) = rendered(&drawing, &typeface, rendering)?;
        let too_high = height.and_then(|height| rendering.height_remark(drawing.size(), height));
        let remarks: Vec<String> = remark.into_iter().chain(too_high).collect();
        Ok((bytes, (!remarks.is_empty()).then(|| remarks.join("; "))))
    }
}

fn rendered(
    drawing: &impl Drawing,
    typeface: &Typeface,
    rendering: &Rendering,
) -> Result<(Vec<u8>, Option<String>), SweepChartError> {
    let bytes = chart_file(drawing, typeface, rendering)?;
    Ok((bytes, rendering.font_size_remark(drawing.size())))
}

/// A file name of letters, digits, hyphens, dots and underscores, so that a name from a record cannot lead out of a folder.
fn stem(query: &ChartQuery) -> String {
    let mut stem = match query.kind {
        ChartKind::Line => format!("{}-by-{}", query.y, last_component(&query.x)),
        ChartKind::Heat => format!("{}-heat-{}", query.y, last_component(&query.x)),
        ChartKind::Frontier => format!("{}-frontier-{}", query.y, last_component(&query.x)),
    };
    for (word, name) in [("and", &query.series), ("facets", &query.facet)] {
        if let Some(name) = name {
            stem = format!("{stem}-{word}-{}", last_component(name));
        }
    }
    for (axis, value) in &query.fixed {
        stem = format!("{stem}-{}-{value}", last_component(axis));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    stem.chars().map(|letter| if plain(letter) { letter } else { '-' }).collect()
}
