use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, Padding};

use super::packed_noise_measurement::measure_packed_stages;
use crate::planner::{FixedParameters, ParameterRequest, choose_packed_parameters};

const NONE: Padding = Padding { leading: 0, trailing: 0 };

const SMALL: Architecture =
    Architecture { image_side: 6, kernel: 2, stride: 2, padding: NONE, maps: 2, hidden: 4, classes: 3 };

/// Measures the noise of images under the parameters that the planner chooses at N = 8192. The deviation may be so many bits below the
/// prediction.
fn assert_within(ensemble: &IntegerEnsemble, images: &[u8], below: f64) {
    let fixed = FixedParameters { degree: Some(8192), ..FixedParameters::default() };
    let ensembles = [ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, 1 << 15) };
    let parameters = choose_packed_parameters(&request).unwrap().parameters;
    let shape = ensemble.architecture();
    for noise in measure_packed_stages(ensemble, &parameters, images).unwrap() {
        assert!(noise.largest <= noise.bound, "{shape:?}: {noise:?}");
        let above = noise.deviation - noise.predicted;
        assert!((-below..0.6).contains(&above), "{shape:?}: {noise:?}");
    }
}

fn sampler(shape: Architecture) -> NetworkSampler {
    NetworkSampler::new(shape, 1).with_largest_weights([3, 3, 7]).with_random_biases(9)
}

#[test]
fn measured_noise_of_packed_evaluation_agrees_with_the_prediction() {
    // With 16 maps the folds of the hidden layer go around a row.
    for shape in [Architecture::PAPER, Architecture { maps: 16, hidden: 9, ..Architecture::PAPER }] {
        let mut sampler = sampler(shape);
        assert_within(&sampler.ensemble(2).unwrap(), &sampler.images(2), 0.7);
    }
}

#[test]
fn noise_of_weights_that_repeat_often_stays_below_the_prediction() {
    let one = Architecture { image_side: 1, kernel: 1, stride: 1, maps: 1, hidden: 1, classes: 2, ..SMALL };
    // More maps than offsets in a window.
    let wide = Architecture { maps: 7, hidden: 33, classes: 11, ..SMALL };
    // Few coefficients have random norms: one coefficient may even be 0.
    for (shape, below) in [(SMALL, 4.0), (wide, 4.0), (one, f64::INFINITY)] {
        let mut sampler = sampler(shape);
        assert_within(&sampler.ensemble(1).unwrap(), &sampler.images(2), below);
    }
}

#[test]
fn equal_members_leave_no_more_noise_than_predicted() {
    let member = sampler(Architecture::PAPER).ensemble(1).unwrap().members()[0].clone();
    let equal = IntegerEnsemble::new(vec![member; 3]).unwrap();
    assert_within(&equal, &sampler(Architecture::PAPER).images(1), 0.7);
}
