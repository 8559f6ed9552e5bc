//! Layout of the accuracy chart, in chart units.

use crate::data::split_accuracy::SplitAccuracy;
use crate::data::voter::Voter;
use crate::drawing::percent_axis::PercentAxis;
use crate::drawing::rendering::Frame;

/// Positions that depend on the data, in chart units from the top left corner.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Blank edge on the left and right.
    pub(crate) edge: f64,
    /// Left end of the plot. The headings of the rows below lie left of it, in wider fonts as well.
    pub(crate) left: f64,
    /// True if the chart is narrower than its natural width. It then has short headings and points close together.
    pub(crate) narrow: bool,
    /// Right end of the plot.
    pub(crate) right: f64,
    /// Middle of the legend's first row.
    pub(crate) legend: f64,
    pub(crate) plot_top: f64,
    pub(crate) plot_bottom: f64,
    pub(crate) axis: PercentAxis,
    settings: usize,
    columns: usize,
    with_paper: bool,
    rows_below: usize,
    footnotes: usize,
}

impl Layout {
    /// Blank edge on the left and right of a chart with its natural width, and of a chart for print.
    pub(crate) const EDGE: f64 = 28.0;
    const PRINT_EDGE: f64 = 4.0;
    /// Width of the headings of the rows below, and of short headings.
    const LEFT: f64 = 170.0;
    const NARROW_LEFT: f64 = 66.0;
    /// Upper end of a chart without title.
    const UNTITLED_TOP: f64 = 12.0;
    /// Baseline of the title.
    pub(crate) const TITLE: f64 = 42.0;

    const MIN_WIDTH: f64 = 760.0;
    const PLOT_HEIGHT: f64 = 380.0;
    /// Distance from the edges of the plot to the ends of the axis, so that no marker is cut.
    const INSET: f64 = 9.0;
    const SUBTITLE_LINE: f64 = 19.0;
    const LEGEND_LINE: f64 = 24.0;
    const ROW_BELOW: f64 = 20.0;
    const FOOTNOTE_LINE: f64 = 15.0;
    /// Distance from our point to the paper's point of the same voter.
    const PAPER_OFFSET: f64 = 11.5;
    const WIDEST_STEP: f64 = 124.0;
    /// The same distance in a narrow chart, as a fraction of the step to the next voter.
    const NARROW_PAPER_PART: f64 = 0.42;
    /// Space between settings, and smallest step from voter to voter.
    const SETTING_GAP: f64 = 26.0;
    const NARROW_SETTING_GAP: f64 = 10.0;
    const NARROWEST_STEP: f64 = 8.0;
    /// Smallest width of a setting, so that its shares, such as `95–99`, fit below.
    const NARROWEST_SLOT: f64 = 40.0;

    /// Baseline of a line of the subtitle, or of a warning if there is no title.
    pub(crate) fn subtitle(row: usize, titled: bool) -> f64 {
        let first = if titled { Self::TITLE + 24.0 } else { Self::UNTITLED_TOP + 2.0 };
        first + row as f64 * Self::SUBTITLE_LINE
    }

    /// Width in `frame`, and whether the layout is narrow.
    pub(crate) fn width_in(frame: Frame, settings: usize, voters: usize, with_paper: bool) -> (f64, bool) {
        let natural = Self::width(settings, voters, with_paper);
        let slot =
            (voters as f64 * Self::NARROWEST_STEP + Self::NARROW_SETTING_GAP).max(Self::NARROWEST_SLOT);
        let least = Self::NARROW_LEFT + settings as f64 * slot + Self::PRINT_EDGE;
        let width = frame.width(natural, least);
        (width, width < natural)
    }

    /// Blank edge on the left and right of a chart.
    pub(crate) fn edge(narrow: bool, titled: bool) -> f64 {
        if narrow || !titled { Self::PRINT_EDGE } else { Self::EDGE }
    }

    /// Natural width of the chart. It grows with settings and voters, so that columns never touch.
    pub(crate) fn width(settings: usize, voters: usize, with_paper: bool) -> f64 {
        let step = if with_paper { 27.0 } else { 13.5 };
        let slot = (voters as f64 * step + 26.0).max(100.0);
        (Self::LEFT + settings as f64 * slot + Self::EDGE).max(Self::MIN_WIDTH)
    }

    /// Computes the layout from top to bottom.
    pub(crate) fn new(
        (width, narrow): (f64, bool),
        titled: bool,
        sweep: &SplitAccuracy,
        subtitles: usize,
        legend_rows: usize,
        footnotes: usize,
    ) -> Self {
        let untitled = !titled && subtitles == 0;
        let legend = if untitled { Self::UNTITLED_TOP } else { Self::subtitle(subtitles, titled) + 8.0 };
        let edge = Self::edge(narrow, titled);
        let plot_top = legend + legend_rows as f64 * Self::LEGEND_LINE + 30.0;
        let plot_bottom = plot_top + Self::PLOT_HEIGHT;
        let with_paper = sweep.has_paper();
        let ensemble = sweep.voters.contains(&Voter::Ensemble);
        let rows_below = 2 + usize::from(ensemble) + usize::from(ensemble && with_paper);
        let mut layout = Self {
            width,
            height: 0.0,
            edge,
            left: if narrow { Self::NARROW_LEFT } else { Self::LEFT },
            narrow,
            right: width - edge,
            legend,
            plot_top,
            plot_bottom,
            axis: PercentAxis::covering(sweep.lowest(), plot_top + Self::INSET, plot_bottom - Self::INSET),
            settings: sweep.settings.len(),
            columns: sweep.voters.len(),
            with_paper,
            rows_below,
            footnotes,
        };
        layout.height = layout.footnote(footnotes) + if footnotes == 0 { 0.0 } else { 6.0 };
        layout
    }

    /// Left and right end of the setting with this position.
    pub(crate) fn slot(&self, setting: usize) -> (f64, f64) {
        let slot = (self.right - self.left) / self.settings as f64;
        let left = self.left + setting as f64 * slot;
        (left, left + slot)
    }

    /// Horizontal positions of our point and the paper's point of a voter at a setting.
    pub(crate) fn column(&self, setting: usize, voter: usize) -> (f64, f64) {
        let (left, right) = self.slot(setting);
        let pair = if self.with_paper { self.paper_offset() } else { 0.0 };
        let first = (left + right) / 2.0 - (self.step() * (self.columns as f64 - 1.0) + pair) / 2.0;
        let ours = first + voter as f64 * self.step();
        (ours, ours + self.paper_offset())
    }

    /// Baseline of a row below the plot.
    pub(crate) fn row_below(&self, row: usize) -> f64 {
        self.plot_bottom + 21.0 + row as f64 * Self::ROW_BELOW
    }

    /// Baseline of a line of the footnote.
    pub(crate) fn footnote(&self, row: usize) -> f64 {
        self.row_below(self.rows_below) + 6.0 + row as f64 * Self::FOOTNOTE_LINE
    }

    /// Returns whether there is room for a value beside each point. With several settings there is none, since the ensemble's line
    /// would cross the values.
    pub(crate) fn fits_values(&self) -> bool {
        self.settings == 1 && self.step() >= if self.with_paper { 105.0 } else { 52.0 }
    }

    /// Distance from one voter's column to the next.
    fn step(&self) -> f64 {
        let slot = (self.right - self.left) / self.settings as f64;
        let gap = if self.narrow { Self::NARROW_SETTING_GAP } else { Self::SETTING_GAP };
        ((slot - gap) / self.columns as f64).min(Self::WIDEST_STEP)
    }

    fn paper_offset(&self) -> f64 {
        if self.narrow {
            (self.step() * Self::NARROW_PAPER_PART).min(Self::PAPER_OFFSET)
        } else {
            Self::PAPER_OFFSET
        }
    }
}
