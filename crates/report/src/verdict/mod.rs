//! What came of the paper's claims and of this project's own targets, judged from the records alone.

mod accuracy;
mod claims;
mod evidence;
mod targets;

pub(crate) use claims::claims;
pub(crate) use evidence::Evidence;
pub(crate) use targets::targets;

use crate::table::Table;

/// How a statement fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As the paper says.
    Reproduced,
    /// Beyond what the paper says.
    Better,
    /// Not as the paper says, and how.
    NotReproduced(String),
    /// A target is reached.
    Met,
    /// A target is missed, and by what.
    NotMet(String),
    /// The records cannot say, and why.
    NotMeasured(String),
}

/// Whether a verdict is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Bad,
    Open,
}

impl Verdict {
    pub(crate) fn mark(&self) -> Mark {
        match self {
            Self::Reproduced | Self::Better | Self::Met => Mark::Good,
            Self::NotReproduced(_) | Self::NotMet(_) => Mark::Bad,
            Self::NotMeasured(_) => Mark::Open,
        }
    }

    /// The verdict in words, with its reason.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Reproduced => "reproduced".to_owned(),
            Self::Better => "better".to_owned(),
            Self::NotReproduced(reason) => format!("not reproduced: {reason}"),
            Self::Met => "met".to_owned(),
            Self::NotMet(reason) => format!("not met: {reason}"),
            Self::NotMeasured(reason) => format!("not measured: {reason}"),
        }
    }
}

/// One statement and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The claim or the target.
    pub(crate) statement: String,
    /// The paper's or the wanted number.
    pub(crate) reference: String,
    /// What the records say.
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
}

/// Statements of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) title: &'static str,
    /// What good, bad and open verdicts are called.
    pub(crate) words: [&'static str; 3],
    pub(crate) header: [&'static str; 4],
    pub(crate) notes: Vec<String>,
    pub(crate) judged: Vec<Judged>,
}

impl Verdicts {
    /// The verdicts as a table.
    pub(crate) fn table(&self) -> Table {
        let cells = |judged: &Judged| {
            let Judged { statement, reference, measured, verdict } = judged;
            vec![statement.clone(), reference.clone(), measured.clone(), verdict.text()]
        };
        Table {
            title: self.title.to_owned(),
            header: self.header.map(str::to_owned).to_vec(),
            rows: self.judged.iter().map(cells).collect(),
            notes: self.notes.clone(),
        }
    }

    /// How many verdicts have each mark: good, bad, open.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [Mark::Good, Mark::Bad, Mark::Open]
            .map(|mark| self.judged.iter().filter(|judged| judged.verdict.mark() == mark).count())
    }
}
