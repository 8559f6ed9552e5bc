//! Statements with their verdicts.

use sottovoce_table::{ABSENT, Table};

/// The verdict on a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The claim holds as in the paper.
    Reproduced,
    /// The result is better than the paper's.
    Better,
    /// The claim does not hold; the text says why.
    NotReproduced(String),
    /// The target is reached.
    Met,
    /// The target is missed; the text says why.
    NotMet(String),
    /// The records do not decide; the text says why.
    NotMeasured(String),
}

/// Class of a verdict: good, bad or not measured.
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

    /// Text of the verdict with its reason.
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

/// A statement with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JudgedStatement {
    /// The claim or the target.
    pub(crate) statement: String,
    /// The paper's number or the target.
    pub(crate) reference: String,
    /// The number from the records.
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
}

impl JudgedStatement {
    /// Makes a judged statement.
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
    /// Words for good, bad and open verdicts.
    pub(crate) words: [&'static str; 3],
    pub(crate) header: [&'static str; 4],
    pub(crate) notes: Vec<String>,
    pub(crate) judged: Vec<JudgedStatement>,
}

impl Verdicts {
    /// Writes the verdicts as a table.
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

    /// Numbers of good, bad and open verdicts.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [VerdictClass::Good, VerdictClass::Bad, VerdictClass::Open]
            .map(|class| self.judged.iter().filter(|judged| judged.verdict.class() == class).count())
    }
}
