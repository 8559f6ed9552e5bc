//! Square, last layer and the members' sum at the evaluation points, prime by prime.

use rayon::prelude::*;

use super::buffers::Buffer;
use super::channel::ChannelEngine;
use super::rns::Prepared;
use super::square_parts;

/// The logits' values at the evaluation points of one prime: for every class three parts of N values.
pub struct Sums<'a> {
    pub members: Vec<Buffer<'a>>,
    pub ensemble: Buffer<'a>,
}

impl ChannelEngine {
    /// `hidden` holds both polynomials of every unit, member after member.
    pub(super) fn second_block(&self, hidden: &[[Prepared<'_>; 2]]) -> Vec<Sums<'_>> {
        (0..self.plan.moduli.len()).into_par_iter().map(|prime| self.sums(prime, hidden)).collect()
    }

    fn sums(&self, prime: usize, hidden: &[[Prepared<'_>; 2]]) -> Sums<'_> {
        let (degree, units, classes) = (self.degree(), self.shape.hidden, self.shape.classes);
        let (kernel, modulus) = (self.plan.kernel, self.plan.moduli[prime]);
        let mut values = [self.buffers.take(degree), self.buffers.take(degree)];
        let mut products = self.buffers.take(degree);
        let mut total = self.buffers.take(classes * 3 * degree);
        let total = bytemuck::cast_slice_mut(&mut total);
        total.fill(0);
        let mut members = Vec::new();
        for (member, hidden) in self.plan.members.iter().zip(hidden.chunks_exact(units)) {
            let mut sums = self.buffers.take(classes * 3 * degree);
            let sums = bytemuck::cast_slice_mut(&mut sums);
            sums.fill(0);
            for (unit, prepared) in hidden.iter().enumerate() {
                for (values, prepared) in values.iter_mut().zip(prepared) {
                    self.plan.lift.lift(kernel, prepared, prime, values);
                    self.plan.transforms[prime].fwd(values);
                }
                let residues = [0, 1].map(|part| bytemuck::cast_slice(&values[part]));
                for (part, (a, b, factor)) in square_parts(residues).into_iter().enumerate() {
                    kernel.products(a, b, factor, modulus, &mut products);
                    for class in 0..classes {
                        let weight = member.output[class * units + unit];
                        let start = (class * 3 + part) * degree;
                        let sums = &mut sums[start..start + degree];
                        if weight != 0 && !self.plan.output_is_large {
                            kernel.add_scaled(sums, &products, weight);
                        } else if weight != 0 {
                            // Residues all the way: slower, but large weights are rare.
                            let residue = weight.rem_euclid(modulus.value as i64) as u64;
                            kernel.add_multiplied(
                                bytemuck::cast_slice_mut(sums),
                                &products,
                                residue,
                                modulus,
                            );
                        }
                    }
                }
            }
            // All members' row norms together are below 2^13, or these are residues: this stays below 2^61.
            kernel.add_all(total, sums);
            members.push(reduced(self, prime, sums));
        }
        Sums { members, ensemble: reduced(self, prime, total) }
    }
}

fn reduced<'a>(engine: &'a ChannelEngine, prime: usize, sums: &[i64]) -> Buffer<'a> {
    let mut output = engine.buffers.take(sums.len());
    engine.plan.kernel.reduce_all(sums, engine.plan.moduli[prime], &mut output);
    output
}
