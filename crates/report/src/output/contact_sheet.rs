//! A page of images with their labels, to see what is classified.

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

/// Why there is no contact sheet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContactSheetError {
    /// A sheet without cells, or without images to fill them.
    #[error(
        "a contact sheet needs images, rows and columns; asked for {images} images in {columns} x {rows} cells"
    )]
    Empty {
        /// Images given.
        images: usize,
        /// Columns asked for.
        columns: usize,
        /// Rows asked for.
        rows: usize,
    },
    /// Too large for a picture.
    #[error("a contact sheet of {columns} x {rows} cells is too large; ask for fewer")]
    TooLarge {
        /// Columns asked for.
        columns: usize,
        /// Rows asked for.
        rows: usize,
    },
    /// The labels could not be drawn, or the picture not be encoded.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// The file could not be written.
    #[error("cannot write {path}; choose a folder that exists and that you may write to")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Writes the first `columns * rows` images as a PNG file, row by row, dark ink on white, each above its
/// label. Where there are fewer images, the remaining cells stay blank; rows without any are left out.
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

/// Where the cells are, in pixels.
struct Grid {
    /// Side of a zoomed image.
    side: usize,
    columns: usize,
    rows: usize,
}

impl Grid {
    /// Width and height of the sheet, if a picture can have them.
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

    /// Left and top of a cell's image.
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
    // Labels are grey: any of the three colours is the shade.
    Ok(colours.chunks_exact(3).map(|rgb| rgb[0]).collect())
}

/// Draws one image with its top left corner at `(left, top)` of a page `width` pixels wide.
fn draw_image(page: &mut [u8], width: usize, image: &[u8], side: usize, (left, top): (usize, usize)) {
    for y in 0..side * ZOOM {
        for x in 0..side * ZOOM {
            page[(top + y) * width + left + x] = 0xFF - image[(y / ZOOM) * side + x / ZOOM];
        }
    }
}
