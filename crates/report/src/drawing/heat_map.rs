//! A grid of shaded numbers.

use plotters::prelude::DrawingBackend;

use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::error::DrawError;
use crate::drawing::ramp::Ramp;
use crate::drawing::style::{BAND, LABEL, STRONG, TextStyle, VALUE};
use crate::drawing::typeface::{Align, Weight};

/// A cell of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// Printed text.
    pub(crate) text: String,
    /// Darkness between 0 and 1.
    pub(crate) shade: f64,
    /// True if the text is bold.
    pub(crate) strong: bool,
}

/// A row of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// A cell for each column; absent if nothing was recorded.
    pub(crate) cells: Vec<Option<Cell>>,
    /// Text printed after the cells.
    pub(crate) total: String,
}

/// A titled grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    /// Heading of the texts after the cells.
    pub(crate) total: String,
    pub(crate) rows: Vec<Row>,
}

/// Sizes that all grids of a chart share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// Width of the names of rows, in chart units.
    pub(crate) names: f64,
    /// Width and height of a cell, in chart units.
    pub(crate) cell: (f64, f64),
    /// Width of the texts after the cells, in chart units.
    pub(crate) totals: f64,
}

/// Distance from the top of a grid to its first row.
const HEAD: f64 = 44.0;

impl HeatMap {
    /// Width of a grid with `columns` columns.
    pub(crate) fn width(grid: Grid, columns: usize) -> f64 {
        grid.names + columns as f64 * grid.cell.0 + grid.totals
    }

    /// Height of a grid with `rows` rows.
    pub(crate) fn height(grid: Grid, rows: usize) -> f64 {
        HEAD + rows as f64 * grid.cell.1
    }

    /// Draws the grid with its top left corner at `(left, top)`.
    pub(crate) fn draw<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        (left, top): Point,
        grid: Grid,
        ramp: Ramp,
    ) -> Result<(), DrawError> {
        let (width, height) = grid.cell;
        let cells = left + grid.names;
        canvas.text(&self.title, (left, top + 14.0), Align::Left, STRONG)?;
        let column = |index: usize| cells + index as f64 * width;
        for (index, name) in self.columns.iter().enumerate() {
            let at = (column(index) + width / 2.0, top + HEAD - 7.0);
            canvas.text(name, at, Align::Centre, LABEL)?;
        }
        let totals = column(self.columns.len()) + grid.totals;
        canvas.text(&self.total, (totals, top + HEAD - 7.0), Align::Right, LABEL)?;
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + HEAD + index as f64 * height;
            let baseline = y + height / 2.0 + 4.2;
            canvas.text(&row.name, (cells - 9.0, baseline), Align::Right, VALUE)?;
            canvas.text(&row.total, (totals, baseline), Align::Right, VALUE)?;
            for (index, cell) in row.cells.iter().enumerate() {
                let x = column(index);
                // A thin gap separates neighbours with the same shade.
                let corners = ((x, y), (x + width - 1.0, y + height - 1.0));
                let Some(cell) = cell else {
                    canvas.rectangle(corners.0, corners.1, BAND)?;
                    continue;
                };
                canvas.rectangle(corners.0, corners.1, ramp.colour(cell.shade))?;
                let weight = if cell.strong { Weight::Bold } else { Weight::Regular };
                let style = TextStyle { size: 11.5, weight, colour: ramp.ink(cell.shade) };
                canvas.text(&cell.text, (x + (width - 1.0) / 2.0, baseline), Align::Centre, style)?;
            }
        }
        Ok(())
    }
}
