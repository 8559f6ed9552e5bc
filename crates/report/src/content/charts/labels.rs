//! Training images of the members: for each label, the share of its images that each member has.

use std::collections::{BTreeMap, BTreeSet};

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::LabelRow;

use crate::content::charts::error::ChartError;
use crate::data::voter::{UnknownVoter, Voter};
use crate::data::wording::thousands;
use crate::drawing::canvas::Canvas;
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::heat_map::{Cell, Grid, HeatMap, Row};
use crate::drawing::page::{Caption, Page};
use crate::drawing::ramp::BLUES;
use crate::drawing::rendering::Frame;
use crate::drawing::style::LABEL;

const GRID: Grid = Grid { names: 80.0, cell: (30.0, 25.0), totals: 62.0 };
const GAP: f64 = 34.0;
/// Height of the key of the shades.
const KEY: f64 = 30.0;
const MIN_WIDTH: f64 = 760.0;

/// The chart of one split method's rows of `labels.csv`, of the first seed.
#[derive(Debug, Clone)]
pub(crate) struct LabelsChart {
    page: Page,
    panels: Vec<HeatMap>,
    columns: usize,
    panel: (f64, f64),
}

impl LabelsChart {
    /// Lays out the chart of at least one row of `split`.
    pub(crate) fn new(
        rows: &[LabelRow],
        split: &str,
        caption: &Caption,
        frame: Frame,
    ) -> Result<Self, ChartError> {
        let rows: Vec<&LabelRow> = rows.iter().filter(|row| row.split == split).collect();
        let seed = rows.iter().map(|row| row.seed).min().unwrap_or(0);
        let rows: Vec<&LabelRow> = rows.into_iter().filter(|row| row.seed == seed).collect();
        let labels: Vec<u8> = rows.iter().map(|row| row.label).collect::<BTreeSet<_>>().into_iter().collect();
        let settings: BTreeSet<usize> = rows.iter().map(|row| row.setting).collect();
        let panels: Vec<HeatMap> = settings
            .iter()
            .map(|&setting| {
                panel(setting, &labels, rows.iter().copied().filter(|row| row.setting == setting))
            })
            .collect::<Result<_, UnknownVoter>>()?;
        let members = panels.iter().map(|panel| panel.rows.len()).max().unwrap_or(0);
        let panel = (HeatMap::width(GRID, labels.len()), HeatMap::height(GRID, members));
        let most = if frame.width(f64::INFINITY, 0.0) < 2.0 * panel.0 + GAP { 1 } else { 2 };
        let columns = panels.len().clamp(1, most);
        let lines = panels.len().div_ceil(columns) as f64;
        let panels_width = columns as f64 * panel.0 + (columns - 1) as f64 * GAP;
        let width = frame.width(
            (2.0 * Page::EDGE + panels_width).max(MIN_WIDTH),
            panels_width + 2.0 * Page::edge(frame, panels_width),
        );
        let subtitle = format!(
            "Of each label's training images, the share in % that each member got, seed {seed}. Bold: the member with the \
             most."
        );
        let size = (width, KEY + lines * (panel.1 + 16.0));
        Ok(Self { page: Page::new(caption, &subtitle, "", size, frame)?, panels, columns, panel })
    }
}

fn panel<'a>(
    setting: usize,
    labels: &[u8],
    rows: impl Iterator<Item = &'a LabelRow>,
) -> Result<HeatMap, UnknownVoter> {
    let mut members: BTreeMap<Voter, BTreeMap<u8, usize>> = BTreeMap::new();
    for row in rows {
        *members.entry(row.member.parse()?).or_default().entry(row.label).or_default() += row.images;
    }
    let of_label = |label: u8| members.values().filter_map(move |counts| counts.get(&label)).copied();
    let cell = |counts: &BTreeMap<u8, usize>, label: u8| {
        let (images, all) = (*counts.get(&label)?, of_label(label).sum::<usize>());
        let share = if all > 0 { images as f64 / all as f64 } else { 0.0 };
        let strong = images > 0 && of_label(label).max() == Some(images);
        Some(Cell { text: format!("{:.0}", share * 100.0), shade: share, strong })
    };
    let row = |(voter, counts): (&Voter, &BTreeMap<u8, usize>)| Row {
        name: voter.to_string(),
        cells: labels.iter().map(|&label| cell(counts, label)).collect(),
        total: thousands(counts.values().sum::<usize>() as u64),
    };
    Ok(HeatMap {
        title: format!("Setting {setting}"),
        columns: labels.iter().map(u8::to_string).collect(),
        total: "images".to_owned(),
        rows: members.iter().map(row).collect(),
    })
}

impl Drawing for LabelsChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        let nothing = ("0 %", LABEL.width(&page.typeface, "0 %"));
        BLUES.draw_key(canvas, (page.left(), page.top() + 10.0), nothing, "100 % of a label's images")?;
        for (index, panel) in self.panels.iter().enumerate() {
            let (line, column) = (index / self.columns, index % self.columns);
            let left = page.left() + column as f64 * (self.panel.0 + GAP);
            let top = page.top() + KEY + line as f64 * (self.panel.1 + 16.0);
            panel.draw(canvas, (left, top), GRID, BLUES)?;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}
