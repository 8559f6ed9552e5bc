//! Voters: single members and the ensemble.

use std::fmt;
use std::str::FromStr;

/// A voter of `accuracy.csv`. Members sort before the ensemble and by number: member 10 follows member 9.
///
/// ```rust
/// use sottovoce_report::Voter;
///
/// assert_eq!("member-2".parse(), Ok(Voter::Member(2)));
/// assert_eq!(Voter::Ensemble.to_string(), "Ensemble");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Voter {
    /// A member with its number, from 1.
    Member(usize),
    /// The sum of all members' logits.
    Ensemble,
}

/// A voter's name that is neither `ensemble` nor `member-1`, `member-2`, ...
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a voter: expected `ensemble`, or `member-1`, `member-2`, ...")]
pub struct UnknownVoter(String);

impl FromStr for Voter {
    type Err = UnknownVoter;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "ensemble" {
            return Ok(Self::Ensemble);
        }
        name.strip_prefix("member-")
            .and_then(|number| number.parse().ok())
            .filter(|&number| number > 0)
            .map(Self::Member)
            .ok_or_else(|| UnknownVoter(name.to_owned()))
    }
}

/// Writes `Member 1` or `Ensemble`.
impl fmt::Display for Voter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(number) => write!(f, "Member {number}"),
            Self::Ensemble => f.write_str("Ensemble"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_sort_by_number_and_the_ensemble_comes_last() {
        let mut voters: Vec<Voter> =
            ["ensemble", "member-10", "member-9"].iter().map(|name| name.parse().unwrap()).collect();
        voters.sort_unstable();
        assert_eq!(voters, [Voter::Member(9), Voter::Member(10), Voter::Ensemble]);
    }

    #[test]
    fn other_names_are_refused_by_name() {
        for name in ["member-0", "member-", "Member-1", ""] {
            let error = name.parse::<Voter>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
