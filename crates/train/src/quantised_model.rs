//! The network with rounded weights and biases, as it will be in integers. Gradients pass straight through the rounding.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use sottovoce_network::{Architecture, Block, FloatNetwork, Quantisation, TrainedMember};

use crate::config::TrainingConfig;
use crate::elementary_functions::{exp, exp_tensor, ln};
use crate::float_model::{FloatModel, Weights, forward};
use crate::pruning::PruningMask;

/// Real-valued weights, and the logarithms of the first two blocks' step sizes, which are learned too.
///
/// The step size of the third block is not learned. It is chosen so that the member's logits have the ensemble's common scale.
#[derive(Module, Debug)]
pub struct QuantisedModel {
    weights: FloatModel,
    /// Natural logarithms of the step sizes of the convolution and hidden block, `[2]`.
    log_steps: Param<Tensor<1>>,
}

/// The levels of pixels, weights and logits that a [`QuantisedModel`] rounds to. They do not change in training.
#[derive(Debug, Clone, Copy)]
pub struct QuantisationGrid {
    /// The largest pixel level.
    pub largest_pixel: f32,
    /// Largest absolute integer weights of the convolution, hidden and output block.
    pub largest_weights: [u32; 3],
    /// Natural logarithm of the real logit that one integer unit represents.
    pub log_logit_scale: f64,
}

/// Computes the natural logarithms of the first two blocks' initial step sizes.
///
/// Twice the mean absolute weight, divided by the square root of the largest integer, suits the weights of each block by themselves (the rule
/// of learned step size quantisation, Esser et al. 2020). The logit scale that follows differs from the wanted scale. All three step
/// sizes are multiplied by the same factor to correct it: the logit scale is the product of the fourth power of the first step size,
/// the square of the second and the third, so the factor is the seventh root of the ratio of the scales.
fn initial_log_steps(network: &FloatNetwork, grid: &QuantisationGrid) -> [f64; 2] {
    let log_step = |block: &Block<f32>, largest: u32| {
        let weights = block.weights();
        let mean = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len() as f64;
        ln(2.0 * mean.max(1e-6) / f64::from(largest).sqrt())
    };
    let [first, second, third] = grid.largest_weights;
    let log_steps = [
        log_step(&network.convolution, first),
        log_step(&network.hidden, second),
        log_step(&network.output, third),
    ];
    let [_, _, log_logits] = log_output_scales(log_steps, f64::from(grid.largest_pixel));
    let missing = (grid.log_logit_scale - log_logits) / 7.0;
    [log_steps[0] + missing, log_steps[1] + missing]
}

/// Computes the natural logarithms of the scales of the three blocks' outputs ([`Quantisation::output_scales`]).
fn log_output_scales(log_steps: [f64; 3], largest_pixel: f64) -> [f64; 3] {
    let convolution = log_steps[0] - ln(largest_pixel);
    let hidden = 2.0 * convolution + log_steps[1];
    [convolution, hidden, 2.0 * hidden + log_steps[2]]
}

/// Rounds in the forward pass; the gradient is the gradient of the identity.
fn round_straight_through<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let rounded = x.clone().detach().round();
    rounded - x.clone().detach() + x
}

impl QuantisedModel {
    /// Makes a model with the weights of `network` and initial step sizes.
    pub fn new(network: &FloatNetwork, grid: &QuantisationGrid, device: &Device) -> Self {
        let [first, second] = initial_log_steps(network, grid).map(|step| step as f32);
        let log_steps = Tensor::<1>::from_data(TensorData::new(vec![first, second], [2]), device);
        Self { weights: FloatModel::from_network(network, device), log_steps: Param::from_tensor(log_steps) }
    }

    /// Computes logits, `[batch, classes]` in real units, of patches whose ink is already quantised. `progress` is the share of the
    /// phase's steps that are done.
    pub fn logits(
        &self,
        grid: &QuantisationGrid,
        mask: &PruningMask,
        patches: Tensor<3>,
        progress: f64,
    ) -> Tensor<2> {
        let log_step = |i: usize| self.log_steps.val().narrow(0, i, 1);
        let log_convolution = log_step(0) - ln(grid.largest_pixel.into());
        let log_hidden = log_convolution.clone() * 2.0 + log_step(1);
        let log_logits = log_hidden.clone() * 0.0 + grid.log_logit_scale;
        let steps = [log_step(0), log_step(1), log_logits.clone() - log_hidden.clone() * 2.0].map(exp_tensor);
        let [first, second, third] = steps;
        let [largest_first, largest_second, largest_third] = grid.largest_weights.map(|q| q as f32);
        let weights = self.weights.weights();
        let rounded = Weights {
            convolution: round_to_grid(weights.convolution, first.unsqueeze(), Some(largest_first)),
            convolution_bias: round_to_grid(weights.convolution_bias, exp_tensor(log_convolution), None),
            hidden: round_to_grid(
                mask.apply(weights.hidden, progress),
                second.unsqueeze(),
                Some(largest_second),
            ),
            hidden_bias: round_to_grid(weights.hidden_bias, exp_tensor(log_hidden), None),
            output: round_to_grid(weights.output, third.unsqueeze(), Some(largest_third)),
            output_bias: round_to_grid(weights.output_bias, exp_tensor(log_logits), None),
        };
        forward(rounded, patches)
    }

    /// Makes the trained member; `float` is the network before this phase. `None` if the backend cannot read the parameters.
    pub fn to_member(
        &self,
        float: FloatNetwork,
        architecture: &Architecture,
        config: &TrainingConfig,
        grid: &QuantisationGrid,
        mask: &PruningMask,
    ) -> Option<TrainedMember> {
        let log_steps = self.log_steps.val().into_data().try_to_vec::<f32>().ok()?;
        let [first, second] = log_steps.try_into().ok()?;
        let (first, second) = (f64::from(first), f64::from(second));
        let [_, log_hidden, _] = log_output_scales([first, second, 0.0], f64::from(grid.largest_pixel));
        let third = grid.log_logit_scale - 2.0 * log_hidden;
        Some(TrainedMember {
            float,
            aware: self
                .weights
                .clone()
                .with_hidden(|hidden| mask.apply(hidden, 1.0))
                .to_network(architecture)?,
            quantisation: Quantisation {
                pixel_levels: config.pixel_levels,
                steps: [first, second, third].map(exp),
                largest_weights: config.largest_weights,
            },
        })
    }
}

/// Computes `round(clamp(x / step)) * step`, which is at most `largest` steps from zero if `largest` is given.
fn round_to_grid<const D: usize>(x: Tensor<D>, step: Tensor<D>, largest: Option<f32>) -> Tensor<D> {
    let steps = x / step.clone();
    let steps = match largest {
        Some(largest) => steps.clamp(-largest, largest),
        None => steps,
    };
    round_straight_through(steps) * step
}
