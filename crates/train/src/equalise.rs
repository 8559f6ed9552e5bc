//! Equalisation: scales are folded through the squares so that all rows of a layer have similar norms.

use sottovoce_network::FloatNetwork;

/// Norm of every convolution kernel after equalisation, divided by the square root of the number of taps.
const KERNEL_NORM_PER_ROOT_TAP: f32 = 0.25;

/// Makes a network of the same function whose rows have equal norms in the convolution and in the hidden layer, so that one step
/// size suits a whole layer. A factor `a` on a channel before a square is `a^2` after it, and the next layer's weights are divided
/// by `a^2`.
#[expect(
    clippy::indexing_slicing,
    reason = "there is one factor for each row, and a row for each column of the next block"
)]
pub fn equalise(network: &FloatNetwork) -> FloatNetwork {
    let shape = &network.architecture;
    let kernel_norm = KERNEL_NORM_PER_ROOT_TAP * (shape.taps() as f32).sqrt();
    let map_factors: Vec<f32> =
        network.convolution.row_iter().map(|row| factor(kernel_norm, norm(row))).collect();
    let convolution = network.convolution.scaled(|_| 1.0, |map| map_factors[map]);
    let hidden =
        network.hidden.scaled(|column| inverse_square(map_factors[column / shape.positions()]), |_| 1.0);

    let norms: Vec<f32> = hidden.row_iter().map(norm).collect();
    let mean = norms.iter().sum::<f32>() / norms.len() as f32;
    let unit_factors: Vec<f32> = norms.iter().map(|&norm| factor(mean, norm)).collect();
    let hidden = hidden.scaled(|_| 1.0, |unit| unit_factors[unit]);
    let output = network.output.scaled(|unit| inverse_square(unit_factors[unit]), |_| 1.0);
    FloatNetwork { architecture: *shape, convolution, hidden, output }
}

/// Computes the factor that scales a row of norm `norm` to the norm `target`. A row of zeros has the factor 1.
fn factor(target: f32, norm: f32) -> f32 {
    if norm > 0.0 && target > 0.0 { target / norm } else { 1.0 }
}

/// Computes the factor of the next layer's weights that cancels `factor` before a square.
fn inverse_square(factor: f32) -> f32 {
    1.0 / (factor * factor)
}

fn norm(row: &[f32]) -> f32 {
    row.iter().map(|w| w * w).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use sottovoce_network::Architecture;

    use super::*;
    use crate::float_model::FloatModel;

    #[test]
    fn the_equalised_network_gives_the_same_logits_with_equal_norms() {
        let shape = Architecture::default();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let device = burn::tensor::Device::default();
        let network = FloatModel::random(&shape, &device, &mut rng).to_network(&shape).unwrap();
        let equal = equalise(&network);
        let image: Vec<u8> = (0..784).map(|i| (i * 37 % 256) as u8).collect();
        for (before, after) in network.logits(&image).iter().zip(equal.logits(&image)) {
            assert!((before - after).abs() < 1e-3 * before.abs().max(1.0), "{before} became {after}");
        }
        for row in equal.convolution.row_iter() {
            assert!((norm(row) - 1.25).abs() < 1e-4);
        }
        let norms: Vec<f32> = equal.hidden.row_iter().map(norm).collect();
        assert!(norms.iter().all(|n| (n / norms[0] - 1.0).abs() < 1e-4));
    }
}
