//! Chooses parameters for ensembles, and predicts what they cost.
//!
//! A [`ParameterRequest`] names the ensembles and the parameters that are fixed beforehand. [`choose_parameters`] chooses the
//! rest: ring degree, plaintext moduli, ciphertext primes at every level, kind of encryption. Of all parameters that are
//! 128-bit secure and leave room for the noise, those with the least predicted time are chosen.
//!
//! | module | holds |
//! | --- | --- |
//! | `request` | requests and choices |
//! | `search` | the candidates for parameters, and the reasons against each |
//! | `prime_sizing` | how many primes of which sizes there are at every level |
//! | `noise_room` | room for noise over primes that are not yet known |
//! | `cost` | time, memory and traffic |
//! | `evaluation_choice` | the choice between batched and packed evaluation |
//! | `packed_search`, `packed_sizing`, `packed_cost` | the same for packed evaluation: [`choose_packed_parameters`] |

mod cost;
mod evaluation_choice;
mod noise_room;
mod packed_cost;
mod packed_search;
mod packed_sizing;
#[cfg(test)]
mod packed_tests;
mod prime_sizing;
pub(crate) mod request;
mod search;
#[cfg(test)]
mod tests;

pub use cost::Cost;
pub use evaluation_choice::{EvaluationForm, FormCosts, Preference, RequestCost, TransferRate};
pub use packed_search::{check_packed_parameters, choose_packed_parameters};
pub use request::{ChosenParameters, FAILURE_LOG2, FixedParameters, ParameterRequest};
pub use search::choose_parameters;
