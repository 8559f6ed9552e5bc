//! BatchNorm of a description, folded into the layers around it.

use sottovoce_network::Block;

use crate::import::description::members::BatchNormSource;
use crate::import::error::ImportError;
use crate::import::weight_files::WeightFiles;

/// A BatchNorm as a function `factor * x + offset` of each channel.
pub struct BatchNorm {
    factors: Vec<f64>,
    offsets: Vec<f64>,
}

impl BatchNorm {
    /// Reads the statistics of `channels` channels.
    ///
    /// # Errors
    /// If a tensor is missing or has another size, or a variance plus epsilon is not positive.
    pub fn read(
        files: &mut WeightFiles,
        file: Option<&str>,
        source: &BatchNormSource,
        epsilon: f64,
        channels: usize,
    ) -> Result<Self, ImportError> {
        let epsilon = source.epsilon.unwrap_or(epsilon);
        let mut read = |name: &str| {
            let tensor = files.tensor(file, name)?;
            if tensor.values.len() == channels {
                return Ok(tensor);
            }
            Err(ImportError::Shape {
                tensor: tensor.origin,
                found: tensor.shape,
                part: "a BatchNorm".to_owned(),
                needed: format!("[{channels}]"),
                hint: String::new(),
            })
        };
        let (mean, variance) = (read(&source.mean)?, read(&source.variance)?);
        let ones = vec![1.0; channels];
        let gamma = source.gamma.as_deref().map(&mut read).transpose()?.map_or(ones, |tensor| tensor.values);
        let beta = source.beta.as_deref().map(&mut read).transpose()?;
        let beta = beta.map_or_else(|| vec![0.0; channels], |tensor| tensor.values);
        if let Some(wrong) = variance.values.iter().find(|&&value| value + epsilon <= 0.0) {
            return Err(ImportError::Malformed {
                file: variance.origin,
                reason: format!("it holds the variance {wrong}, and variances are positive"),
            });
        }
        let factors: Vec<f64> = gamma
            .iter()
            .zip(&variance.values)
            .map(|(gamma, value)| gamma / (value + epsilon).sqrt())
            .collect();
        let offsets =
            beta.iter().zip(&mean.values).zip(&factors).map(|((beta, mean), factor)| beta - mean * factor);
        Ok(Self { offsets: offsets.collect(), factors })
    }

    /// Returns the factor of a channel; there is one for each channel.
    fn factor(&self, channel: usize) -> f64 {
        self.factors.get(channel).copied().unwrap_or(1.0)
    }

    /// Returns the offset of a channel; there is one for each channel.
    fn offset(&self, channel: usize) -> f64 {
        self.offsets.get(channel).copied().unwrap_or(0.0)
    }

    /// Returns `layer` with this BatchNorm after it and before its square: each row is one channel.
    pub fn before_square(&self, layer: &Block<f64>) -> Block<f64> {
        layer.map(
            |row, _, weight| weight * self.factor(row),
            |row, bias| bias * self.factor(row) + self.offset(row),
        )
    }

    /// Returns `next` with this BatchNorm between it and the square before it: every `columns` neighbouring inputs
    /// are one channel.
    pub fn behind_square(&self, next: &Block<f64>, columns: usize) -> Block<f64> {
        let added = |row: usize| -> f64 {
            next.row(row)
                .iter()
                .enumerate()
                .map(|(column, weight)| weight * self.offset(column / columns))
                .sum()
        };
        next.map(|_, column, weight| weight * self.factor(column / columns), |row, bias| bias + added(row))
    }
}
