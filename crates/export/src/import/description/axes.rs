//! The order of a tensor's axes.

use std::fmt;

/// The axes of a weight tensor, outermost first, one letter each: `O` outputs (maps, units, classes), `I` inputs (of the
/// convolution: its one input channel), `H` kernel rows, `W` kernel columns.
///
/// ```rust
/// use sottovoce_export::import::AxisOrder;
///
/// assert_eq!(AxisOrder::parse_convolution("hwio").map(|axes| axes.to_string()), Some("HWIO".to_owned()));
/// assert_eq!(AxisOrder::parse_dense("HW"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisOrder(String);

impl AxisOrder {
    /// Parses the axes of convolution kernels: `O`, `H` and `W`, with or without the channel `I`, in any order;
    /// `None` for other letters.
    #[must_use]
    pub fn parse_convolution(letters: &str) -> Option<Self> {
        Self::permutation(letters, &["OIHW", "OHW"])
    }

    /// Parses the axes of a dense layer, `OI` or `IO`; `None` for other letters.
    #[must_use]
    pub fn parse_dense(letters: &str) -> Option<Self> {
        Self::permutation(letters, &["OI"])
    }

    fn permutation(letters: &str, of: &[&str]) -> Option<Self> {
        let sorted = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        let upper = letters.to_ascii_uppercase();
        of.iter().any(|known| sorted(&upper) == sorted(known)).then_some(Self(upper))
    }

    /// Parses another order of the same axes; `None` for other letters.
    pub(crate) fn reordered(&self, letters: &str) -> Option<Self> {
        Self::permutation(letters, &[&self.0])
    }

    /// Returns every order of the same letters, beginning with those that programs use.
    pub(crate) fn alternatives(&self) -> Vec<Self> {
        let mut orders: Vec<String> = match self.0.len() {
            2 => vec!["OI".to_owned(), "IO".to_owned()],
            _ => ["OIHW", "HWIO", "OHWI", "IHWO", "OHW", "HWO"].map(str::to_owned).to_vec(),
        };
        if self.0.len() == 4 {
            for code in 0..256 {
                let letters: String =
                    (0..4).filter_map(|place| "OIHW".chars().nth(code >> (2 * place) & 3)).collect();
                if Self::parse_convolution(&letters).is_some() && !orders.contains(&letters) {
                    orders.push(letters);
                }
            }
        }
        orders.into_iter().map(Self).collect()
    }

    /// Returns the letters, outermost first.
    pub(crate) fn letters(&self) -> impl DoubleEndedIterator<Item = char> + '_ {
        self.0.chars()
    }

    /// Returns the sizes of a tensor's axes, where `size` gives the size of each.
    pub(crate) fn shape(&self, size: impl Fn(char) -> usize) -> Vec<usize> {
        self.letters().map(size).collect()
    }

    /// Returns the size of the axis `letter` in a tensor of `shape`; `None` if the tensor does not have these axes.
    pub(crate) fn size_in(&self, shape: &[usize], letter: char) -> Option<usize> {
        let index = self.letters().position(|own| own == letter)?;
        shape.get(index).copied().filter(|_| shape.len() == self.0.len())
    }

    /// Returns true if outputs are the first axis, false if they are the last, and `None` if they are in the middle.
    pub(crate) fn outputs_first(&self) -> Option<bool> {
        match (self.0.starts_with('O'), self.0.ends_with('O')) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// Returns the offset of a value from its index along every axis, in a tensor of these axes.
    pub(crate) fn offset(&self, size: impl Fn(char) -> usize, place: impl Fn(char) -> usize) -> usize {
        self.letters().fold(0, |offset, letter| offset * size(letter) + place(letter))
    }
}

impl fmt::Display for AxisOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a tensor of shape `found` has the shape `needed`, or the same shape with neighbouring axes joined:
/// `[5, 25]` and `[125]` fit `[5, 1, 5, 5]`. Axes of size 1 are ignored, unless there are as many axes as needed:
/// `[5, 5, 1, 5]` is another order.
pub fn fits(found: &[usize], needed: &[usize]) -> bool {
    if found.len() == needed.len() {
        return found == needed;
    }
    let mut needed = needed.iter().copied().filter(|&size| size != 1);
    for &size in found.iter().filter(|&&size| size != 1) {
        let mut product = 1;
        while product < size {
            let Some(next) = needed.next() else { return false };
            product *= next;
        }
        if product != size {
            return false;
        }
    }
    needed.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_are_permutations_of_their_letters() {
        assert_eq!(AxisOrder::parse_convolution("hwio").unwrap().to_string(), "HWIO");
        assert!(AxisOrder::parse_convolution("OHW").is_some());
        for wrong in ["OI", "HWI", "OIHH", "OIHWX", ""] {
            assert_eq!(AxisOrder::parse_convolution(wrong), None);
        }
        assert!(AxisOrder::parse_dense("IO").is_some() && AxisOrder::parse_dense("O").is_none());
        assert_eq!(AxisOrder::parse_convolution("OIHW").unwrap().alternatives().len(), 26);
    }

    #[test]
    fn neighbouring_axes_may_be_one_and_others_not() {
        for found in [&[5, 1, 5, 5][..], &[5, 25], &[125], &[25, 5], &[5, 5, 5], &[125, 1]] {
            assert!(fits(found, &[5, 1, 5, 5]), "{found:?}");
        }
        for found in [&[5, 5][..], &[1, 5, 5, 5], &[5, 5, 1, 5], &[5, 26], &[50, 5], &[5, 5, 5, 5], &[0], &[]]
        {
            assert!(!fits(found, &[5, 1, 5, 5]), "{found:?}");
        }
        assert!(!fits(&[845, 100], &[100, 845]) && fits(&[1, 1], &[1]));
    }

    proptest! {
        #[test]
        fn every_place_has_its_own_offset_and_neighbours_of_the_last_axis_are_neighbours(
            order in prop::sample::select(AxisOrder::parse_convolution("OIHW").unwrap().alternatives()),
            sizes in prop::array::uniform3(1usize..5),
        ) {
            let size = |letter| match letter { 'O' => sizes[0], 'H' => sizes[1], 'W' => sizes[2], _ => 1 };
            let mut seen = vec![false; sizes.iter().product()];
            for o in 0..sizes[0] { for h in 0..sizes[1] { for w in 0..sizes[2] {
                let place = |letter| match letter { 'O' => o, 'H' => h, 'W' => w, _ => 0 };
                let offset = order.offset(size, place);
                prop_assert!(!std::mem::replace(&mut seen[offset], true));
                let last = order.letters().last().unwrap();
                if place(last) + 1 < size(last) {
                    let next = |letter| place(letter) + usize::from(letter == last);
                    prop_assert_eq!(order.offset(size, next), offset + 1);
                }
            }}}
            prop_assert!(seen.into_iter().all(|seen| seen));
        }
    }
}
