//! Contact sheets: a picture of many images with their labels.

use std::iter::repeat_n;
use std::path::{Path, PathBuf};

use plotters::prelude::BitMapBackend;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::atomic_file;

use crate::drawing::canvas::Canvas;
use crate::drawing::encode::{PixelFormat, encode_png};
use crate::drawing::error::DrawError;
use crate::drawing::style::TextStyle;
use crate::drawing::typeface::{Align, Typeface, Weight};

/// Pixels of the sheet in one pixel of an image, along each side.
const ZOOM: usize = 2;
/// Blank pixels between cells and around the sheet.
const GAP: usize = 8;
/// Pixels below each image for its label.
const LABEL: usize = 18;
const LABEL_STYLE: TextStyle = TextStyle { size: 13.0, weight: Weight::Regular, colour: (0x44, 0x44, 0x44) };

/// Why a contact sheet was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContactSheetError {
    /// The sheet has no cells, or there are no images.
    #[error(
        "a contact sheet needs images, rows and columns; asked for {images} images in {columns} x {rows} cells"
    )]
    Empty {
        /// Number of images.
        images: usize,
        /// Number of columns.
        columns: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The sheet is too large for a picture.
    #[error("a contact sheet of {columns} x {rows} cells is too large; ask for fewer")]
    TooLarge {
        /// Number of columns.
        columns: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The labels could not be drawn, or the picture could not be encoded.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// The file could not be written.
    #[error("cannot write {path}; choose a folder that exists and that you may write to")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why it could not be written.
        source: std::io::Error,
    },
}

/// Writes the first `columns * rows` images as a PNG file, row by row, dark ink on white, each above its label. If there are fewer
/// images, the remaining cells stay blank, and rows without images are left out.
///
/// # Errors
/// If there is nothing to show, the sheet is too large, or `path` cannot be written.
pub fn contact_sheet(
    images: &LabelledImages,
    columns: usize,
    rows: usize,
    path: &Path,
) -> Result<(), ContactSheetError> {
    if images.is_empty() || columns == 0 || rows == 0 {
        return Err(ContactSheetError::Empty { images: images.len(), columns, rows });
    }
    let grid = Grid { side: images.side() * ZOOM, columns, rows: rows.min(images.len().div_ceil(columns)) };
    let size = grid.size().ok_or(ContactSheetError::TooLarge { columns, rows })?;
    let mut pixels = draw_labels(images, &grid, size)?;
    for index in 0..grid.cells(images) {
        draw_image(&mut pixels, size.0 as usize, images.image(index), images.side(), grid.corner(index));
    }
    let file = encode_png(&pixels, size, PixelFormat::Grey, None)?;
    atomic_file::write(path, &file)
        .map_err(|source| ContactSheetError::Write { path: path.to_owned(), source })
}

/// Positions of the cells, in pixels.
struct Grid {
    /// Side of a zoomed image.
    side: usize,
    columns: usize,
    rows: usize,
}

impl Grid {
    /// Width and height of the sheet; `None` if it is too large for a picture.
    fn size(&self) -> Option<(u32, u32)> {
        const LARGEST: usize = 1 << 14;
        let width = self.columns.checked_mul(self.side + GAP)?.checked_add(GAP)?;
        let height = self.rows.checked_mul(self.side + LABEL + GAP)?.checked_add(GAP)?;
        if width > LARGEST || height > LARGEST {
            return None;
        }
        Some((u32::try_from(width).ok()?, u32::try_from(height).ok()?))
    }

    fn cells(&self, images: &LabelledImages) -> usize {
        images.len().min(self.columns * self.rows)
    }

    /// Left and top end of the image in a cell.
    fn corner(&self, index: usize) -> (usize, usize) {
        let (row, column) = (index / self.columns, index % self.columns);
        (GAP + column * (self.side + GAP), GAP + row * (self.side + LABEL + GAP))
    }
}

/// A white grey-scale page with the labels on it.
fn draw_labels(
    images: &LabelledImages,
    grid: &Grid,
    (width, height): (u32, u32),
) -> Result<Vec<u8>, ContactSheetError> {
    let typeface = Typeface::embedded()?;
    let mut colours = vec![0xFF; 3 * width as usize * height as usize];
    let mut canvas = Canvas::new(BitMapBackend::with_buffer(&mut colours, (width, height)), 1.0, &typeface);
    for (index, label) in images.labels().iter().enumerate().take(grid.cells(images)) {
        let (left, top) = grid.corner(index);
        let at = ((left + grid.side / 2) as f64, (top + grid.side + LABEL - 4) as f64);
        canvas.text(&label.to_string(), at, Align::Centre, LABEL_STYLE)?;
    }
    canvas.finish()?;
    // Labels are grey, so that the three colours are equal.
    Ok(colours.iter().step_by(3).copied().collect())
}

/// Draws one image with its top left corner at `(left, top)` of a page `width` pixels wide.
fn draw_image(page: &mut [u8], width: usize, image: &[u8], side: usize, (left, top): (usize, usize)) {
    let image_rows = image.chunks_exact(side).flat_map(|row| repeat_n(row, ZOOM));
    for (page_row, image_row) in page.chunks_exact_mut(width).skip(top).zip(image_rows) {
        let inks = image_row.iter().flat_map(|&ink| repeat_n(ink, ZOOM));
        for (shade, ink) in page_row.iter_mut().skip(left).zip(inks) {
            *shade = 0xFF - ink;
        }
    }
}
