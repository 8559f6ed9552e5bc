//! What charts show, and how they become files.

use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_report::rendering::{FontSize, Format, Length, Rendering};
use sottovoce_report::study::ChartKind;

/// A chart of a sweep.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    sottovoce chart results/members --x ensemble.members --y accuracy\n  \
    sottovoce chart results/pixels --x logit_bits --y accuracy --series pixel_levels\n  \
    sottovoce chart results/pixels --x logit_bits --y accuracy --series pixel_levels --kind heat\n  \
    sottovoce chart results/hidden --x provider_seconds --y accuracy --kind frontier\n  \
    sottovoce chart results/skew --x share --y error --series voter --where split=likewise\n  \
    sottovoce chart results/members --x members --y accuracy --out fig3.pdf --width 84mm --font-size 8pt --no-title")]
pub struct ChartOptions {
    /// Folder of a sweep (with table.csv) or of a run (with accuracy.csv), such as results/NAME.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Horizontal axis: an axis of the sweep, by its path or the last part of it; voter, domain or seed; or a measured
    /// column such as provider_seconds.
    #[arg(long, value_name = "AXIS")]
    pub x: String,

    /// What is measured: accuracy, error, mismatches, plaintext_bits, provider_seconds or any other number in table.csv.
    #[arg(long, value_name = "METRIC")]
    pub y: String,

    /// The axis whose values become lines with markers of their own; the rows of a heat map.
    #[arg(long, value_name = "AXIS")]
    pub series: Option<String>,

    /// The axis whose values become panels with shared axes.
    #[arg(long, value_name = "AXIS")]
    pub facet: Option<String>,

    /// Draw these values of an axis alone; may be given several times, also for one axis.
    #[arg(long = "where", value_name = "AXIS=VALUE", value_parser = restriction)]
    pub fixed: Vec<(String, String)>,

    /// Average, for each seed, over the axes that vary and have no place in the chart.
    #[arg(long)]
    pub average: bool,

    /// Whose answers: ensemble, member-1, member-2, ... [default: ensemble].
    #[arg(long, value_name = "NAME")]
    pub voter: Option<String>,

    /// Where accuracy was measured: float, integer or encrypted [default: encrypted].
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,

    /// Kind of the chart: means with 95 % intervals, shaded cells, or the best for a budget.
    #[arg(long, value_enum, default_value = "line")]
    pub kind: KindName,

    /// Make the horizontal axis logarithmic.
    #[arg(long)]
    pub log_x: bool,

    /// Make the vertical axis logarithmic.
    #[arg(long)]
    pub log_y: bool,

    /// The title, in place of one made of the axes.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,

    /// Words for the horizontal axis, without the unit.
    #[arg(long, value_name = "TEXT")]
    pub x_label: Option<String>,

    /// Words for the vertical axis, without the unit.
    #[arg(long, value_name = "TEXT")]
    pub y_label: Option<String>,

    /// The file to write [default: charts/NAME.FORMAT in RUN, with a name that says what is shown].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Replace that file where it is there already.
    #[arg(long, requires = "out")]
    pub replace: bool,

    /// Height of the whole chart, such as 60mm; a heat map has the height of its rows.
    #[arg(long, value_name = "LENGTH")]
    pub height: Option<Length>,

    #[command(flatten)]
    pub print: PrintOptions,
}

/// How charts become files.
#[derive(Debug, clap::Args)]
pub struct PrintOptions {
    /// File format of charts [default: that of --out, else svg].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FormatName>,

    /// Width of the finished chart in mm, cm, in, pt or px, such as 84mm; the chart is laid out for it.
    #[arg(long, value_name = "LENGTH")]
    pub width: Option<Length>,

    /// Size of the labels' letters in points, such as 8pt [default: 9pt].
    #[arg(long, value_name = "SIZE")]
    pub font_size: Option<FontSize>,

    /// Leave title, subtitle and notes out: a paper has its own caption. A warning of synthetic data stays.
    #[arg(long)]
    pub no_title: bool,
}

/// How the charts of a report become files.
#[derive(Debug, clap::Args)]
pub struct ReportOptions {
    #[command(flatten)]
    pub print: PrintOptions,

    /// Folder for charts that are drawn with --format, --width, --font-size or --no-title [default: figures in RUN].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

impl PrintOptions {
    /// Whether anything differs from what a report has.
    pub fn are_given(&self) -> bool {
        self.format.is_some() || self.width.is_some() || self.font_size.is_some() || self.no_title
    }

    /// The rendering that is asked for, in `format`.
    pub fn rendering(&self, format: Format) -> Rendering {
        Rendering {
            format,
            width: self.width,
            font_size: self.font_size.unwrap_or_default(),
            title: !self.no_title,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// Means over an axis with 95 % intervals over seeds, joined by lines.
    Line,
    /// Means over two axes, --x and --series, as cells with their numbers.
    Heat,
    /// The points that nothing beats at their cost; --x is a measured column.
    Frontier,
}

impl From<KindName> for ChartKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Line => Self::Line,
            KindName::Heat => Self::Heat,
            KindName::Frontier => Self::Frontier,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Shapes and text.
    Svg,
    /// Pixels, 300 to the inch where a width or font size is given.
    Png,
    /// Shapes and text with embedded fonts.
    Pdf,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Svg => Self::Svg,
            FormatName::Png => Self::Png,
            FormatName::Pdf => Self::Pdf,
        }
    }
}

fn restriction(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((axis, value)) if !axis.trim().is_empty() => {
            Ok((axis.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write AXIS=VALUE, such as members=3".to_owned()),
    }
}
