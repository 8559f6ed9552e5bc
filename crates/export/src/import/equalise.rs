//! Scales folded through the squares, so that one integer grid suits all rows of a layer.

use sottovoce_network::Block;

use super::RealNetwork;

/// The same function with rows of norm 1 in convolution and hidden layer. A factor `a` on a channel before a
/// square is `a^2` behind it, and the next layer's weights take that back; so members with like rows may be rounded
/// at the same scales, whatever program trained them. (Training does the same to its own networks.)
pub fn equalise(network: &RealNetwork) -> RealNetwork {
    let architecture = *network.architecture();
    let [convolution, hidden, output] = network.blocks();
    let maps = factors(convolution);
    let convolution = convolution.scaled(|_| 1.0, |map| maps[map]);
    let hidden = hidden.scaled(|column| maps[column / architecture.positions()].powi(-2), |_| 1.0);
    let units = factors(&hidden);
    let hidden = hidden.scaled(|_| 1.0, |unit| units[unit]);
    let output = output.scaled(|unit| units[unit].powi(-2), |_| 1.0);
    RealNetwork::new(architecture, [convolution, hidden, output])
}

/// Rows whose norm is below this fraction of the largest do nothing that is worth a finer grid, and a row of almost
/// nothing must not blow up its bias.
const LEAST_NORM: f64 = 1e-3;

/// What gives every row that matters the norm 1.
fn factors(block: &Block<f64>) -> Vec<f64> {
    let norm = |row: &[f64]| row.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let norms: Vec<f64> = block.row_iter().map(norm).collect();
    let least = LEAST_NORM * norms.iter().copied().fold(0.0, f64::max);
    norms.iter().map(|norm| norm.max(least)).map(|norm| if norm > 0.0 { norm.recip() } else { 1.0 }).collect()
}
