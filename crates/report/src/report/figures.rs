//! The charts of a run, in the order in which a reader meets them, each with the table of its numbers.

use std::path::Path;

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
use crate::figure_accuracy::{FigureError, accuracy_figure};
use crate::layer_times::LayerTimes;
use crate::paper;
use crate::record_tables::{bits_table, elapsed_table, recall_table, sizes_table};
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
    pub(crate) svg: String,
    pub(crate) png: Vec<u8>,
}

/// A section of the report.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) title: &'static str,
    pub(crate) pictures: Vec<Picture>,
    pub(crate) tables: Vec<Table>,
}

/// Draws everything that there are records of.
pub(crate) fn draw(records: &RunRecords, folder: &Path) -> Result<Vec<Part>, ReportError> {
    let studio = Studio { records, folder, typeface: Typeface::shipped().map_err(|_| broken_font(folder))? };
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
}

type Drawn = Result<Option<Part>, ReportError>;

impl Studio<'_> {
    fn accuracy(&self) -> Drawn {
        let rows = &self.records.accuracy;
        let mut part = Part { title: "Accuracy under encryption", pictures: Vec::new(), tables: Vec::new() };
        let mut sweeps: Vec<(String, Sweep)> = Vec::new();
        for split in splits(rows) {
            part.tables.push(accuracy_table(rows, split).map_err(self.voter("accuracy.csv"))?);
            if Baseline::named(split).is_some() {
                continue;
            }
            let number = paper::figure(split).map_or_else(String::new, |number| format!("Figure {number}. "));
            let caption = self.caption(format!("{number}Test accuracy under encryption, {split} split"));
            let drawing = accuracy_figure(rows, split, &caption).map_err(self.figure("accuracy.csv"))?;
            let stem = paper::figure(split)
                .map_or_else(|| plain("accuracy", split), |number| format!("figure{number}"));
            part.pictures.push(self.picture(stem, &caption, &drawing)?);
            let sweep = Sweep::gather(rows, split).map_err(FigureError::from);
            sweeps.push((split.to_owned(), sweep.map_err(self.figure("accuracy.csv"))?));
        }
        if !sweeps.is_empty() {
            let caption = self.caption("Test accuracy under encryption, this run alone".to_owned());
            let drawing = SpreadFigure::new(sweeps, &caption).map_err(self.figure("accuracy.csv"))?;
            part.pictures.push(self.picture("spread".to_owned(), &caption, &drawing)?);
        }
        Ok(Some(part))
    }

    fn layers(&self) -> Drawn {
        let rows = &self.records.layers;
        let times = LayerTimes::gather(rows).map_err(self.voter("layers.csv"))?;
        let caption = self.caption("Table 3. Seconds of each layer for one batch".to_owned());
        let drawing = LayersFigure::new(&times, &caption).map_err(self.figure("layers.csv"))?;
        let tables = vec![layer_table(rows).map_err(self.voter("layers.csv"))?];
        Ok(Some(Part {
            title: "Time of each layer",
            pictures: vec![self.picture("table3".to_owned(), &caption, &drawing)?],
            tables,
        }))
    }

    fn elapsed(&self) -> Drawn {
        let rows = &self.records.elapsed;
        if rows.is_empty() {
            return Ok(None);
        }
        let caption = self.caption("Figure 8. Elapsed time over numbers of images".to_owned());
        let drawing = ElapsedFigure::new(rows, &caption).map_err(self.figure("elapsed.csv"))?;
        Ok(Some(Part {
            title: "Elapsed time",
            pictures: vec![self.picture("figure8".to_owned(), &caption, &drawing)?],
            tables: vec![elapsed_table(rows)],
        }))
    }

    fn recall(&self) -> Drawn {
        let rows = &self.records.recall;
        let caption = self.caption("Recall of each digit: the members' bias, and the ensemble's".to_owned());
        let drawing = RecallFigure::new(rows, &caption).map_err(self.figure("recall.csv"))?;
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
            let drawing = LabelsFigure::new(rows, split, &caption).map_err(self.figure("labels.csv"))?;
            pictures.push(self.picture(plain("labels", split), &caption, &drawing)?);
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
        let drawing = BitsFigure::new(rows, &caption).map_err(self.figure("bits.csv"))?;
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
        let drawing = SizesFigure::new(rows, &caption).map_err(self.figure("sizes.csv"))?;
        Ok(Some(Part {
            title: "Sizes of messages",
            pictures: vec![self.picture("sizes".to_owned(), &caption, &drawing)?],
            tables: vec![sizes_table(rows)],
        }))
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
        let svg = figure::svg(drawing, &self.typeface).map_err(failed("svg"))?;
        let png = figure::png(drawing, &self.typeface).map_err(failed("png"))?;
        Ok(Picture { title: caption.title.clone(), svg, png, stem })
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

/// A file name of letters, digits and hyphens: a split's name from a CSV file must not lead out of the folder.
fn plain(kind: &str, split: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    format!("{kind}-{}", split.chars().map(letter).collect::<String>())
}
