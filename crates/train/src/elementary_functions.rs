//! Elementary functions that give the same bits on every machine.
//!
//! `f32::exp`, `f64::ln` and similar functions call the C library. Its versions differ in the last bits (glibc 2.41 replaced several
//! functions), and one version may choose between variants by processor. Training therefore calls the functions of this file, which are
//! implemented in Rust in double precision. Sums, products, quotients, square roots and roundings are specified exactly by
//! IEEE 754. This crate's `clippy.toml` forbids the functions of the C library.

use burn::tensor::{Tensor, TensorData};

/// Computes the exponential function.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Computes the natural logarithm.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Computes the cosine of an angle in radians.
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Computes sine and cosine of an angle in radians.
pub fn sin_cos(x: f64) -> (f64, f64) {
    libm::sincos(x)
}

/// Computes the exponential function of each value of `x`, `[n]`, with its gradient.
pub fn exp_tensor(x: Tensor<1>) -> Tensor<1> {
    let fixed = x.clone().detach();
    let values: Vec<f32> = fixed.to_data().iter::<f32>().map(|x| exp(x.into()) as f32).collect();
    let length = values.len();
    let values = Tensor::from_data(TensorData::new(values, [length]), &x.device());
    // The factor has the value 1 and the gradient of x.
    values * (x - fixed + 1.0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_functions_give_recorded_bits() {
        let bits = [
            exp(-3.7),
            exp(0.1),
            exp(11.3),
            ln(0.037),
            ln(3.0),
            ln(60.0 * 3.0 / 536_870_912.0),
            cos(0.4),
            cos(3.1),
            sin_cos(0.1).0,
            sin_cos(0.1).1,
        ]
        .map(f64::to_bits);
        let recorded = [
            0x3f99_511f_c687_1044,
            0x3ff1_aec7_b35a_00d4,
            0x40f3_bb5a_335d_78cd,
            0xc00a_5fec_44e5_3783,
            0x3ff1_93ea_7aad_030a,
            0xc02d_d10e_309d_4f5b,
            0x3fed_7954_e7db_a2f8,
            0xbfef_f8ea_4756_a624,
            0x3fb9_8eae_cb8b_cb2c,
            0x3fef_d712_f9a8_17c1,
        ];
        assert_eq!(bits, recorded);
    }

    #[test]
    fn the_exponential_of_a_tensor_has_itself_as_gradient() {
        let device = Device::flex().autodiff();
        let x =
            Tensor::<1>::from_data(TensorData::new(vec![-1.5f32, 0.0, 2.25], [3]), &device).require_grad();
        let y = exp_tensor(x.clone());
        let gradient = x.grad(&y.clone().sum().backward()).unwrap();
        let expected: Vec<f32> = [-1.5, 0.0, 2.25].map(|x| exp(x) as f32).into();
        assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), expected);
        assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), expected);
    }
}
