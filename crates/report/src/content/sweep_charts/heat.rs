//! Heat maps: means over two axes as shaded cells.

use plotters::prelude::DrawingBackend;

use crate::content::sweep_charts::plot::{Panel, PlotData, Positions};
use crate::content::sweep_charts::query::last_component;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::page::{Caption, Page};
use crate::drawing::ramp::{BLUES, Ramp};
use crate::drawing::rendering::Frame;
use crate::drawing::style::{BAND, LABEL, STRONG, TextStyle, VALUE};
use crate::drawing::typeface::{Align, Typeface, Weight};

const WIDTH: f64 = 720.0;
const MIN_WIDTH: f64 = 200.0;
const KEY: f64 = 28.0;
/// Heights of a panel's name, of the name of the columns' axis and of the names of the columns.
const PANEL_NAME: f64 = 20.0;
const AXIS_NAME: f64 = 18.0;
const COLUMN_NAMES: f64 = 18.0;
const GAP: f64 = 20.0;
const CELL_HEIGHT: f64 = 26.0;
const WIDEST_CELL: f64 = 84.0;
const CELL_TEXT: TextStyle = TextStyle { size: 11.5, weight: Weight::Regular, colour: (0, 0, 0) };
const CELL_MARGIN: f64 = 9.0;

/// A heat map for each value of the facet axis. All have the same shades.
#[derive(Debug, Clone)]
pub(crate) struct HeatChart {
    page: Page,
    plot: PlotData,
    columns: Vec<String>,
    names: f64,
    cell: f64,
    panels_in_row: usize,
    /// Means of the lightest and the darkest shade.
    range: (f64, f64),
    decimals: usize,
}

impl HeatChart {
    /// Lays out the chart of `plot`.
    pub(crate) fn new(
        plot: PlotData,
        caption: &Caption,
        note: &str,
        frame: Frame,
    ) -> Result<Self, DrawError> {
        let typeface = Typeface::embedded()?;
        let columns = match &plot.positions {
            Positions::Categories(names) => names.clone(),
            Positions::Numbers { .. } => Vec::new(),
        };
        let means: Vec<f64> = plot
            .panels
            .iter()
            .flat_map(|panel| &panel.series)
            .flat_map(|series| &series.marks)
            .map(|mark| mark.y.mean)
            .collect();
        let range = (
            means.iter().copied().fold(f64::INFINITY, f64::min),
            means.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        let decimals = decimals(&means);
        let width_of = |text: &str| LABEL.width(&typeface, text);
        let rows = plot.panels.first().map_or(&[][..], |panel| panel.series.as_slice());
        let row_axis = plot.series.as_deref().map_or("", last_component);
        let names = rows.iter().map(|row| width_of(&row.name)).fold(width_of(row_axis), f64::max) + 10.0;
        let texts = means.iter().map(|mean| CELL_TEXT.width(&typeface, &format!("{mean:.decimals$}")));
        let heads = columns.iter().map(|name| width_of(name));
        let least_cell = texts.chain(heads).fold(24.0, f64::max) + CELL_MARGIN;
        let count = columns.len().max(1) as f64;
        let edges = 2.0 * Page::edge(frame, frame.width(WIDTH, MIN_WIDTH));
        let width =
            frame.width(WIDTH, names + count * least_cell + edges).max(names + count * least_cell + edges);
        let inner = width - edges;
        let panel = |cell: f64| names + count * cell;
        let panels_in_row =
            (((inner + GAP) / (panel(least_cell) + GAP)) as usize).clamp(1, plot.panels.len().max(1));
        let share = (inner - (panels_in_row - 1) as f64 * GAP) / panels_in_row as f64;
        let cell = ((share - names) / count).clamp(least_cell, WIDEST_CELL.max(least_cell));
        let lines = plot.panels.len().div_ceil(panels_in_row) as f64;
        let named = if plot.panels.len() > 1 { PANEL_NAME } else { 0.0 };
        let height = named + AXIS_NAME + COLUMN_NAMES + rows.len() as f64 * CELL_HEIGHT + GAP;
        let body = KEY + lines * height;
        let page = Page::new(caption, &plot.description, note, (width, body), frame)?;
        Ok(Self { page, plot, columns, names, cell, panels_in_row, range, decimals })
    }

    fn shade(&self, mean: f64) -> f64 {
        let (low, high) = self.range;
        if high > low { (mean - low) / (high - low) } else { 0.5 }
    }

    fn draw_key<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        let decimals = self.decimals;
        let low = format!("{}: {:.decimals$}", self.plot.y.text(), self.range.0);
        let high = format!("{:.decimals$}", self.range.1);
        let width = LABEL.width(&page.typeface, &low);
        let key = Ramp::KEY_WIDTH + LABEL.width(&page.typeface, &high) + 20.0;
        let middle = page.top() + 10.0;
        if width + key <= page.right() - page.left() {
            return BLUES.draw_key(canvas, (page.left(), middle), (&low, width), &high);
        }
        // Too wide for one line: only the text is drawn.
        canvas.text(&format!("{low} to {high}"), (page.left(), middle + 4.2), Align::Left, LABEL)
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        panel: &Panel,
        (left, top): Point,
    ) -> Result<(), DrawError> {
        let mut top = top;
        if self.plot.panels.len() > 1 {
            canvas.text(&panel.name, (left, top + 13.0), Align::Left, STRONG)?;
            top += PANEL_NAME;
        }
        let cells = left + self.names;
        let centre = cells + self.columns.len() as f64 * self.cell / 2.0;
        canvas.text(&self.plot.x.text(), (centre, top + 12.0), Align::Centre, VALUE)?;
        let heads = top + AXIS_NAME + 12.0;
        let row_axis = self.plot.series.as_deref().map_or("", last_component);
        canvas.text(row_axis, (cells - 8.0, heads), Align::Right, VALUE)?;
        let column = |index: usize| cells + index as f64 * self.cell;
        for (index, name) in self.columns.iter().enumerate() {
            canvas.text(name, (column(index) + self.cell / 2.0, heads), Align::Centre, LABEL)?;
        }
        let decimals = self.decimals;
        for (row, series) in panel.series.iter().enumerate() {
            let y = top + AXIS_NAME + COLUMN_NAMES + row as f64 * CELL_HEIGHT;
            let baseline = y + CELL_HEIGHT / 2.0 + 4.2;
            canvas.text(&series.name, (cells - 8.0, baseline), Align::Right, LABEL)?;
            for index in 0..self.columns.len() {
                let x = column(index);
                // A thin gap separates neighbours with the same shade.
                let ends = ((x, y), (x + self.cell - 1.0, y + CELL_HEIGHT - 1.0));
                let middle = (x + (self.cell - 1.0) / 2.0, baseline);
                let mark = series.marks.iter().find(|mark| mark.x as usize == index);
                let Some(mark) = mark else {
                    canvas.rectangle(ends.0, ends.1, BAND)?;
                    canvas.text("–", middle, Align::Centre, LABEL)?;
                    continue;
                };
                let shade = self.shade(mark.y.mean);
                canvas.rectangle(ends.0, ends.1, BLUES.colour(shade))?;
                let style = TextStyle { colour: BLUES.ink(shade), ..CELL_TEXT };
                canvas.text(&format!("{:.decimals$}", mark.y.mean), middle, Align::Centre, style)?;
            }
        }
        Ok(())
    }
}

impl Drawing for HeatChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        self.draw_key(canvas)?;
        let width = self.names + self.columns.len() as f64 * self.cell + GAP;
        let rows = self.plot.panels.first().map_or(0, |panel| panel.series.len());
        let named = if self.plot.panels.len() > 1 { PANEL_NAME } else { 0.0 };
        let height = named + AXIS_NAME + COLUMN_NAMES + rows as f64 * CELL_HEIGHT + GAP;
        for (index, panel) in self.plot.panels.iter().enumerate() {
            let (row, column) = (index / self.panels_in_row, index % self.panels_in_row);
            let corner = (page.left() + column as f64 * width, page.top() + KEY + row as f64 * height);
            self.draw_panel(canvas, panel, corner)?;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

/// Number of decimals of the means: two for percentages, fewer for large numbers.
fn decimals(means: &[f64]) -> usize {
    let largest = means.iter().map(|mean| mean.abs()).fold(0.0, f64::max);
    if means.iter().all(|mean| (mean - mean.round()).abs() < 1e-9) {
        return 0;
    }
    match largest {
        value if value >= 1000.0 => 0,
        value if value > 100.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    }
}
