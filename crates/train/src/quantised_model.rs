//! The network as it will be in integers, with gradients that pass straight through the rounding.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use sottovoce_network::{Architecture, FloatNetwork, Quantisation, TrainedMember};

use crate::TrainingConfig;
use crate::elementary::{exp, exp_tensor, ln};
use crate::float_model::{FloatModel, Weights, forward};
use crate::pruning::HiddenMask;

/// Real-valued weights, and the step sizes of the first two blocks as learned logarithms.
///
/// The third step is not free: it is what puts the member's logits on the ensemble's common scale.
#[derive(Module, Debug)]
pub struct QuantisedModel {
    weights: FloatModel,
    /// Natural logarithms of the steps of convolution and hidden block, `[2]`.
    log_steps: Param<Tensor<1>>,
}

/// What stays fixed while a [`QuantisedModel`] trains.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    pub largest_pixel: f32,
    pub largest_weights: [u32; 3],
    /// Natural logarithm of the real logit that one integer unit stands for.
    pub log_logit_scale: f64,
}

/// Natural logarithms of the first two blocks' step sizes to start from.
///
/// Twice the mean weight over the root of the largest integer suits weights that are rounded for
/// themselves (the rule of learned step size quantisation, Esser et al. 2020). It leaves logits on a
/// scale of its own; what is missing to the wanted one is made up by the same factor on all three steps:
/// the logit scale has the fourth power of the first step, the square of the second and the third.
fn initial_log_steps(network: &FloatNetwork, grid: &Grid) -> [f64; 2] {
    let blocks = [&network.convolution, &network.hidden, &network.output];
    let log_steps = std::array::from_fn(|i| {
        let weights = blocks[i].weights();
        let mean = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len() as f64;
        ln(2.0 * mean.max(1e-6) / f64::from(grid.largest_weights[i]).sqrt())
    });
    let [_, _, log_logits] = log_output_scales(log_steps, f64::from(grid.largest_pixel));
    let missing = (grid.log_logit_scale - log_logits) / 7.0;
    [log_steps[0] + missing, log_steps[1] + missing]
}

/// Natural logarithms of the scales of the three blocks' outputs ([`Quantisation::output_scales`]).
fn log_output_scales(log_steps: [f64; 3], largest_pixel: f64) -> [f64; 3] {
    let convolution = log_steps[0] - ln(largest_pixel);
    let hidden = 2.0 * convolution + log_steps[1];
    [convolution, hidden, 2.0 * hidden + log_steps[2]]
}

/// Rounds in the forward pass; the gradient is that of the identity.
fn round_straight_through<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let rounded = x.clone().detach().round();
    rounded - x.clone().detach() + x
}

impl QuantisedModel {
    pub fn new(network: &FloatNetwork, grid: &Grid, device: &Device) -> Self {
        let [first, second] = initial_log_steps(network, grid).map(|step| step as f32);
        let log_steps = Tensor::<1>::from_data(TensorData::new(vec![first, second], [2]), device);
        Self { weights: FloatModel::from_network(network, device), log_steps: Param::from_tensor(log_steps) }
    }

    /// Logits, `[batch, classes]`, in real units, of patches whose ink is already quantised, after a share
    /// `progress` of the steps.
    pub fn logits(&self, grid: &Grid, mask: &HiddenMask, patches: Tensor<3>, progress: f64) -> Tensor<2> {
        let log_step = |i: usize| self.log_steps.val().narrow(0, i, 1);
        let log_convolution = log_step(0) - ln(grid.largest_pixel.into());
        let log_hidden = log_convolution.clone() * 2.0 + log_step(1);
        let log_logits = log_hidden.clone() * 0.0 + grid.log_logit_scale;
        let steps = [log_step(0), log_step(1), log_logits.clone() - log_hidden.clone() * 2.0].map(exp_tensor);
        let [first, second, third] = steps;
        let [largest_first, largest_second, largest_third] = grid.largest_weights.map(|q| q as f32);
        let weights = self.weights.weights();
        let rounded = Weights {
            convolution: on_grid(weights.convolution, first.unsqueeze(), Some(largest_first)),
            convolution_bias: on_grid(weights.convolution_bias, exp_tensor(log_convolution), None),
            hidden: on_grid(mask.applied(weights.hidden, progress), second.unsqueeze(), Some(largest_second)),
            hidden_bias: on_grid(weights.hidden_bias, exp_tensor(log_hidden), None),
            output: on_grid(weights.output, third.unsqueeze(), Some(largest_third)),
            output_bias: on_grid(weights.output_bias, exp_tensor(log_logits), None),
        };
        forward(rounded, patches)
    }

    /// The trained member, with `float` as it was before this phase.
    pub fn to_member(
        &self,
        float: FloatNetwork,
        architecture: &Architecture,
        config: &TrainingConfig,
        grid: &Grid,
        mask: &HiddenMask,
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
                .with_hidden(|hidden| mask.applied(hidden, 1.0))
                .to_network(architecture)?,
            quantisation: Quantisation {
                pixel_levels: config.pixel_levels,
                steps: [first, second, third].map(exp),
                largest_weights: config.largest_weights,
            },
        })
    }
}

/// `round(clamp(x / step)) * step`, at most `largest` steps from zero where given.
fn on_grid<const D: usize>(x: Tensor<D>, step: Tensor<D>, largest: Option<f32>) -> Tensor<D> {
    let steps = x / step.clone();
    let steps = match largest {
        Some(largest) => steps.clamp(-largest, largest),
        None => steps,
    };
    round_straight_through(steps) * step
}
