//! Measured noise of packed evaluation beside predicted noise, stage by stage.

use fhe::bfv::Ciphertext;
use sottovoce_network::IntegerEnsemble;

use super::key::ClientKey;
use super::noise_measurement::{MeasureError, Meter, NoiseMeasurement, RUN_COEFFICIENTS};
use crate::ciphertexts::{PackedIntermediateCiphertexts, expanded_ciphertexts};
use crate::engine::Engine;
use crate::error::{BfvError, EncryptionError};
use crate::noise::packed_noise::{PackedNoise, PackedNoiseStage, PackedSizes};
use crate::noise::tail::TailBound;
use crate::packed::PackedLayout;
use crate::parameters::error::ParametersError;
use crate::parameters::parameter_set::Parameters;
use crate::planner::request::FAILURE_LOG2;

/// Encrypts `images` (image after image, a byte a pixel) under fresh keys, each in a packed batch, evaluates the ensemble, and measures the noise of
/// every stage in the channel of the largest plaintext modulus.
///
/// # Errors
/// If the parameters are batched or for other networks, or an operation fails.
pub fn measure_packed_stages(
    ensemble: &IntegerEnsemble,
    parameters: &Parameters,
    images: &[u8],
) -> Result<Vec<NoiseMeasurement<PackedNoiseStage>>, MeasureError> {
    let narrowest = parameters.narrowest_channel();
    let channel = parameters.channels().get(narrowest).ok_or(BfvError::Encryption(EncryptionError::Key))?;
    let chain = parameters.packed().ok_or(BfvError::Packing { parameters: "batched", needed: "packed" })?;
    let shape = ensemble.architecture();
    let layout = PackedLayout::new(shape, parameters.degree()).map_err(ParametersError::from)?;
    let predicted = PackedNoise::new(layout, ensemble).stages(&PackedSizes {
        degree: parameters.degree(),
        t: channel.plaintext_modulus(),
        upload: channel.prime_sizes().upload,
        special: chain.special_bits,
        kept: chain.kept,
    });
    let client = ClientKey::generate(parameters);
    let engine = Engine::new(&client.evaluation_key()?, ensemble)?;
    let (mut fresh, mut all) = (Vec::new(), PackedIntermediateCiphertexts::default());
    for image in images.chunks_exact(shape.pixels()) {
        let batch = client.encrypt_packed(image, layout.input(), &())?;
        for ciphertexts in batch.channels.iter().skip(narrowest).take(1) {
            let expanded = expanded_ciphertexts(&batch.layout, channel, ciphertexts);
            fresh.extend(expanded.map_err(BfvError::from)?);
        }
        let one = engine.packed_intermediate_ciphertexts(&batch, narrowest)?;
        all.convolution.extend(one.convolution);
        all.square.extend(one.square);
        all.hidden.extend(one.hidden);
        all.logits.extend(one.logits);
        all.answer.extend(one.answer);
    }
    let secret = client.secret(narrowest).ok_or(BfvError::Encryption(EncryptionError::Key))?;
    let meter = Meter::new(channel, secret)?;
    let tail = TailBound::new(FAILURE_LOG2, parameters.degree(), RUN_COEFFICIENTS);
    let stages = [
        (PackedNoiseStage::Fresh, &fresh),
        (PackedNoiseStage::Convolution, &all.convolution),
        (PackedNoiseStage::Square, &all.square),
        (PackedNoiseStage::Hidden, &all.hidden),
        (PackedNoiseStage::Logits, &all.logits),
        (PackedNoiseStage::Answer, &all.answer),
    ];
    let measured = |(stage, ciphertexts): (PackedNoiseStage, &Vec<Ciphertext>)| -> Result<_, MeasureError> {
        let (expected, concentration_bits) = predicted.at(stage);
        let (largest, deviation) = meter.measure(ciphertexts)?;
        let bound = tail.bound(&expected) + concentration_bits;
        Ok(NoiseMeasurement { stage, predicted: expected.bits(), bound, largest, deviation })
    };
    stages.into_iter().map(measured).collect()
}
