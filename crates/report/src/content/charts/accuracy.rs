//! The paper's Figures 5, 6 and 7: accuracy under encryption over the settings of one split method.
//!
//! The chart is a dot plot, since bars would have to start at zero. At each setting, every voter has a column with our accuracy
//! (filled marker) and, slightly to the right, the paper's (hollow marker). The ensemble stands out: its markers are black, larger and
//! joined by a line, and its values are printed below the axis. Baselines are horizontal lines.

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::AccuracyRow;

use crate::content::charts::accuracy_layout::Layout;
use crate::content::charts::baseline_lines::{baseline_entries, draw_baselines};
use crate::content::charts::error::ChartError;
use crate::data::paper;
use crate::data::paper_scope::PaperScope;
use crate::data::split_accuracy::{Setting, SplitAccuracy};
use crate::data::voter::Voter;
use crate::data::wording::{counted, thousands};
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::{Drawing, png_file, svg_text};
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry, WIDER_FONT};
use crate::drawing::marker::Marker;
use crate::drawing::page::Caption;
use crate::drawing::rendering::Frame;
use crate::drawing::style::{
    BAND, BASE, GRID, INK, LABEL, SMALL, STRONG, SUBTITLE, Stroke, TITLE, TextStyle, VALUE, WARNING, WHITE,
};
use crate::drawing::typeface::{Align, Typeface};

/// The accuracy chart of one split method.
#[derive(Debug, Clone)]
pub struct AccuracyChart {
    caption: Caption,
    /// True if the title is drawn.
    titled: bool,
    sweep: SplitAccuracy,
    layout: Layout,
    legend: Legend,
    warnings: Vec<String>,
    subtitle: Vec<String>,
    footnote: Vec<String>,
    typeface: Typeface,
}

/// Lays out the chart of the rows of one split method, with the paper's values if `scope` has them.
///
/// # Errors
/// If there is no row of `split`, if a voter is unknown or was not evaluated under encryption, or if an accuracy is not a fraction.
pub fn accuracy_chart(
    rows: &[AccuracyRow],
    split: &str,
    caption: &Caption,
    scope: &PaperScope,
) -> Result<AccuracyChart, ChartError> {
    framed_accuracy_chart(rows, split, caption, scope, Frame::NATURAL)
}

/// Lays out the same chart in a frame for print.
pub(crate) fn framed_accuracy_chart(
    rows: &[AccuracyRow],
    split: &str,
    caption: &Caption,
    scope: &PaperScope,
    frame: Frame,
) -> Result<AccuracyChart, ChartError> {
    let typeface = Typeface::embedded()?;
    let sweep = SplitAccuracy::gather(rows, split, scope)?;
    let (voters, titled) = (sweep.voters.len(), frame.title);
    let (width, narrow) = Layout::width_in(frame, sweep.settings.len(), voters, sweep.has_paper());
    let text_width = width - 2.0 * Layout::edge(narrow, titled);
    let legend = Legend::arrange(entries(&sweep), &typeface, text_width);
    let wrap = |text: String, style: TextStyle| style.wrap(&typeface, &text, text_width / WIDER_FONT);
    let warnings = caption.warning().map_or_else(Vec::new, |text| wrap(text.to_owned(), WARNING));
    let subtitle = if titled { wrap(subtitle(caption, &sweep), SUBTITLE) } else { Vec::new() };
    let footnote =
        if sweep.has_paper() && titled { wrap(footnote(split, scope.training()), SMALL) } else { Vec::new() };
    let lines = warnings.len() + subtitle.len();
    let layout = Layout::new((width, narrow), titled, &sweep, lines, legend.rows(), footnote.len());
    let caption = caption.clone();
    Ok(AccuracyChart { caption, titled, sweep, layout, legend, warnings, subtitle, footnote, typeface })
}

impl AccuracyChart {
    /// Draws the chart as SVG.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn svg(&self) -> Result<String, DrawError> {
        svg_text(self, &self.typeface)
    }

    /// Draws the chart as a PNG file, [`PNG_SCALE`](crate::PNG_SCALE) times the size of the SVG.
    ///
    /// # Errors
    /// If the drawing or the encoding library fails.
    pub fn png(&self) -> Result<Vec<u8>, DrawError> {
        png_file(self, &self.typeface)
    }

    fn draw_heading<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let edge = self.layout.edge;
        if self.titled {
            canvas.text(&self.caption.title, (edge, Layout::TITLE), Align::Left, TITLE)?;
        }
        let warnings = self.warnings.iter().map(|line| (line, WARNING));
        let subtitle = self.subtitle.iter().map(|line| (line, SUBTITLE));
        for (row, (line, style)) in warnings.chain(subtitle).enumerate() {
            canvas.text(line, (edge, Layout::subtitle(row, self.titled)), Align::Left, style)?;
        }
        self.legend.draw(canvas, (edge, self.layout.legend), &self.typeface)
    }

    fn draw_axes<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let layout = &self.layout;
        let axis = layout.axis;
        let settings = self.sweep.settings.len();
        for index in (0..settings).step_by(2).filter(|_| settings > 1) {
            let (left, right) = layout.slot(index);
            canvas.rectangle((left, layout.plot_top), (right, layout.plot_bottom), BAND)?;
        }
        for percent in axis.ticks() {
            let y = axis.position_of(percent);
            canvas.line((layout.left, y), (layout.right, y), GRID)?;
            canvas.text(&format!("{percent:.0}"), (layout.left - 9.0, y + 4.2), Align::Right, LABEL)?;
        }
        let title = format!("Test accuracy in % (axis from {:.0} to 100)", axis.low);
        canvas.text(&title, (layout.left - 30.0, layout.plot_top - 12.0), Align::Left, LABEL)?;
        canvas.line((layout.left, layout.plot_bottom), (layout.right, layout.plot_bottom), BASE)
    }

    fn draw_rows_below<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let ensemble = self.sweep.voters.iter().position(|&voter| voter == Voter::Ensemble);
        let narrow = self.layout.narrow;
        let mut heads = if narrow { vec!["Setting", "Share, %"] } else { vec!["Setting", "Majority share"] };
        if ensemble.is_some() {
            heads.push(if narrow { "Ours, %" } else { "Ensemble, %" });
            if self.sweep.has_paper() {
                heads.push(if narrow { "Paper, %" } else { "Paper's ensemble, %" });
            }
        }
        for (row, head) in heads.iter().enumerate() {
            canvas.text(head, (self.layout.left - 9.0, self.layout.row_below(row)), Align::Right, LABEL)?;
        }
        for (index, setting) in self.sweep.settings.iter().enumerate() {
            let (left, right) = self.layout.slot(index);
            let shares = if narrow { setting.shares.replace(" %", "") } else { setting.shares.clone() };
            let mut cells = vec![(setting.number.to_string(), STRONG), (shares, VALUE)];
            if let Some(ensemble) = ensemble {
                let ours = setting.ours_of(ensemble).map_or_else(String::new, |s| format!("{:.2}", s.mean));
                let paper = setting.paper_of(ensemble).map_or_else(String::new, |p| format!("{p:.2}"));
                cells.extend([(ours, STRONG), (paper, LABEL)]);
            }
            for (row, (cell, style)) in cells.iter().enumerate().filter(|(_, (cell, _))| !cell.is_empty()) {
                let at = ((left + right) / 2.0, self.layout.row_below(row));
                canvas.text(cell, at, Align::Centre, *style)?;
            }
        }
        Ok(())
    }

    /// Draws the lines that join the ensemble's points: ours solid, the paper's dashed.
    fn draw_ensemble_lines<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let Some(column) = self.sweep.voters.iter().position(|&voter| voter == Voter::Ensemble) else {
            return Ok(());
        };
        let place = |(index, setting): (usize, &Setting)| {
            let (x, paper_x) = self.layout.column(index, column);
            let ours = setting.ours_of(column).map(|spread| (x, self.layout.axis.position_of(spread.mean)));
            let paper =
                setting.paper_of(column).map(|percent| (paper_x, self.layout.axis.position_of(percent)));
            (ours, paper)
        };
        let (ours, paper): (Vec<Option<Point>>, Vec<Option<Point>>) =
            self.sweep.settings.iter().enumerate().map(place).unzip();
        let joined = |points: &[Option<Point>]| -> Vec<(Point, Point)> {
            points.array_windows().filter_map(|&[from, to]| Some((from?, to?))).collect()
        };
        for (from, to) in joined(&paper) {
            canvas.dashed_line(from, to, 4.0, Stroke { colour: (0x88, 0x88, 0x88), width: 1.2 })?;
        }
        for (from, to) in joined(&ours) {
            canvas.line(from, to, Stroke { colour: INK, width: 2.0 })?;
        }
        Ok(())
    }

    fn draw_points<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        for (index, setting) in self.sweep.settings.iter().enumerate() {
            for (column, &voter) in self.sweep.voters.iter().enumerate() {
                let marker = Marker::of(voter);
                let (x, paper_x) = self.layout.column(index, column);
                if let Some(percent) = setting.paper_of(column) {
                    let y = self.layout.axis.position_of(percent);
                    marker.draw_hollow(canvas, (paper_x, y))?;
                    self.draw_value(canvas, percent, (paper_x + 10.0, y), Align::Left)?;
                }
                let Some(spread) = setting.ours_of(column) else { continue };
                if self.sweep.seeds > 1 {
                    let (low, high) =
                        (self.layout.axis.position_of(spread.low), self.layout.axis.position_of(spread.high));
                    marker.draw_whisker(canvas, x, low, high)?;
                }
                let y = self.layout.axis.position_of(spread.mean);
                marker.draw_filled(canvas, (x, y))?;
                self.draw_value(canvas, spread.mean, (x - 10.0, y), Align::Right)?;
            }
        }
        Ok(())
    }

    /// Draws the value of a point beside the point, if there is room.
    fn draw_value<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        percent: f64,
        (x, y): Point,
        align: Align,
    ) -> Result<(), DrawError> {
        if !self.layout.fits_values() {
            return Ok(());
        }
        let text = format!("{percent:.2}");
        let width = SMALL.width(&self.typeface, &text);
        let left = if align == Align::Right { x - width } else { x };
        // A white background, so that no gridline crosses the digits.
        canvas.rectangle((left - 2.0, y - 6.0), (left + width + 2.0, y + 6.0), WHITE)?;
        canvas.text(&text, (x, y + 4.0), align, SMALL)
    }
}

impl Drawing for AccuracyChart {
    fn size(&self) -> (u32, u32) {
        // Sizes are sums of small positive lengths.
        (self.layout.width.ceil() as u32, self.layout.height.ceil() as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let (width, height) = self.size();
        canvas.rectangle((0.0, 0.0), (f64::from(width), f64::from(height)), WHITE)?;
        self.draw_heading(canvas)?;
        self.draw_axes(canvas)?;
        self.draw_rows_below(canvas)?;
        let ends = (self.layout.left, self.layout.right);
        draw_baselines(canvas, &self.sweep.baselines, &self.layout.axis, ends)?;
        self.draw_ensemble_lines(canvas)?;
        self.draw_points(canvas)?;
        for (row, line) in self.footnote.iter().enumerate() {
            canvas.text(line, (self.layout.edge, self.layout.footnote(row)), Align::Left, SMALL)?;
        }
        Ok(())
    }

    fn description(&self) -> String {
        let lines = self.warnings.iter().chain(&self.subtitle);
        lines.fold(format!("{}.", self.caption.title), |all, line| all + " " + line)
    }
}

/// Legend entries: voters, then meanings of marker forms, then baselines.
fn entries(sweep: &SplitAccuracy) -> Vec<Vec<LegendEntry>> {
    let voters = sweep.voters.iter().map(|&voter| LegendEntry::Voter(voter)).collect();
    let mut meanings = Vec::new();
    if sweep.has_paper() {
        meanings.push(LegendEntry::Filled("this run, under encryption".to_owned()));
        meanings.push(LegendEntry::Hollow("paper".to_owned()));
    }
    if sweep.seeds > 1 {
        meanings.push(LegendEntry::Whisker(format!("mean and range of {} seeds", sweep.seeds)));
    }
    vec![voters, meanings, baseline_entries(&sweep.baselines)]
}

/// Subtitle: the data set, the number of images, and the number of mismatches.
fn subtitle(caption: &Caption, sweep: &SplitAccuracy) -> String {
    let (least, most) = sweep.images_per_setting;
    let per = if sweep.seeds > 1 { "setting and seed" } else { "setting" };
    let images = if least == most {
        counted(most, "test image", "test images")
    } else {
        format!("{} to {} test images", thousands(least), thousands(most))
    };
    let total = counted(sweep.images, "image", "images");
    let exact = match sweep.mismatches {
        Some(1) => "1 logit differs from the integer oracle".to_owned(),
        Some(count) => format!("{} logits differ from the integer oracle", thousands(count)),
        None => "not compared with the integer oracle".to_owned(),
    };
    format!("{}, {images} per {per}. {total} classified under encryption; {exact}.", caption.dataset)
}

/// Footnote: source and comparability of the paper's values, and the training of this run's members if it is known.
fn footnote(split: &str, trained: Option<&str>) -> String {
    let figure = paper::figure(split).map_or_else(String::new, |number| format!(", Figure {number}"));
    let known = if split == "random" {
        "Its share ranges and random groups are not known: settings are matched by number, groups are ours."
    } else {
        "Its share ranges are not known, so settings are matched by number."
    };
    let trained = trained.map_or_else(String::new, |line| format!(" This run: {line}."));
    format!("Paper: Xiong, Nguyen, So and Chen (2020){figure}. {known}{trained}")
}
