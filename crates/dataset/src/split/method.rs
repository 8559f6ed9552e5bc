//! Split methods, and the groups of labels that they make.

use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::split::dirichlet_alpha::DirichletAlpha;
use crate::split::error::SplitError;

/// Digits in an order in which neighbours look alike. Three groups of it are those of the paper (Fig. 6): round 0 6 8,
/// curved 2 3 5 7, straight 1 4 9.
const LIKEWISE: [u8; 10] = [0, 6, 8, 2, 3, 5, 7, 1, 4, 9];

/// Text before the concentration in the name of a Dirichlet split.
const DIRICHLET: &str = "dirichlet-";

/// Method to divide the labels among members: one group for each member ([`group_labels`]), or a mix of labels that each
/// member draws ([`partition_dirichlet`](crate::partition_dirichlet)).
///
/// As text it is `regular`, `likewise`, `random`, the groups such as `0.1.2-3.4.5-6.7.8.9`, or `dirichlet-0.5`. In
/// configurations, groups may also be a list of lists, and the Dirichlet split a table, `{ dirichlet = 0.5 }`. These two
/// are written as list and table.
///
/// ```
/// use sottovoce_dataset::{SplitMethod, group_labels};
///
/// let groups = group_labels(&SplitMethod::Regular, 3, 10, 1)?;
/// assert_eq!(groups, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8, 9]]);
/// assert_eq!("0.1.2-3.4.5-6.7.8.9".parse(), Ok(SplitMethod::Explicit(groups)));
/// # Ok::<(), sottovoce_dataset::SplitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum SplitMethod {
    /// Labels in their own order.
    Regular,
    /// Digits that look alike are in one group.
    Likewise,
    /// Labels in an order drawn from the seed.
    Random,
    /// The given groups.
    Explicit(Vec<Vec<u8>>),
    /// No groups. Every member draws a mix of labels from Dirichlet(alpha * p), where p are the frequencies of the labels
    /// (Hsu, Qi and Brown 2019).
    Dirichlet {
        /// The concentration.
        alpha: DirichletAlpha,
    },
}

/// Divides the labels `0..classes` into one group for each of `members`.
///
/// Regular, likewise and random groups differ in size by at most one label. With more members than classes some groups are
/// empty: members of empty groups get only images that others leave.
///
/// # Errors
/// If there are no members, or no classes or more than 256; if `Likewise` is used with other than 10 classes; if
/// `Explicit` has another number of groups than members, or does not contain every label exactly once; or if the method is
/// `Dirichlet`, which has no groups.
pub fn group_labels(
    method: &SplitMethod,
    members: usize,
    classes: usize,
    seed: u64,
) -> Result<Vec<Vec<u8>>, SplitError> {
    if members == 0 {
        return Err(SplitError::NoMembers);
    }
    if !(1..=256).contains(&classes) {
        return Err(SplitError::Classes { classes });
    }
    let mut labels: Vec<u8> = (0..=u8::MAX).take(classes).collect();
    let down = |i: usize| i * classes / members;
    // Rounded to the nearest whole number, halves up.
    let nearest = |i: usize| (2 * i * classes + members) / (2 * members);
    match method {
        SplitMethod::Regular => Ok(cut(&labels, members, down)),
        SplitMethod::Likewise if classes == LIKEWISE.len() => Ok(cut(&LIKEWISE, members, nearest)),
        SplitMethod::Likewise => Err(SplitError::LikewiseNeedsDigits { classes }),
        SplitMethod::Random => {
            labels.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            Ok(cut(&labels, members, down))
        }
        SplitMethod::Explicit(groups) if groups.len() == members => {
            check_cover(groups, classes)?;
            Ok(groups.clone())
        }
        SplitMethod::Explicit(groups) => Err(SplitError::GroupCount { groups: groups.len(), members }),
        SplitMethod::Dirichlet { .. } => Err(SplitError::DirichletHasNoGroups),
    }
}

/// Divides `labels` into consecutive pieces. Piece `i` begins at `position(i)` and ends at `position(i + 1)`, which is at
/// most `labels.len()`.
#[expect(clippy::indexing_slicing, reason = "`position` is increasing and at most `labels.len()`")]
fn cut(labels: &[u8], pieces: usize, position: impl Fn(usize) -> usize) -> Vec<Vec<u8>> {
    (0..pieces).map(|i| labels[position(i)..position(i + 1)].to_vec()).collect()
}

/// Checks that `groups` contain every label of `0..classes` exactly once.
pub(super) fn check_cover(groups: &[Vec<u8>], classes: usize) -> Result<(), SplitError> {
    let mut seen = vec![false; classes];
    for &label in groups.iter().flatten() {
        match seen.get_mut(usize::from(label)) {
            None => return Err(SplitError::LabelOutOfRange { label, classes }),
            Some(true) => return Err(SplitError::LabelTwice { label }),
            Some(seen) => *seen = true,
        }
    }
    match (0..=u8::MAX).zip(&seen).find(|(_, seen)| !**seen) {
        Some((label, _)) => Err(SplitError::LabelMissing { label }),
        None => Ok(()),
    }
}

impl SplitMethod {
    /// Creates the Dirichlet split of a concentration.
    ///
    /// # Errors
    /// If `alpha` is not between [`DirichletAlpha::MIN`] and [`DirichletAlpha::MAX`].
    pub fn dirichlet(alpha: f64) -> Result<Self, SplitError> {
        Ok(Self::Dirichlet { alpha: DirichletAlpha::new(alpha)? })
    }
}

impl fmt::Display for SplitMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regular => f.write_str("regular"),
            Self::Likewise => f.write_str("likewise"),
            Self::Random => f.write_str("random"),
            // Dots and dashes need no quotes in CSV, file names and addresses.
            Self::Explicit(groups) => {
                let texts: Vec<String> = groups
                    .iter()
                    .map(|group| group.iter().map(u8::to_string).collect::<Vec<_>>().join("."))
                    .collect();
                f.write_str(&texts.join("-"))
            }
            // Rust writes the shortest digits that parse to the same number, without an exponent.
            Self::Dirichlet { alpha } => write!(f, "{DIRICHLET}{}", alpha.get()),
        }
    }
}

impl FromStr for SplitMethod {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Self, SplitError> {
        let group = |text: &str| match text {
            "" => Ok(Vec::new()),
            labels => labels.split('.').map(str::parse).collect(),
        };
        if let Some(alpha) = text.strip_prefix(DIRICHLET) {
            let alpha = alpha.parse().map_err(|_| SplitError::UnknownMethod { name: text.into() })?;
            return Self::dirichlet(alpha);
        }
        match text {
            "regular" => Ok(Self::Regular),
            "likewise" => Ok(Self::Likewise),
            "random" => Ok(Self::Random),
            "" => Err(SplitError::UnknownMethod { name: String::new() }),
            groups => groups
                .split('-')
                .map(group)
                .collect::<Result<_, _>>()
                .map(Self::Explicit)
                .map_err(|_| SplitError::UnknownMethod { name: text.into() }),
        }
    }
}

/// A split method as it is written in a configuration: text, groups as lists, or the table of a Dirichlet split.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a split is \"regular\", \"likewise\", \"random\", the groups of labels such as [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]], or a Dirichlet split such as { dirichlet = 0.5 }"
)]
enum Written {
    Text(String),
    Groups(Vec<Vec<u8>>),
    Table(DirichletTable),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirichletTable {
    dirichlet: f64,
}

impl TryFrom<Written> for SplitMethod {
    type Error = SplitError;

    fn try_from(written: Written) -> Result<Self, SplitError> {
        match written {
            Written::Text(text) => text.parse(),
            Written::Groups(groups) => Ok(Self::Explicit(groups)),
            Written::Table(DirichletTable { dirichlet }) => Self::dirichlet(dirichlet),
        }
    }
}

impl From<SplitMethod> for Written {
    fn from(method: SplitMethod) -> Self {
        match method {
            SplitMethod::Explicit(groups) => Self::Groups(groups),
            SplitMethod::Dirichlet { alpha } => Self::Table(DirichletTable { dirichlet: alpha.get() }),
            named => Self::Text(named.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
