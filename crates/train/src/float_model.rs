//! The network as `burn` parameters in floating point, and its forward pass.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use sottovoce_network::{Architecture, Block, BlockShape, FloatNetwork};

use crate::matrix_product::matrix_product;

/// Trainable weights and biases of the three blocks.
#[derive(Module, Debug)]
pub struct FloatModel {
    /// `[maps, taps]`
    pub convolution: Param<Tensor<2>>,
    /// `[maps]`
    pub convolution_bias: Param<Tensor<1>>,
    /// `[hidden, activations]`
    pub hidden: Param<Tensor<2>>,
    /// `[hidden]`
    pub hidden_bias: Param<Tensor<1>>,
    /// `[classes, hidden]`
    pub output: Param<Tensor<2>>,
    /// `[classes]`
    pub output_bias: Param<Tensor<1>>,
}

/// Values of the six parameters in one forward pass; the quantisation-aware phase rounds them.
pub struct Weights {
    pub convolution: Tensor<2>,
    pub convolution_bias: Tensor<1>,
    pub hidden: Tensor<2>,
    pub hidden_bias: Tensor<1>,
    pub output: Tensor<2>,
    pub output_bias: Tensor<1>,
}

/// Computes logits: convolution -> square -> dense -> square -> dense.
///
/// # Shapes
/// - patches: `[batch, taps, positions]`
/// - logits: `[batch, classes]`
pub fn forward(weights: Weights, patches: Tensor<3>) -> Tensor<2> {
    let convolution_bias = weights.convolution_bias.unsqueeze_dim::<2>(1).unsqueeze::<3>();
    let maps = matrix_product(weights.convolution.unsqueeze(), patches) + convolution_bias;
    let maps = maps.square().flatten(1, 2);
    let hidden = matrix_product(maps, weights.hidden.transpose()) + weights.hidden_bias.unsqueeze();
    matrix_product(hidden.square(), weights.output.transpose()) + weights.output_bias.unsqueeze()
}

impl FloatModel {
    /// Makes a model with biases of zero and random weights of a size at which squares neither vanish nor explode.
    ///
    /// The weights are drawn from `rng`. The generator of `burn` is shared by the whole process, so members that train in parallel
    /// would depend on each other's draws.
    pub fn random(architecture: &Architecture, device: &Device, rng: &mut impl Rng) -> Self {
        // The first square gets inputs of unit variance. Squares are never negative and add up, so later layers get less.
        let mut random = |BlockShape { rows, columns, .. }: BlockShape, gain: f32| {
            // A uniform distribution on +-sqrt(3) has unit variance.
            let bound = (3.0 * gain / columns as f32).sqrt();
            Block::from_fn(rows, columns, |_, _| rng.random_range(-bound..bound), |_| 0.0)
        };
        let [convolution, hidden, output] = architecture.block_shapes();
        let network = FloatNetwork {
            architecture: *architecture,
            convolution: random(convolution, 1.0),
            hidden: random(hidden, 0.3),
            output: random(output, 0.3),
        };
        Self::from_network(&network, device)
    }

    /// Makes a model with the parameters of `network`.
    pub fn from_network(network: &FloatNetwork, device: &Device) -> Self {
        let FloatNetwork { convolution, hidden, output, .. } = network;
        let matrix = |block: &Block<f32>| {
            let data = TensorData::new(block.weights().to_vec(), [block.rows(), block.columns()]);
            Param::from_tensor(Tensor::<2>::from_data(data, device))
        };
        let biases = |block: &Block<f32>| {
            Param::from_tensor(Tensor::<1>::from_data(
                TensorData::new(block.biases().to_vec(), [block.rows()]),
                device,
            ))
        };
        Self {
            convolution: matrix(convolution),
            convolution_bias: biases(convolution),
            hidden: matrix(hidden),
            hidden_bias: biases(hidden),
            output: matrix(output),
            output_bias: biases(output),
        }
    }

    /// Replaces the weights of the hidden layer by `change` of them.
    pub fn with_hidden(mut self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        self.hidden = Param::from_tensor(change(self.hidden.val()).detach());
        self
    }

    /// Copies the parameters into a network of plain numbers; `None` if the backend cannot read them as `f32`.
    pub fn to_network(&self, architecture: &Architecture) -> Option<FloatNetwork> {
        let numbers = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f32>().ok();
        let block = |columns, weights, bias| Block::new(columns, numbers(weights)?, numbers(bias)?);
        let weights = self.weights();
        Some(FloatNetwork {
            architecture: *architecture,
            convolution: block(
                architecture.taps(),
                weights.convolution.flatten(0, 1),
                weights.convolution_bias,
            )?,
            hidden: block(architecture.activations(), weights.hidden.flatten(0, 1), weights.hidden_bias)?,
            output: block(architecture.hidden, weights.output.flatten(0, 1), weights.output_bias)?,
        })
    }

    /// Returns the parameters without rounding.
    pub fn weights(&self) -> Weights {
        Weights {
            convolution: self.convolution.val(),
            convolution_bias: self.convolution_bias.val(),
            hidden: self.hidden.val(),
            hidden_bias: self.hidden_bias.val(),
            output: self.output.val(),
            output_bias: self.output_bias.val(),
        }
    }
}
