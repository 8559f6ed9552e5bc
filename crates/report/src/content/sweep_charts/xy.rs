//! Line charts with intervals, and frontiers.

use plotters::prelude::DrawingBackend;

use crate::content::sweep_charts::plot::{Mark, Panel, PlotData, Positions};
use crate::content::sweep_charts::query::{ChartKind, last_component};
use crate::data::voter::Voter;
use crate::drawing::axis::{Axis, Bounds};
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::rendering::Frame;
use crate::drawing::style::{BASE, GRID, LABEL, SMALL, STRONG, Stroke, TextStyle, VALUE};
use crate::drawing::typeface::{Align, Typeface};

const WIDTH: f64 = 720.0;
const MIN_WIDTH: f64 = 200.0;
/// Smallest width of a panel beside another.
const MIN_PANEL: f64 = 165.0;
const LEGEND: f64 = 24.0;
/// Height between the title of the vertical axis and the panels, and height of a line of the title.
const AXIS_TITLE: f64 = 16.0;
const LINE: f64 = 15.0;
/// Height of a panel's name.
const PANEL_NAME: f64 = 20.0;
const GAP: f64 = 16.0;
/// Distance from the plot to the first row of labels, and from row to row.
const TICK: f64 = 16.0;
const TICK_ROW: f64 = 14.0;
/// Smallest gap between labels of one row.
const LABEL_GAP: f64 = 7.0;
/// Largest number of rows of labels of categories.
const MAX_TICK_ROWS: usize = 4;
/// Height of a panel divided by its width, and smallest and largest height.
const ASPECT: f64 = 0.6;
const PANEL_HEIGHTS: (f64, f64) = (120.0, 340.0);
/// Smallest and largest number of labels of the vertical axis, and their smallest distance.
const LABELS: (usize, usize) = (2, 7);
const LABEL_DISTANCE: f64 = 34.0;
/// Largest distance between series at one value of a numeric axis, so that their intervals do not cover each other.
const SERIES_DISTANCE: f64 = 3.0;
/// Largest number of best points that are numbered and listed below a frontier.
const MAX_LISTED: usize = 12;
const NOTE_LINE: f64 = 14.5;

/// A chart of marks over two axes.
#[derive(Debug, Clone)]
pub(crate) struct XyChart {
    page: Page,
    plot: PlotData,
    legend: Legend,
    x: Axis,
    y: Axis,
    layout: Layout,
    /// Lines of the vertical axis's title.
    y_title: Vec<String>,
    x_title: Vec<String>,
    /// Lines of the list of numbered marks.
    key: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Layout {
    columns: usize,
    /// Width of the labels of the vertical axis.
    axis: f64,
    /// Width and height of a plot.
    panel: (f64, f64),
    tick_rows: usize,
    named: bool,
}

impl XyChart {
    /// Lays out the chart of `plot`, with `height` chart units if a height is given.
    pub(crate) fn new(
        plot: PlotData,
        caption: &Caption,
        note: &str,
        frame: Frame,
        height: Option<f64>,
    ) -> Result<Self, DrawError> {
        let width = frame.width(WIDTH, MIN_WIDTH);
        let bare = Page::new(caption, &plot.description, note, (width, 0.0), frame)?;
        let typeface = &bare.typeface;
        let inner = bare.right() - bare.left();
        let legend = Legend::arrange(entries(&plot), typeface, inner);
        let y = vertical(&plot, LABELS.1);
        // The number of labels depends on the height, which depends on this width. So all possible labels are considered.
        let all = (LABELS.0..=LABELS.1).flat_map(|most| vertical(&plot, most).ticks);
        let axis = all.map(|(_, label)| LABEL.width(typeface, &label)).fold(0.0, f64::max) + 14.0;
        let columns = columns(plot.panels.len(), inner, axis);
        let panel_width = (inner - axis - (columns - 1) as f64 * GAP) / columns as f64;
        let (x, tick_rows) = horizontal(&plot, typeface, panel_width);
        let y_title = LABEL.wrap(typeface, &y_title_text(&plot, &y), inner);
        let x_title = LABEL.wrap(typeface, &x_title_text(&plot), inner - axis);
        let key: Vec<String> = key(&plot).map_or_else(Vec::new, |text| SMALL.wrap(typeface, &text, inner));
        let layout =
            Layout { columns, axis, panel: (panel_width, 0.0), tick_rows, named: plot.panels.len() > 1 };
        let mut figure = Self { page: bare, plot, legend, x, y, layout, y_title, x_title, key };
        let rows = figure.rows() as f64;
        let panel_height = match height {
            Some(height) => {
                let bare = f64::from(figure.page.size().1) + figure.body_around_panels();
                ((height - bare) / rows).max(PANEL_HEIGHTS.0 / 2.0)
            }
            None => (panel_width * ASPECT).clamp(PANEL_HEIGHTS.0, PANEL_HEIGHTS.1),
        };
        figure.layout.panel.1 = panel_height;
        // A low panel has fewer labels.
        let most = ((panel_height / LABEL_DISTANCE) as usize).clamp(LABELS.0, LABELS.1);
        figure.y = vertical(&figure.plot, most);
        figure.y_title = LABEL.wrap(&figure.page.typeface, &y_title_text(&figure.plot, &figure.y), inner);
        let body = figure.body_around_panels() + rows * panel_height;
        figure.page = Page::new(caption, &figure.plot.description, note, (width, body), frame)?;
        Ok(figure)
    }

    fn rows(&self) -> usize {
        self.plot.panels.len().div_ceil(self.layout.columns)
    }

    fn head(&self) -> f64 {
        self.legend.rows() as f64 * LEGEND + self.y_title.len() as f64 * LINE + AXIS_TITLE - 6.0
    }

    /// Height of a panel without its plot.
    fn around_plot(&self) -> f64 {
        let name = if self.layout.named { PANEL_NAME } else { 0.0 };
        name + TICK + self.layout.tick_rows as f64 * TICK_ROW
    }

    fn key_height(&self) -> f64 {
        if self.key.is_empty() { 0.0 } else { 8.0 + self.key.len() as f64 * NOTE_LINE }
    }

    fn body_around_panels(&self) -> f64 {
        self.head()
            + self.rows() as f64 * self.around_plot()
            + self.x_title.len() as f64 * LINE
            + 4.0
            + self.key_height()
    }

    /// Top left corner of a plot.
    fn corner(&self, index: usize) -> Point {
        let (row, column) = (index / self.layout.columns, index % self.layout.columns);
        let name = if self.layout.named { PANEL_NAME } else { 0.0 };
        let (width, height) = self.layout.panel;
        (
            self.page.left() + self.layout.axis + column as f64 * (width + GAP),
            self.page.top() + self.head() + row as f64 * (self.around_plot() + height) + name,
        )
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        index: usize,
        panel: &Panel,
        first_number: &mut usize,
    ) -> Result<(), DrawError> {
        let (left, top) = self.corner(index);
        let (width, height) = self.layout.panel;
        let (right, bottom) = (left + width, top + height);
        if self.layout.named {
            canvas.text(&panel.name, (left, top - 7.0), Align::Left, STRONG)?;
        }
        let up = |value: f64| self.y.position_of(value, bottom, top);
        let across = |value: f64| self.x.position_of(value, left, right);
        for (value, label) in &self.y.ticks {
            let y = up(*value);
            canvas.line((left, y), (right, y), GRID)?;
            if index.is_multiple_of(self.layout.columns) {
                canvas.text(label, (left - 8.0, y + 4.2), Align::Right, LABEL)?;
            }
        }
        canvas.line((left, bottom), (right, bottom), BASE)?;
        for (number, (value, label)) in self.x.ticks.iter().enumerate() {
            let x = across(*value);
            canvas.line((x, bottom), (x, bottom + 4.0), BASE)?;
            let row = number % self.layout.tick_rows;
            let y = bottom + TICK + row as f64 * TICK_ROW;
            let half = LABEL.width(&self.page.typeface, label) / 2.0;
            // Labels at the ends are moved onto the page.
            let x = x.clamp(
                self.page.left().max(left - self.layout.axis) + half,
                self.page.right().min(right + GAP / 2.0 + self.page.left()) - half,
            );
            canvas.text(label, (x, y), Align::Centre, LABEL)?;
        }
        let place =
            |mark: &Mark, series: usize| -> Point { (across(mark.x) + self.offset(series), up(mark.y.mean)) };
        for (number, series) in panel.series.iter().enumerate() {
            let marker = self.marker(number);
            let line = Stroke { colour: marker.colour, width: 1.8 };
            if self.plot.kind == ChartKind::Frontier {
                let best: Vec<Point> =
                    series.marks.iter().filter(|mark| mark.best).map(|mark| place(mark, 0)).collect();
                for &[from, to] in best.array_windows() {
                    canvas.line(from, (to.0, from.1), line)?;
                    canvas.line((to.0, from.1), to, line)?;
                }
                if let Some(last) = best.last() {
                    canvas.line(*last, (right, last.1), line)?;
                }
            } else if self.plot.joined {
                for [from, to] in series.marks.array_windows() {
                    canvas.line(place(from, number), place(to, number), line)?;
                }
            }
        }
        for (number, series) in panel.series.iter().enumerate() {
            let marker = self.marker(number);
            let is_frontier = self.plot.kind == ChartKind::Frontier;
            // The best points are drawn last. Other points have no intervals, which would cover the best points.
            let beaten = series.marks.iter().filter(|mark| is_frontier && !mark.best);
            let shown = series.marks.iter().filter(|mark| !is_frontier || mark.best);
            for mark in beaten {
                marker.draw_hollow(canvas, place(mark, number))?;
            }
            for mark in shown {
                let at = place(mark, number);
                if mark.y.half_width.is_some() {
                    let (low, high) = mark.y.ends();
                    marker.draw_whisker(canvas, at.0, up(low), up(high))?;
                }
                marker.draw_filled(canvas, at)?;
                if mark.best && !self.key.is_empty() {
                    let style = TextStyle { colour: marker.colour, ..STRONG };
                    canvas.text(&first_number.to_string(), (at.0 - 7.0, at.1 - 6.0), Align::Right, style)?;
                    *first_number += 1;
                }
            }
        }
        Ok(())
    }

    /// Horizontal offset of a series. Series lie side by side in a category, and slightly apart at a value of a numeric axis.
    fn offset(&self, series: usize) -> f64 {
        let count = self.plot.panels.first().map_or(0, |panel| panel.series.len()) as f64;
        let slots = self.x.ticks.len().max(1) as f64;
        let slot = self.layout.panel.0 / slots;
        let distance = match &self.plot.positions {
            _ if !self.plot.joined => 0.0,
            Positions::Categories(_) => (0.6 * slot / count).min(11.0),
            Positions::Numbers { .. } => (0.3 * slot / count).min(SERIES_DISTANCE),
        };
        (series as f64 - (count - 1.0) / 2.0) * distance
    }

    fn marker(&self, series: usize) -> Marker {
        Marker::of(voter(&self.plot, series))
    }
}

impl Drawing for XyChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        self.legend.draw(canvas, (page.left(), page.top() + 6.0), &page.typeface)?;
        for (row, line) in self.y_title.iter().enumerate() {
            let y = page.top() + self.legend.rows() as f64 * LEGEND + (row as f64 + 0.6) * LINE;
            canvas.text(line, (page.left(), y), Align::Left, VALUE)?;
        }
        let mut number = 1;
        for (index, panel) in self.plot.panels.iter().enumerate() {
            self.draw_panel(canvas, index, panel, &mut number)?;
        }
        let below =
            page.top() + self.head() + self.rows() as f64 * (self.around_plot() + self.layout.panel.1);
        let middle = (page.left() + self.layout.axis + page.right()) / 2.0;
        for (row, line) in self.x_title.iter().enumerate() {
            canvas.text(line, (middle, below + (row as f64 + 0.6) * LINE), Align::Centre, VALUE)?;
        }
        let below = below + self.x_title.len() as f64 * LINE + 16.0;
        for (row, line) in self.key.iter().enumerate() {
            canvas.text(line, (page.left(), below + row as f64 * NOTE_LINE), Align::Left, SMALL)?;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

/// The voter whose marker a series has. A single series has the ensemble's marker.
fn voter(plot: &PlotData, series: usize) -> Voter {
    let all = plot.panels.first().map_or(&[][..], |panel| panel.series.as_slice());
    if plot.series_are_voters
        && let Some(voter) = all.get(series).and_then(|series| series.name.parse().ok())
    {
        return voter;
    }
    if all.len() < 2 { Voter::Ensemble } else { Voter::Member(series + 1) }
}

fn entries(plot: &PlotData) -> Vec<Vec<LegendEntry>> {
    let mut groups = Vec::new();
    let series = plot.panels.first().map_or(&[][..], |panel| panel.series.as_slice());
    if let Some(name) = &plot.series {
        let mut group = Vec::new();
        if !plot.series_are_voters {
            group.push(LegendEntry::Heading(last_component(name).to_owned()));
        }
        for (index, one) in series.iter().enumerate() {
            let voter = voter(plot, index);
            let text = if plot.series_are_voters { voter.to_string() } else { one.name.clone() };
            group.push(if plot.joined || plot.kind == ChartKind::Frontier {
                LegendEntry::Series(voter, text)
            } else {
                LegendEntry::Named(voter, text)
            });
        }
        groups.push(group);
    }
    let mut meanings = Vec::new();
    if plot.kind == ChartKind::Frontier {
        meanings.push(LegendEntry::Filled("best for the budget".to_owned()));
        meanings.push(LegendEntry::Hollow("other".to_owned()));
    }
    let (fewest, most) = plot.seeds;
    if most > 1 {
        let n = if fewest == most { most.to_string() } else { format!("{fewest}–{most}") };
        meanings.push(LegendEntry::Whisker(format!("mean, 95 % interval, n = {n}")));
    }
    if !meanings.is_empty() {
        groups.push(meanings);
    }
    groups
}

fn vertical(plot: &PlotData, most: usize) -> Axis {
    let marks = plot.panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.marks);
    let values: Vec<f64> = marks
        .flat_map(|mark| {
            let (low, high) = mark.y.ends();
            [low, mark.y.mean, high]
        })
        .filter(|value| !plot.log_y || *value > 0.0)
        .collect();
    if plot.log_y {
        Axis::logarithmic(&values)
    } else {
        Axis::covering(&bounded(values, plot), plot.y_bounds, most)
    }
}

/// Clamps ends of intervals to the possible range of the quantity.
fn bounded(values: Vec<f64>, plot: &PlotData) -> Vec<f64> {
    match plot.y_bounds {
        Bounds::UpToHundred => values.into_iter().map(|value| value.clamp(0.0, 100.0)).collect(),
        Bounds::FromZero => values.into_iter().map(|value| value.max(0.0)).collect(),
        Bounds::Data => values,
    }
}

/// The horizontal axis of a panel `width` chart units wide, and the number of rows of its labels.
fn horizontal(plot: &PlotData, typeface: &Typeface, width: f64) -> (Axis, usize) {
    let marks = plot.panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.marks);
    let values: Vec<f64> = marks.map(|mark| mark.x).collect();
    let fits = |axis: &Axis, rows: usize| fits(axis, typeface, width, rows);
    match &plot.positions {
        Positions::Categories(names) => {
            let axis = Axis::categories(names);
            let rows = (1..=MAX_TICK_ROWS).find(|&rows| fits(&axis, rows)).unwrap_or(MAX_TICK_ROWS);
            (axis, rows)
        }
        Positions::Numbers { logarithmic } => {
            let at_values = Axis::at_values(&values, *logarithmic);
            if at_values.ticks.len() <= 12 && fits(&at_values, 1) && plot.joined {
                return (at_values, 1);
            }
            if *logarithmic {
                let round = Axis::logarithmic(&values);
                return (thinned(round, fits), 1);
            }
            let round = (2..=7)
                .rev()
                .map(|most| Axis::covering(&values, Bounds::Data, most))
                .find(|axis| fits(axis, 1))
                .unwrap_or_else(|| Axis::covering(&values, Bounds::Data, 2));
            // An axis of the sweep keeps its margins.
            let axis = if plot.joined { at_values.with_ticks_of(&round) } else { round };
            (axis, 1)
        }
    }
}

/// The axis with every second, third, ... label, so that the labels fit.
fn thinned(axis: Axis, fits: impl Fn(&Axis, usize) -> bool) -> Axis {
    let most = axis.ticks.len().max(1);
    (1..=most)
        .map(|step| axis.with_every(step))
        .find(|axis| fits(axis, 1))
        .unwrap_or_else(|| axis.with_every(most))
}

/// Returns whether labels in `rows` rows do not touch.
fn fits(axis: &Axis, typeface: &Typeface, width: f64, rows: usize) -> bool {
    let ends: Vec<(f64, f64)> = axis
        .ticks
        .iter()
        .map(|(value, label)| {
            let (middle, half) = (axis.position_of(*value, 0.0, width), LABEL.width(typeface, label) / 2.0);
            (middle - half, middle + half)
        })
        .collect();
    ends.iter().zip(ends.iter().skip(rows)).all(|(left, right)| left.1 + LABEL_GAP <= right.0)
}

fn columns(panels: usize, inner: f64, axis: f64) -> usize {
    let fitting = (((inner - axis + GAP) / (MIN_PANEL + GAP)) as usize).clamp(1, 4);
    let rows = panels.div_ceil(fitting.min(panels.max(1)));
    panels.div_ceil(rows.max(1)).max(1)
}

fn x_title_text(plot: &PlotData) -> String {
    let logarithmic = matches!(plot.positions, Positions::Numbers { logarithmic: true });
    format!("{}{}", plot.x.text(), if logarithmic { " (logarithmic)" } else { "" })
}

fn y_title_text(plot: &PlotData, y: &Axis) -> String {
    let scale = if plot.log_y {
        " (logarithmic)".to_owned()
    } else if y.low > 0.0 {
        let low = y.ticks.first().map_or("", |(_, label)| label.as_str());
        format!(" (axis from {low})")
    } else {
        String::new()
    };
    format!("{}{scale}", plot.y.text())
}

/// The list of numbered marks of a frontier; `None` if there are too many.
fn key(plot: &PlotData) -> Option<String> {
    let best: Vec<&Mark> = plot
        .panels
        .iter()
        .flat_map(|panel| &panel.series)
        .flat_map(|series| &series.marks)
        .filter(|mark| mark.best)
        .collect();
    if best.is_empty() || best.len() > MAX_LISTED {
        return None;
    }
    let entries: Vec<String> = best
        .iter()
        .enumerate()
        .map(|(index, mark)| {
            // Non-breaking spaces keep an entry's parts on one line.
            format!("{}\u{a0}{}", index + 1, mark.name.replace(' ', "\u{a0}"))
        })
        .collect();
    Some(entries.join("; "))
}
