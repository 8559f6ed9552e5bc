//! Tools for drawing charts: canvas, letters, markers, axes, legends, pages and file formats. From `data`, this folder imports only
//! voters and the text of numbers.

pub(crate) mod axis;
pub(crate) mod canvas;
pub(crate) mod encode;
pub(crate) mod error;
pub(crate) mod heat_map;
pub(crate) mod legend;
pub(crate) mod marker;
pub(crate) mod page;
pub(crate) mod percent_axis;
pub(crate) mod ramp;
pub(crate) mod rendering;
pub(crate) mod scale;
pub(crate) mod style;
pub(crate) mod typeface;
