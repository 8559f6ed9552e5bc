//! The hidden layer's inputs in this project's order: flattened map by map, and without the pooling of a description.

use sottovoce_network::{Architecture, Block, Padding};

use crate::import::description::fields::Flatten;

/// Returns an architecture whose convolution has as many outputs as a pooling over `pool` rows and columns leaves. It
/// determines the shapes of the hidden layer's tensors. The pooling does not read rows and columns at the end that do not
/// fill a window.
pub fn pooled(architecture: &Architecture, pool: usize) -> Architecture {
    if pool == 1 {
        return *architecture;
    }
    let side = architecture.convolution_side() / pool;
    let padding = Padding { leading: 0, trailing: 0 };
    Architecture { image_side: side, kernel: 1, stride: 1, padding, ..*architecture }
}

/// Returns the hidden layer on activations that has the same outputs as `hidden` has on pooled activations.
#[expect(
    clippy::indexing_slicing,
    reason = "row and column are inside the pooled side, so the input exists; there is a bias for each row"
)]
pub fn unpooled(hidden: &Block<f64>, architecture: &Architecture, pool: usize) -> Block<f64> {
    if pool == 1 {
        return hidden.clone();
    }
    let side = architecture.convolution_side();
    let (positions, few) = (architecture.positions(), side / pool);
    let share = ((pool * pool) as f64).recip();
    let weight = |unit: usize, activation: usize| {
        let (map, position) = (activation / positions, activation % positions);
        let (row, column) = (position / side / pool, position % side / pool);
        if row < few && column < few {
            hidden.row(unit)[(map * few + row) * few + column] * share
        } else {
            0.0
        }
    };
    Block::from_fn(hidden.rows(), architecture.activations(), weight, |unit| hidden.biases()[unit])
}

/// Returns the hidden layer with its inputs in the order map by map.
#[expect(
    clippy::indexing_slicing,
    reason = "the inputs are a permutation of maps x positions, and there is a bias for each row"
)]
pub fn flattened(block: &Block<f64>, architecture: &Architecture, flatten: Flatten) -> Block<f64> {
    let (maps, positions) = (architecture.maps, architecture.positions());
    let row = |row: usize| block.row(row);
    match flatten {
        Flatten::ChannelsFirst => block.clone(),
        Flatten::ChannelsLast => Block::from_fn(
            block.rows(),
            block.columns(),
            |r, column| row(r)[column % positions * maps + column / positions],
            |r| block.biases()[r],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_behind_a_pooling_reads_means_of_windows_and_leaves_out_what_fills_none() {
        let architecture = Architecture {
            image_side: 5,
            kernel: 1,
            stride: 1,
            maps: 2,
            hidden: 1,
            ..Architecture::default()
        };
        let architecture = Architecture { padding: Padding { leading: 0, trailing: 0 }, ..architecture };
        assert_eq!(pooled(&architecture, 2).activations(), 2 * 2 * 2);
        assert_eq!(pooled(&architecture, 1), architecture);
        let hidden = Block::from_fn(1, 8, |_, column| column as f64 + 1.0, |_| 0.5);
        let whole = unpooled(&hidden, &architecture, 2);
        assert_eq!((whole.columns(), whole.biases()), (50, &[0.5][..]));
        let first: Vec<f64> = whole.row(0)[..25].iter().map(|weight| weight * 4.0).collect();
        assert_eq!(
            first,
            [
                1.0, 1.0, 2.0, 2.0, 0.0, 1.0, 1.0, 2.0, 2.0, 0.0, 3.0, 3.0, 4.0, 4.0, 0.0, 3.0, 3.0, 4.0,
                4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            ]
        );
        assert_eq!(whole.row(0)[25] * 4.0, 5.0);
    }
}
