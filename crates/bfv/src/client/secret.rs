//! The secret key's values at the evaluation points.

use fhe::bfv::SecretKey;
use fhe::proto::bfv::SecretKey as SecretKeyProto;
use zeroize::Zeroizing;

use crate::error::EncryptionError;
use crate::kernel::Kernel;
use crate::shoup::dispatch;
use crate::shoup::factor::Factors;
use crate::transform::Transform;

/// The secret's values modulo each transform's prime.
///
/// # Errors
/// If the key is of another degree.
pub fn transformed_secret(
    key: &SecretKey,
    kernel: Kernel,
    transforms: &[Transform],
) -> Result<Vec<Factors>, EncryptionError> {
    // `fhe` shows the coefficients only in the protobuf form, which is a plain copy of them.
    let coefficients = Zeroizing::new(SecretKeyProto::from(key).coeffs);
    let transformed = |transform: &Transform| {
        if coefficients.len() != transform.degree() {
            return Err(EncryptionError::Key);
        }
        let mut values = Zeroizing::new(vec![0; coefficients.len()]);
        dispatch::residues(kernel, &coefficients, transform.prime(), &mut values);
        transform.forward(&mut values);
        Ok(Factors::new(values, transform.prime()))
    };
    transforms.iter().map(transformed).collect()
}
