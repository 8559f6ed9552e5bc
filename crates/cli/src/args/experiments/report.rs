//! Arguments of `report`, `chart` and `compare`.

use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_report::{ChartKind, FontSize, Format, Length, Rendering};

/// Arguments of `chart`.
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

    /// Quantity on the horizontal axis: an axis of the sweep, by its path or the last part of the path; voter, domain or seed;
    /// or a measured column such as provider_seconds.
    #[arg(long, value_name = "AXIS")]
    pub x: String,

    /// Quantity on the vertical axis: accuracy, error, mismatches, plaintext_bits, provider_seconds or any other numeric column
    /// of table.csv.
    #[arg(long, value_name = "METRIC")]
    pub y: String,

    /// Axis whose values are drawn as separate lines, or as the rows of a heat map.
    #[arg(long, value_name = "AXIS")]
    pub series: Option<String>,

    /// Axis whose values are drawn as separate panels with the same scales.
    #[arg(long, value_name = "AXIS")]
    pub facet: Option<String>,

    /// Draw only rows with this value of an axis; may be given several times, also for one axis.
    #[arg(long = "where", value_name = "AXIS=VALUE", value_parser = restriction)]
    pub fixed: Vec<(String, String)>,

    /// Average, for each seed, over the axes that vary and are not drawn.
    #[arg(long)]
    pub average: bool,

    /// Voter whose answers are drawn: ensemble, member-1, member-2, ... [default: ensemble].
    #[arg(long, value_name = "NAME")]
    pub voter: Option<String>,

    /// Arithmetic in which accuracy was measured: float, integer or encrypted [default: encrypted].
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,

    /// Kind of chart.
    #[arg(long, value_enum, default_value = "line")]
    pub kind: KindName,

    /// Make the horizontal axis logarithmic.
    #[arg(long)]
    pub log_x: bool,

    /// Make the vertical axis logarithmic.
    #[arg(long)]
    pub log_y: bool,

    /// Title of the chart [default: made from the axes].
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,

    /// Label of the horizontal axis, without the unit.
    #[arg(long, value_name = "TEXT")]
    pub x_label: Option<String>,

    /// Label of the vertical axis, without the unit.
    #[arg(long, value_name = "TEXT")]
    pub y_label: Option<String>,

    /// File to write [default: charts/NAME.FORMAT in RUN, with a name made from the axes].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Overwrite the file if it exists.
    #[arg(long, requires = "out")]
    pub replace: bool,

    /// Height of the chart in mm, cm, in, pt or px, such as 60mm; the height of a heat map depends on its rows only.
    #[arg(long, value_name = "LENGTH")]
    pub height: Option<Length>,

    #[command(flatten)]
    pub print: PrintOptions,
}

/// Options for the form of chart files.
#[derive(Debug, clap::Args)]
pub struct PrintOptions {
    /// File format of charts [default: the ending of --out, or svg].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FormatName>,

    /// Width of the chart in mm, cm, in, pt or px, such as 84mm; the layout is made for this width.
    #[arg(long, value_name = "LENGTH")]
    pub width: Option<Length>,

    /// Font size of the labels in points, such as 8pt [default: 9pt].
    #[arg(long, value_name = "SIZE")]
    pub font_size: Option<FontSize>,

    /// Leave out title, subtitle and notes, for papers with captions. A warning of synthetic data stays.
    #[arg(long)]
    pub no_title: bool,
}

/// Options of `report`.
#[derive(Debug, clap::Args)]
pub struct ReportOptions {
    #[command(flatten)]
    pub print: PrintOptions,

    /// Folder for charts with --format, --width, --font-size or --no-title [default: figures in RUN].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

impl PrintOptions {
    /// Returns whether any of the options is given.
    pub fn are_given(&self) -> bool {
        self.format.is_some() || self.width.is_some() || self.font_size.is_some() || self.no_title
    }

    /// The rendering that the options describe, in `format`.
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
    /// Means along an axis with 95 % intervals over seeds, joined by lines.
    Line,
    /// A heat map of means over two axes, --x and --series, with a number in each cell.
    Heat,
    /// The points that no other point beats at the same or lower cost; --x is a measured column.
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
    /// Vector graphics.
    Svg,
    /// Pixels, 300 per inch if a width or font size is given.
    Png,
    /// Vector graphics with embedded fonts.
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

/// Reads the value of --where.
fn restriction(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((axis, value)) if !axis.trim().is_empty() => {
            Ok((axis.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write AXIS=VALUE, such as members=3".to_owned()),
    }
}

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub struct CompareOptions {
    /// Folder of a run or a sweep, such as results/fig5.
    #[arg(value_name = "RUN")]
    pub first: PathBuf,

    /// Folder of another run, or of another sweep.
    #[arg(value_name = "RUN")]
    pub second: PathBuf,

    /// Format of the tables on standard output.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub format: TableFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Columns for a terminal.
    Text,
    /// Markdown.
    Md,
    /// LaTeX with the package `booktabs`.
    Latex,
}
