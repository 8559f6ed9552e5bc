//! The charts of a run, in the order in which a reader meets them, each with the table of its numbers.

use std::path::Path;

use sottovoce_network::disk::sha256;

use super::{ReportError, RunRecords, splits};
use crate::baseline::Baseline;
use crate::caption::Caption;
use crate::chart::bits::BitsFigure;
use crate::chart::elapsed::ElapsedFigure;
use crate::chart::labels::LabelsFigure;
use crate::chart::layers::LayersFigure;
use crate::chart::recall::RecallFigure;
use crate::chart::sizes::SizesFigure;
use crate::chart::spread::SpreadFigure;
use crate::distinct::distinct;
use crate::figure::{self, Drawing};
use crate::figure_accuracy::{FigureError, framed_accuracy_figure};
use crate::layer_times::LayerTimes;
use crate::paper;
use crate::paper_scope::PaperScope;
use crate::record_tables::{bits_table, elapsed_table, recall_table, sizes_table};
use crate::rendering::{Frame, Rendering};
use crate::sweep::Sweep;
use crate::table::Table;
use crate::tables::{accuracy_table, layer_table};
use crate::typeface::Typeface;
use crate::voter::UnknownVoter;

/// One chart as files.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Name of its files without their endings.
    pub(crate) stem: String,
    /// What it shows.
    pub(crate) title: String,
    /// Empty where the chart is drawn for print.
    pub(crate) svg: String,
    pub(crate) png: Vec<u8>,
    /// The chart drawn for print, where that is asked for.
    pub(crate) printed: Option<Printed>,
}

/// A chart in the format, width and font size that were asked for.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) file: Vec<u8>,
    /// What to say where its labels are smaller than asked for.
    pub(crate) remark: Option<String>,
}

/// A section of the report.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) title: &'static str,
    pub(crate) pictures: Vec<Picture>,
    pub(crate) tables: Vec<Table>,
}

/// Draws everything that there are records of: as a report shows it, or in a `rendering` for print.
pub(crate) fn draw(
    records: &RunRecords,
    folder: &Path,
    rendering: Option<Rendering>,
) -> Result<Vec<Part>, ReportError> {
    let typeface = Typeface::shipped().map_err(|_| broken_font(folder))?;
    let frame = rendering.map_or(Frame::NATURAL, |rendering| rendering.frame());
    let studio = Studio { records, folder, typeface, rendering, frame };
    let parts = [
        studio.accuracy()?,
        studio.layers()?,
        studio.elapsed()?,
        studio.recall()?,
        studio.labels()?,
        studio.bits()?,
        studio.sizes()?,
    ];
    Ok(parts.into_iter().flatten().collect())
}

fn broken_font(folder: &Path) -> ReportError {
    ReportError::Figure { path: folder.join("accuracy.csv"), source: FigureError::Font }
}

struct Studio<'a> {
    records: &'a RunRecords,
    folder: &'a Path,
    typeface: Typeface,
    rendering: Option<Rendering>,
    frame: Frame,
}

type Drawn = Result<Option<Part>, ReportError>;

impl Studio<'_> {
    fn accuracy(&self) -> Drawn {
        let rows = &self.records.accuracy;
        let mut part = Part { title: "Accuracy under encryption", pictures: Vec::new(), tables: Vec::new() };
        let mut sweeps: Vec<(String, Sweep)> = Vec::new();
        for split in splits(rows) {
            let table = accuracy_table(rows, split, self.scope()).map_err(self.voter("accuracy.csv"))?;
            part.tables.push(table);
            if Baseline::named(split).is_some() {
                continue;
            }
            let sweep = Sweep::gather(rows, split, self.scope()).map_err(FigureError::from);
            let sweep = sweep.map_err(self.figure("accuracy.csv"))?;
            // The paper's number and name are for a chart of the paper's settings alone.
            let number = paper::figure(split).filter(|_| sweep.is_papers());
            let title = number.map_or_else(String::new, |number| format!("Figure {number}. "));
            let caption = self.caption(format!("{title}Test accuracy under encryption, {split} split"));
            let drawing = framed_accuracy_figure(rows, split, &caption, self.scope(), self.frame)
                .map_err(self.figure("accuracy.csv"))?;
            let stem = number.map_or_else(|| stem("accuracy", split), |number| format!("figure{number}"));
            part.pictures.push(self.picture(stem, &caption, &drawing)?);
            sweeps.push((split.to_owned(), sweep));
        }
        if !sweeps.is_empty() {
            let caption = self.caption("Test accuracy under encryption, this run alone".to_owned());
            let drawing =
                SpreadFigure::new(sweeps, &caption, self.frame).map_err(self.figure("accuracy.csv"))?;
            part.pictures.push(self.picture("spread".to_owned(), &caption, &drawing)?);
        }
        Ok(Some(part))
    }

    fn layers(&self) -> Drawn {
        let rows = &self.records.layers;
        let times = LayerTimes::gather(rows, self.scope()).map_err(self.voter("layers.csv"))?;
        let (number, stem) = if times.has_paper { ("Table 3. ", "table3") } else { ("", "layers") };
        let caption = self.caption(format!("{number}Seconds of each layer for one batch"));
        let drawing = LayersFigure::new(&times, &caption, self.frame).map_err(self.figure("layers.csv"))?;
        let tables = vec![layer_table(rows, self.scope()).map_err(self.voter("layers.csv"))?];
        Ok(Some(Part {
            title: "Time of each layer",
            pictures: vec![self.picture(stem.to_owned(), &caption, &drawing)?],
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
        let drawing =
            ElapsedFigure::new(rows, &caption, has_paper, self.frame).map_err(self.figure("elapsed.csv"))?;
        Ok(Some(Part {
            title: "Elapsed time",
            pictures: vec![self.picture(stem.to_owned(), &caption, &drawing)?],
            tables: vec![elapsed_table(rows, has_paper)],
        }))
    }

    fn recall(&self) -> Drawn {
        let rows = &self.records.recall;
        let caption = self.caption("Recall of each digit: the members' bias, and the ensemble's".to_owned());
        let drawing = RecallFigure::new(rows, &caption, self.frame).map_err(self.figure("recall.csv"))?;
        let Some(drawing) = drawing else { return Ok(None) };
        Ok(Some(Part {
            title: "Recall of each digit",
            pictures: vec![self.picture("recall".to_owned(), &caption, &drawing)?],
            tables: recall_table(rows).map_err(self.voter("recall.csv"))?,
        }))
    }

    fn labels(&self) -> Drawn {
        let rows = &self.records.labels;
        let of_sweeps = rows.iter().filter(|row| Baseline::named(&row.split).is_none());
        let mut pictures = Vec::new();
        for split in distinct(of_sweeps.map(|row| row.split.as_str())) {
            let caption = self.caption(format!("What each member trained on, {split} split"));
            let drawing =
                LabelsFigure::new(rows, split, &caption, self.frame).map_err(self.figure("labels.csv"))?;
            pictures.push(self.picture(stem("labels", split), &caption, &drawing)?);
        }
        let part = Part { title: "What the members trained on", pictures, tables: Vec::new() };
        Ok((!part.pictures.is_empty()).then_some(part))
    }

    fn bits(&self) -> Drawn {
        let rows = &self.records.bits;
        if rows.is_empty() {
            return Ok(None);
        }
        let caption = self.caption("Accuracy under encryption against logit bits".to_owned());
        let drawing = BitsFigure::new(rows, &caption, self.frame).map_err(self.figure("bits.csv"))?;
        Ok(Some(Part {
            title: "Logit bits",
            pictures: vec![self.picture("bits".to_owned(), &caption, &drawing)?],
            tables: vec![bits_table(rows).map_err(self.voter("bits.csv"))?],
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
            SizesFigure::new(rows, &caption, has_paper, self.frame).map_err(self.figure("sizes.csv"))?;
        Ok(Some(Part {
            title: "Sizes of messages",
            pictures: vec![self.picture("sizes".to_owned(), &caption, &drawing)?],
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

    fn picture(
        &self,
        stem: String,
        caption: &Caption,
        drawing: &impl Drawing,
    ) -> Result<Picture, ReportError> {
        let failed = |ending: &str| {
            let path = self.folder.join(format!("{stem}.{ending}"));
            move |source| ReportError::Draw { path, source }
        };
        let title = caption.title.clone();
        if let Some(rendering) = &self.rendering {
            let file = figure::render(drawing, &self.typeface, rendering)
                .map_err(failed(rendering.format.extension()))?;
            let printed = Some(Printed { file, remark: rendering.shortfall(drawing.size()) });
            return Ok(Picture { title, svg: String::new(), png: Vec::new(), stem, printed });
        }
        let svg = figure::svg(drawing, &self.typeface).map_err(failed("svg"))?;
        let png = figure::png(drawing, &self.typeface).map_err(failed("png"))?;
        Ok(Picture { title, svg, png, stem, printed: None })
    }

    fn figure(&self, file: &str) -> impl FnOnce(FigureError) -> ReportError + use<> {
        let path = self.folder.join(file);
        move |source| ReportError::Figure { path, source }
    }

    fn voter(&self, file: &str) -> impl FnOnce(UnknownVoter) -> ReportError + use<> {
        let path = self.folder.join(file);
        move |source| ReportError::Voter { path, source }
    }
}

/// The longest name of a split method that is part of a file's name.
const LONGEST_NAME: usize = 60;

/// The name of a chart of one split method, without ending: letters, digits, dots and hyphens. Different split methods have
/// different names, and a name from a CSV file cannot lead out of the folder: what a file's name cannot hold is replaced, and
/// then a hash tells the names apart, as it does for groups of many labels.
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
