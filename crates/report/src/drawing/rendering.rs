//! Settings for chart files: format, width, font size, title.

use std::fmt;
use std::str::FromStr;

/// CSS pixels of one inch.
const PIXELS_PER_INCH: f64 = 96.0;
/// Typographic points of one inch.
const POINTS_PER_INCH: f64 = 72.0;
/// Font size of labels in chart units. A font size in points sets the size of these letters.
pub(crate) const LABEL_UNITS: f64 = 12.0;
/// Default font size of labels. One chart unit is then one CSS pixel.
const DEFAULT_POINTS: f64 = LABEL_UNITS * POINTS_PER_INCH / PIXELS_PER_INCH;

/// A file format of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Shapes and text, for browsers and for further editing.
    Svg,
    /// Pixels.
    Png,
    /// Shapes and text with the fonts embedded, for LaTeX.
    Pdf,
}

impl Format {
    /// Extension of file names, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }

    /// The format with this extension, if there is one.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        [Self::Svg, Self::Png, Self::Pdf]
            .into_iter()
            .find(|format| format.extension().eq_ignore_ascii_case(extension))
    }
}

/// A unit of lengths on paper and screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Millimetre,
    Centimetre,
    Inch,
    Point,
    Pixel,
}

impl Unit {
    const ALL: [Self; 5] = [Self::Millimetre, Self::Centimetre, Self::Inch, Self::Point, Self::Pixel];

    fn name(self) -> &'static str {
        match self {
            Self::Millimetre => "mm",
            Self::Centimetre => "cm",
            Self::Inch => "in",
            Self::Point => "pt",
            Self::Pixel => "px",
        }
    }

    /// CSS pixels of one unit.
    fn pixels(self) -> f64 {
        match self {
            Self::Millimetre => PIXELS_PER_INCH / 25.4,
            Self::Centimetre => PIXELS_PER_INCH / 2.54,
            Self::Inch => PIXELS_PER_INCH,
            Self::Point => PIXELS_PER_INCH / POINTS_PER_INCH,
            Self::Pixel => 1.0,
        }
    }
}

/// A width or height of a chart, such as `84mm`: between 100 and 8000 CSS pixels (26 mm and 2.1 m).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    value: f64,
    unit: Unit,
}

impl Length {
    const MIN_PIXELS: f64 = 100.0;
    const MAX_PIXELS: f64 = 8000.0;

    /// The length in CSS pixels, 96 to the inch.
    pub(crate) fn pixels(self) -> f64 {
        self.value * self.unit.pixels()
    }

    /// A length of `pixels` CSS pixels, in the unit of this length.
    fn written_alike(self, pixels: f64) -> Self {
        Self { value: pixels / self.unit.pixels(), unit: self.unit }
    }
}

/// Writes the length as CSS and SVG do: `84mm`.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = format!("{:.3}", self.value);
        write!(f, "{}{}", value.trim_end_matches('0').trim_end_matches('.'), self.unit.name())
    }
}

/// A text that is not a length or font size, or is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSize(String);

impl FromStr for Length {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Unit::ALL.into_iter().find_map(|unit| {
            let value: f64 = text.trim().strip_suffix(unit.name())?.trim_end().parse().ok()?;
            Some(Self { value, unit })
        });
        let length = found.ok_or_else(|| {
            InvalidSize(format!(
                "`{text}` is not a length; write a number and mm, cm, in, pt or px, such as 84mm"
            ))
        })?;
        if (Self::MIN_PIXELS..=Self::MAX_PIXELS).contains(&length.pixels()) {
            Ok(length)
        } else {
            let bound = |pixels| length.written_alike(pixels);
            let (least, most) = (bound(Self::MIN_PIXELS), bound(Self::MAX_PIXELS));
            Err(InvalidSize(format!("`{text}` must be between {least} and {most}")))
        }
    }
}

/// Size of a chart's labels in points, such as `8pt`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FontSize(f64);

impl FontSize {
    const LEAST: f64 = 4.0;
    const MOST: f64 = 40.0;

    /// The size in points.
    #[must_use]
    pub fn points(self) -> f64 {
        self.0
    }
}

impl Default for FontSize {
    fn default() -> Self {
        Self(DEFAULT_POINTS)
    }
}

impl FromStr for FontSize {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim().strip_suffix("pt").unwrap_or(text.trim()).trim_end();
        match number.parse::<f64>() {
            Ok(points) if (Self::LEAST..=Self::MOST).contains(&points) => Ok(Self(points)),
            _ => Err(InvalidSize(format!(
                "`{text}` is not a font size between {} and {} points, such as 8pt",
                Self::LEAST,
                Self::MOST
            ))),
        }
    }
}

/// Format, width, font size and title of a chart file. The default is a chart of a report: an SVG of the chart's own width with its
/// title.
///
/// ```rust
/// use sottovoce_report::{Format, Rendering};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let for_print = Rendering {
///     format: Format::Pdf,
///     width: Some("84mm".parse()?),
///     font_size: "8pt".parse()?,
///     title: false,
/// };
/// assert_eq!(for_print.font_size.points(), 8.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rendering {
    /// The file's format.
    pub format: Format,
    /// Width of the finished chart; the chart is laid out for it. `None`: the chart's own width, one CSS pixel per chart unit.
    pub width: Option<Length>,
    /// Font size of the labels. A chart that needs more width gets smaller labels.
    pub font_size: FontSize,
    /// True if title, subtitle and notes are drawn. Leave them out for papers, which have captions.
    pub title: bool,
}

impl Default for Rendering {
    fn default() -> Self {
        Self { format: Format::Svg, width: None, font_size: FontSize::default(), title: true }
    }
}

impl Rendering {
    /// The frame that a chart is laid out for.
    pub(crate) fn frame(&self) -> Frame {
        Frame { width: self.width.map(|width| self.units(width)), title: self.title }
    }

    /// Converts a length to chart units.
    pub(crate) fn units(&self, length: Length) -> f64 {
        length.pixels() * DEFAULT_POINTS / self.font_size.points()
    }

    /// The finished size of a chart with a width and height in chart units.
    pub(crate) fn finished(&self, (width, height): (u32, u32)) -> FinishedSize {
        let natural = self.font_size.points() / DEFAULT_POINTS;
        let Some(asked) = self.width else {
            let pixels = |units: u32| f64::from(units) * natural;
            let text =
                |units: u32| if natural == 1.0 { units.to_string() } else { pixel_text(pixels(units)) };
            return FinishedSize {
                pixels_per_unit: natural,
                width: text(width),
                height: text(height),
                label_points: self.font_size.points(),
            };
        };
        let pixels_per_unit = asked.pixels() / f64::from(width);
        FinishedSize {
            pixels_per_unit,
            width: asked.to_string(),
            height: asked.written_alike(f64::from(height) * pixels_per_unit).to_string(),
            label_points: DEFAULT_POINTS * pixels_per_unit,
        }
    }

    /// A remark if a chart of `size` chart units is higher than `asked`.
    pub(crate) fn height_remark(&self, size: (u32, u32), asked: Length) -> Option<String> {
        let pixels = f64::from(size.1) * self.finished(size).pixels_per_unit;
        // Rounding to whole chart units may change the size by a hundredth.
        (pixels > 1.02 * asked.pixels()).then(|| {
            let height = asked.written_alike(pixels);
            format!("the chart is {height} high instead of {asked}: titles, legend and labels leave no room for less")
        })
    }

    /// A remark if the labels of a chart of `size` chart units are smaller than the font size, since the chart needs more width.
    pub(crate) fn font_size_remark(&self, size: (u32, u32)) -> Option<String> {
        let (asked, width) = (self.font_size.points(), self.width?);
        let points = self.finished(size).label_points;
        // Rounding to whole chart units may change the size by a hundredth.
        if points >= 0.98 * asked {
            return None;
        }
        let needed = width.written_alike(width.pixels() * asked / points);
        Some(format!(
            "the labels have {points:.1} pt instead of {asked} pt: the chart needs a width of {needed} for that"
        ))
    }
}

fn pixel_text(pixels: f64) -> String {
    Length { value: pixels, unit: Unit::Pixel }.to_string()
}

/// Size of a finished chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FinishedSize {
    /// CSS pixels of one chart unit.
    pub(crate) pixels_per_unit: f64,
    /// Width in the form of an SVG attribute.
    pub(crate) width: String,
    /// Height in the form of an SVG attribute.
    pub(crate) height: String,
    /// Font size of the labels in points.
    pub(crate) label_points: f64,
}

/// The frame that a chart is laid out for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    /// Width in chart units; `None`: the chart's own width.
    width: Option<f64>,
    /// True if title and notes are part of the chart.
    pub(crate) title: bool,
}

impl Frame {
    /// The chart's own width, with title.
    pub(crate) const NATURAL: Self = Self { width: None, title: true };

    /// Width of a chart with the natural width `natural` and the minimum width `least`, in chart units. A chart wider than the
    /// frame is scaled down.
    pub(crate) fn width(self, natural: f64, least: f64) -> f64 {
        self.width.map_or(natural, |width| width.max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_unit_and_written_as_they_were() {
        for (text, pixels) in
            [("84mm", 317.48), ("8.4cm", 317.48), ("3.5in", 336.0), ("252pt", 336.0), ("320px", 320.0)]
        {
            let length: Length = text.parse().unwrap();
            assert!((length.pixels() - pixels).abs() < 0.01, "{text}: {}", length.pixels());
            assert_eq!(length.to_string(), text);
        }
    }

    #[test]
    fn other_lengths_are_refused_with_what_is_allowed() {
        let error = |text: &str| text.parse::<Length>().unwrap_err().to_string();
        assert!(error("84").contains("such as 84mm"));
        assert!(error("mm").contains("not a length"));
        assert!(error("3mm").contains("between 26.458mm and 2116.667mm"), "{}", error("3mm"));
        assert!(error("NaNmm").contains("must be between"));
        assert!("3pt".parse::<FontSize>().is_err() && "8".parse::<FontSize>().unwrap().points() == 8.0);
    }

    #[test]
    fn the_unit_is_a_twelfth_of_the_font_size() {
        let rendering = Rendering {
            width: Some("84mm".parse().unwrap()),
            font_size: "8pt".parse().unwrap(),
            ..Rendering::default()
        };
        // 84 mm are 238.1 points; a unit has two thirds of one.
        let units = rendering.frame().width(860.0, 100.0);
        assert!((units - 357.17).abs() < 0.01, "{units}");
        assert!(rendering.font_size_remark((357, 200)).is_none());
        let remark = rendering.font_size_remark((714, 400)).unwrap();
        assert!(remark.contains("4.0 pt instead of 8 pt") && remark.contains("167.9"), "{remark}");
    }
}
