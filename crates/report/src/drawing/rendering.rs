//! How charts become files: format, width, size of the letters, title.

use std::fmt;
use std::str::FromStr;

/// CSS pixels of one inch.
const PIXELS_PER_INCH: f64 = 96.0;
/// Typographic points of one inch.
const POINTS_PER_INCH: f64 = 72.0;
/// Size of a label's letters in chart units: what a font size in points stands for.
pub(crate) const LABEL_UNITS: f64 = 12.0;
/// Size of a label's letters where nothing else is asked for: one chart unit is then one CSS pixel.
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
    /// The ending of a file's name, without its dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }

    /// The format of a file name's ending.
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
    const LEAST_PIXELS: f64 = 100.0;
    const MOST_PIXELS: f64 = 8000.0;

    /// The length in CSS pixels, 96 to the inch.
    pub(crate) fn pixels(self) -> f64 {
        self.value * self.unit.pixels()
    }

    /// A length of `pixels`, written in the unit of this one.
    fn written_alike(self, pixels: f64) -> Self {
        Self { value: pixels / self.unit.pixels(), unit: self.unit }
    }
}

/// As CSS and SVG write it: `84mm`.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = format!("{:.3}", self.value);
        write!(f, "{}{}", value.trim_end_matches('0').trim_end_matches('.'), self.unit.name())
    }
}

/// A length or font size that cannot be used.
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
        if (Self::LEAST_PIXELS..=Self::MOST_PIXELS).contains(&length.pixels()) {
            Ok(length)
        } else {
            let bound = |pixels| length.written_alike(pixels);
            let (least, most) = (bound(Self::LEAST_PIXELS), bound(Self::MOST_PIXELS));
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

/// How a chart becomes a file. The default is what a report has: as wide as the chart needs, with its title.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rendering {
    /// The file's format.
    pub format: Format,
    /// The finished chart's width; the chart is laid out for it. AbsentFile: the chart's own, one CSS pixel to the unit.
    pub width: Option<Length>,
    /// Size of the labels, where they fit.
    pub font_size: FontSize,
    /// Whether the title, the lines below it and the notes are drawn. A paper has its own caption.
    pub title: bool,
}

impl Default for Rendering {
    fn default() -> Self {
        Self { format: Format::Svg, width: None, font_size: FontSize::default(), title: true }
    }
}

impl Rendering {
    /// What a chart is laid out in.
    pub(crate) fn frame(&self) -> Frame {
        Frame { width: self.width.map(|width| self.units(width)), title: self.title }
    }

    /// A length in chart units.
    pub(crate) fn units(&self, length: Length) -> f64 {
        length.pixels() * DEFAULT_POINTS / self.font_size.points()
    }

    /// The finished size of a chart that is `size` chart units large.
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

    /// What to say where a chart became higher than asked for.
    pub(crate) fn height_remark(&self, size: (u32, u32), asked: Length) -> Option<String> {
        let pixels = f64::from(size.1) * self.finished(size).pixels_per_unit;
        // A rounded chart unit may cost a hundredth.
        (pixels > 1.02 * asked.pixels()).then(|| {
            let height = asked.written_alike(pixels);
            format!("the chart is {height} high instead of {asked}: titles, legend and labels leave no room for less")
        })
    }

    /// What to say where the letters became smaller than asked for, since the chart needs more room.
    pub(crate) fn font_size_remark(&self, size: (u32, u32)) -> Option<String> {
        let (asked, width) = (self.font_size.points(), self.width?);
        let points = self.finished(size).label_points;
        // A rounded chart unit may cost a hundredth.
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

/// How large a chart is in the end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FinishedSize {
    /// CSS pixels of one chart unit.
    pub(crate) pixels_per_unit: f64,
    /// As SVG's attributes have it.
    pub(crate) width: String,
    pub(crate) height: String,
    /// Size of the labels' letters in points.
    pub(crate) label_points: f64,
}

/// What a chart is laid out in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    /// Width in chart units; absent: the chart's own.
    width: Option<f64>,
    /// Whether title and notes are part of the chart.
    pub(crate) title: bool,
}

impl Frame {
    /// A chart's own width, and its title.
    pub(crate) const NATURAL: Self = Self { width: None, title: true };

    /// Width of a chart that has `natural` units where nothing is asked for, and needs `least`. A wider page than asked
    /// for becomes a smaller print.
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
