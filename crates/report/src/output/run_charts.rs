//! Charts of a run in the order of the report, each with the table of its numbers.

use std::path::Path;

use sottovoce_network::disk::sha256;
use sottovoce_table::Table;

use crate::content::charts::accuracy::framed_accuracy_chart;
use crate::content::charts::bits::BitsChart;
use crate::content::charts::elapsed::ElapsedChart;
use crate::content::charts::error::ChartError;
use crate::content::charts::labels::LabelsChart;
use crate::content::charts::layers::LayersChart;
use crate::content::charts::recall::RecallChart;
use crate::content::charts::sizes::SizesChart;
use crate::content::charts::spread::SpreadChart;
use crate::content::tables::measurements::{bits_table, elapsed_table, recall_table, sizes_table};
use crate::content::tables::run::{accuracy_table, layer_table};
use crate::data::baseline::Baseline;
use crate::data::layer_times::LayerTimes;
use crate::data::paper;
use crate::data::paper_scope::PaperScope;
use crate::data::run_records::RunRecords;
use crate::data::split_accuracy::{SplitAccuracy, split_methods};
use crate::data::values::distinct;
use crate::data::voter::UnknownVoter;
use crate::drawing::encode::{Drawing, chart_file, png_file, svg_text};
use crate::drawing::page::Caption;
use crate::drawing::rendering::{Frame, Rendering};
use crate::drawing::typeface::Typeface;
use crate::output::error::ReportError;

/// A chart as files.
#[derive(Debug)]
pub(crate) struct ChartFiles {
    /// Name of the files without extension.
    pub(crate) stem: String,
    /// Title of the chart.
    pub(crate) title: String,
    /// Empty if the chart is drawn for print.
    pub(crate) svg: String,
    pub(crate) png: Vec<u8>,
    /// The chart drawn for print, if it is drawn for print.
    pub(crate) printed: Option<PrintedFile>,
}

/// A chart in the requested format, width and font size.
#[derive(Debug)]
pub(crate) struct PrintedFile {
    pub(crate) file: Vec<u8>,
    /// A remark if the labels are smaller than requested.
    pub(crate) remark: Option<String>,
}

/// A section of the report: charts and tables.
#[derive(Debug)]
pub(crate) struct ChartSection {
    pub(crate) title: &'static str,
    pub(crate) charts: Vec<ChartFiles>,
    pub(crate) tables: Vec<Table>,
}

/// Draws all charts that have records: for the report, or for print if there is a `rendering`.
pub(crate) fn draw_run_charts(
    records: &RunRecords,
    folder: &Path,
    rendering: Option<Rendering>,
) -> Result<Vec<ChartSection>, ReportError> {
    let typeface = Typeface::embedded()
        .map_err(|error| ReportError::Chart { path: folder.join("accuracy.csv"), source: error.into() })?;
    let frame = rendering.map_or(Frame::NATURAL, |rendering| rendering.frame());
    let charts = RunCharts { records, folder, typeface, rendering, frame };
    let sections = [
        charts.accuracy()?,
        charts.layers()?,
        charts.elapsed()?,
        charts.recall()?,
        charts.labels()?,
        charts.bits()?,
        charts.sizes()?,
    ];
    Ok(sections.into_iter().flatten().collect())
}

struct RunCharts<'a> {
    records: &'a RunRecords,
    folder: &'a Path,
    typeface: Typeface,
    rendering: Option<Rendering>,
    frame: Frame,
}

type Drawn = Result<Option<ChartSection>, ReportError>;

impl RunCharts<'_> {
    fn accuracy(&self) -> Drawn {
        let rows = &self.records.accuracy;
        let mut section =
            ChartSection { title: "Accuracy under encryption", charts: Vec::new(), tables: Vec::new() };
        let mut sweeps: Vec<(String, SplitAccuracy)> = Vec::new();
        for split in split_methods(rows) {
            let table =
                accuracy_table(rows, split, self.scope()).map_err(self.voter_error("accuracy.csv"))?;
            section.tables.push(table);
            if Baseline::from_split(split).is_some() {
                continue;
            }
            let sweep =
                SplitAccuracy::gather(rows, split, self.scope()).map_err(self.chart_error("accuracy.csv"))?;
            // Only a chart of the paper's settings has the number of the paper's figure.
            let number = paper::figure(split).filter(|_| sweep.is_papers());
            let title = number.map_or_else(String::new, |number| format!("Figure {number}. "));
            let caption = self.caption(format!("{title}Test accuracy under encryption, {split} split"));
            let drawing = framed_accuracy_chart(rows, split, &caption, self.scope(), self.frame)
                .map_err(self.chart_error("accuracy.csv"))?;
            let stem = number.map_or_else(|| stem("accuracy", split), |number| format!("figure{number}"));
            section.charts.push(self.chart(stem, &caption, &drawing)?);
            sweeps.push((split.to_owned(), sweep));
        }
        if !sweeps.is_empty() {
            let caption = self.caption("Test accuracy under encryption, this run alone".to_owned());
            let drawing =
                SpreadChart::new(sweeps, &caption, self.frame).map_err(self.chart_error("accuracy.csv"))?;
            section.charts.push(self.chart("spread".to_owned(), &caption, &drawing)?);
        }
        Ok(Some(section))
    }

    fn layers(&self) -> Drawn {
        let rows = &self.records.layers;
        let times = LayerTimes::gather(rows, self.scope()).map_err(self.voter_error("layers.csv"))?;
        let (number, stem) = if times.has_paper { ("Table 3. ", "table3") } else { ("", "layers") };
        let caption = self.caption(format!("{number}Seconds of each layer for one batch"));
        let drawing =
            LayersChart::new(&times, &caption, self.frame).map_err(self.chart_error("layers.csv"))?;
        let tables = vec![layer_table(rows, self.scope()).map_err(self.voter_error("layers.csv"))?];
        Ok(Some(ChartSection {
            title: "Time of each layer",
            charts: vec![self.chart(stem.to_owned(), &caption, &drawing)?],
            tables,
        }))
    }

    fn elapsed(&self) -> Drawn {
        let rows = &self.records.elapsed;
        if rows.is_empty() {
            return Ok(None);
        }
        let has_paper = self.scope().is_comparable();
        let (number, stem) = if has_paper { ("Figure 8. ", "figure8") } else { ("", "elapsed") };
        let caption = self.caption(format!("{number}Elapsed time over numbers of images"));
        let drawing = ElapsedChart::new(rows, &caption, has_paper, self.frame)
            .map_err(self.chart_error("elapsed.csv"))?;
        Ok(Some(ChartSection {
            title: "Elapsed time",
            charts: vec![self.chart(stem.to_owned(), &caption, &drawing)?],
            tables: vec![elapsed_table(rows, has_paper)],
        }))
    }

    fn recall(&self) -> Drawn {
        let rows = &self.records.recall;
        let caption = self.caption("Recall of each digit: the members' bias, and the ensemble's".to_owned());
        let drawing = RecallChart::new(rows, &caption, self.frame).map_err(self.chart_error("recall.csv"))?;
        let Some(drawing) = drawing else { return Ok(None) };
        Ok(Some(ChartSection {
            title: "Recall of each digit",
            charts: vec![self.chart("recall".to_owned(), &caption, &drawing)?],
            tables: recall_table(rows).map_err(self.voter_error("recall.csv"))?,
        }))
    }

    fn labels(&self) -> Drawn {
        let rows = &self.records.labels;
        let of_sweeps = rows.iter().filter(|row| Baseline::from_split(&row.split).is_none());
        let mut charts = Vec::new();
        for split in distinct(of_sweeps.map(|row| row.split.as_str())) {
            let caption = self.caption(format!("What each member trained on, {split} split"));
            let drawing = LabelsChart::new(rows, split, &caption, self.frame)
                .map_err(self.chart_error("labels.csv"))?;
            charts.push(self.chart(stem("labels", split), &caption, &drawing)?);
        }
        let section = ChartSection { title: "What the members trained on", charts, tables: Vec::new() };
        Ok((!section.charts.is_empty()).then_some(section))
    }

    fn bits(&self) -> Drawn {
        let rows = &self.records.bits;
        if rows.is_empty() {
            return Ok(None);
        }
        let caption = self.caption("Accuracy under encryption against logit bits".to_owned());
        let drawing = BitsChart::new(rows, &caption, self.frame).map_err(self.chart_error("bits.csv"))?;
        Ok(Some(ChartSection {
            title: "Logit bits",
            charts: vec![self.chart("bits".to_owned(), &caption, &drawing)?],
            tables: vec![bits_table(rows).map_err(self.voter_error("bits.csv"))?],
        }))
    }

    fn sizes(&self) -> Drawn {
        let rows = &self.records.sizes;
        if rows.is_empty() {
            return Ok(None);
        }
        let caption = self.caption("Sizes of messages".to_owned());
        let has_paper = self.scope().is_comparable();
        let drawing =
            SizesChart::new(rows, &caption, has_paper, self.frame).map_err(self.chart_error("sizes.csv"))?;
        Ok(Some(ChartSection {
            title: "Sizes of messages",
            charts: vec![self.chart("sizes".to_owned(), &caption, &drawing)?],
            tables: vec![sizes_table(rows, has_paper)],
        }))
    }

    fn scope(&self) -> &PaperScope {
        &self.records.scope
    }

    fn caption(&self, title: String) -> Caption {
        let dataset = &self.records.facts.dataset;
        Caption { title, dataset: dataset.name().to_owned(), synthetic: dataset.synthetic }
    }

    fn chart(
        &self,
        stem: String,
        caption: &Caption,
        drawing: &impl Drawing,
    ) -> Result<ChartFiles, ReportError> {
        let failed = |ending: &str| {
            let path = self.folder.join(format!("{stem}.{ending}"));
            move |source| ReportError::Draw { path, source }
        };
        let title = caption.title.clone();
        if let Some(rendering) = &self.rendering {
            let file = chart_file(drawing, &self.typeface, rendering)
                .map_err(failed(rendering.format.extension()))?;
            let printed = Some(PrintedFile { file, remark: rendering.font_size_remark(drawing.size()) });
            return Ok(ChartFiles { title, svg: String::new(), png: Vec::new(), stem, printed });
        }
        let svg = svg_text(drawing, &self.typeface).map_err(failed("svg"))?;
        let png = png_file(drawing, &self.typeface).map_err(failed("png"))?;
        Ok(ChartFiles { title, svg, png, stem, printed: None })
    }

    fn chart_error<E: Into<ChartError>>(&self, file: &str) -> impl FnOnce(E) -> ReportError + use<E> {
        let path = self.folder.join(file);
        move |error| ReportError::Chart { path, source: error.into() }
    }

    fn voter_error(&self, file: &str) -> impl FnOnce(UnknownVoter) -> ReportError + use<> {
        let path = self.folder.join(file);
        move |source| ReportError::Voter { path, source }
    }
}

/// Largest length of a split method's name as part of a file name.
const LONGEST_NAME: usize = 60;

/// File name of the chart of one split method, without extension. The name consists of letters, digits, dots and hyphens, so that a
/// name from a CSV file cannot lead out of the folder. Other characters are replaced. A hash keeps replaced and shortened names
/// distinct.
fn stem(kind: &str, split: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    let hash = || sha256(split.as_bytes()).chars().take(12).collect::<String>();
    if split.len() > LONGEST_NAME {
        format!("{kind}-groups-{}", hash())
    } else if split.chars().all(is_plain) {
        format!("{kind}-{split}")
    } else {
        let letters = split.chars().map(|letter| if is_plain(letter) { letter } else { '-' });
        format!("{kind}-{}-{}", letters.collect::<String>(), hash())
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn groupings_of_the_same_labels_have_charts_of_their_own() {
        let names = ["0.1.2-3.4.5.6.7.8.9", "0.1-2.3.4.5.6.7.8.9"].map(|split| stem("accuracy", split));
        assert_eq!(names, ["accuracy-0.1.2-3.4.5.6.7.8.9", "accuracy-0.1-2.3.4.5.6.7.8.9"]);
    }

    #[test]
    fn long_names_and_odd_letters_are_told_apart_by_a_hash() {
        let long = |last: &str| stem("labels", &(["12"; 40].join(".") + last));
        assert_ne!(long("1"), long("2"));
        assert!(long("1").starts_with("labels-groups-") && long("1").len() == 26, "{}", long("1"));
        assert_ne!(stem("accuracy", "a/b"), stem("accuracy", "a:b"));
        assert!(stem("accuracy", "../x").starts_with("accuracy-..-x-"));
    }
}
