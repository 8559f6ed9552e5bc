//! Correct and wrong answers of every voter. A voter is a member or the ensemble.

use sottovoce_network::predict;

/// For every voter and image, whether the voter classified the image correctly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correctness {
    /// One list for each member in order, then one for the ensemble; each list has one entry for each image.
    voters: Vec<Vec<bool>>,
}

impl Correctness {
    /// Makes empty lists for `members` members and their ensemble.
    pub fn empty(members: usize) -> Self {
        Self { voters: vec![Vec::new(); members + 1] }
    }

    /// Adds the answers for the next image. `members` holds the logits of each member, `sum` those of the ensemble.
    pub fn add_image<T: PartialOrd>(&mut self, label: u8, members: &[Vec<T>], sum: &[T]) {
        let answers = members.iter().map(Vec::as_slice).chain([sum]);
        for (correct, logits) in self.voters.iter_mut().zip(answers) {
            correct.push(predict(logits) == usize::from(label));
        }
    }

    /// Iterates over the voters: the voter's name in the records, and one entry for each image.
    pub fn voters(&self) -> impl Iterator<Item = (String, &[bool])> {
        let members = self.voters.len().saturating_sub(1);
        self.voters.iter().enumerate().map(move |(index, correct)| {
            (if index < members { member_name(index) } else { ENSEMBLE.to_owned() }, correct.as_slice())
        })
    }

    /// Returns the ensemble's entries, one for each image.
    pub fn ensemble(&self) -> &[bool] {
        self.voters.last().map_or(&[], Vec::as_slice)
    }
}

/// The ensemble's name in the records.
pub const ENSEMBLE: &str = "ensemble";

/// Returns the name in the records of the member `index`, counted from 0.
pub fn member_name(index: usize) -> String {
    format!("member-{}", index + 1)
}
