//! What came of the paper's claims and of this project's own targets, judged from the records alone.

use crate::content::tables::table::Table;
use crate::data::wording::ABSENT;

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
pub(crate) enum VerdictClass {
    Good,
    Bad,
    Open,
}

impl Verdict {
    pub(crate) fn class(&self) -> VerdictClass {
        match self {
            Self::Reproduced | Self::Better | Self::Met => VerdictClass::Good,
            Self::NotReproduced(_) | Self::NotMet(_) => VerdictClass::Bad,
            Self::NotMeasured(_) => VerdictClass::Open,
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
pub(crate) struct JudgedStatement {
    /// The claim or the target.
    pub(crate) statement: String,
    /// The paper's or the wanted number.
    pub(crate) reference: String,
    /// What the records say.
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
}

impl JudgedStatement {
    /// A statement with its reference value, its measured value and its verdict.
    pub(crate) fn new(
        statement: impl Into<String>,
        reference: impl Into<String>,
        (measured, verdict): (String, Verdict),
    ) -> Self {
        Self { statement: statement.into(), reference: reference.into(), measured, verdict }
    }
}

/// The measured value and the verdict of a statement that the records cannot decide.
pub(crate) fn not_measured(reason: impl Into<String>) -> (String, Verdict) {
    (ABSENT.to_owned(), Verdict::NotMeasured(reason.into()))
}

/// Statements of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) title: &'static str,
    /// What good, bad and open verdicts are called.
    pub(crate) words: [&'static str; 3],
    pub(crate) header: [&'static str; 4],
    pub(crate) notes: Vec<String>,
    pub(crate) judged: Vec<JudgedStatement>,
}

impl Verdicts {
    /// The verdicts as a table.
    pub(crate) fn table(&self) -> Table {
        let cells = |judged: &JudgedStatement| {
            let JudgedStatement { statement, reference, measured, verdict } = judged;
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
        [VerdictClass::Good, VerdictClass::Bad, VerdictClass::Open]
            .map(|class| self.judged.iter().filter(|judged| judged.verdict.class() == class).count())
    }
}
