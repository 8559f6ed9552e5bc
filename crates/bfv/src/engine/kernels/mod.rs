//! The inner loops of the engine, for the instruction set of the processor at hand.
//!
//! Every loop is written once, in portable Rust (`loops`, `lists`, `digits`), and compiled several times (`dispatch`): as it is,
//! and with the vector instructions that a processor may have. Loops with modular products are written a second time for
//! AVX-512's 52-bit products (`ifma`), and dense layers of large weights for its 16-bit products (`words`). All variants give
//! the same residues. `modular` defines the ranges of values and derives them.
//!
//! | module | holds |
//! | --- | --- |
//! | `tiles` | the layout of values in memory |
//! | `modular` | reductions and products modulo a prime, and the ranges of values |
//! | `sparse_row`, `lists`, `digits`, `words` | weights in the forms that kernels multiply with |
//! | `loops`, `ifma` | the loops |
//! | `dispatch` | the loops compiled for each instruction set |
//! | `input_map`, `square_map` | linear maps before and after a square |

pub mod digits;
pub mod dispatch;
#[cfg(target_arch = "x86_64")]
mod ifma;
pub mod input_map;
mod lists;
mod loops;
pub mod modular;
pub mod sparse_row;
pub mod square_map;
#[cfg(test)]
mod tests;
pub mod tiles;
#[cfg(target_arch = "x86_64")]
mod words;
