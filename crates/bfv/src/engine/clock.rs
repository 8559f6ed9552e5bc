//! Wall-clock time, attributed to the paper's layers.
//!
//! Stages that belong to one layer are timed as a whole. In the tiles, the convolution, square and dense layer of all members
//! alternate on every thread: each thread adds up its own time by member and layer, and the stage's wall-clock time is divided
//! in proportion. So the times of all layers add up to the wall-clock time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::evaluation::{Layer, LayerTime};

/// Parts of a block: its first map, its square and its second map, in the order of [`TileClock::lap`].
const TILE_PARTS: usize = 3;

/// Times the stages of one evaluation.
pub struct StageClock {
    members: usize,
    last: Instant,
    times: Vec<LayerTime>,
}

impl StageClock {
    pub fn new(members: usize) -> Self {
        Self { members, last: Instant::now(), times: Vec::new() }
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let elapsed = now - self.last;
        self.last = now;
        elapsed
    }

    fn add(&mut self, member: Option<usize>, layer: Layer, elapsed: Duration) {
        LayerTime::add(&mut self.times, LayerTime { member, layer, elapsed });
    }

    /// Attributes the time since the last call to a layer that the members share.
    pub fn shared(&mut self, layer: Layer) {
        let elapsed = self.lap();
        self.add(None, layer, elapsed);
    }

    /// Attributes the time since the last call to a layer of all members, in equal parts.
    pub fn members(&mut self, layer: Layer) {
        let elapsed = self.lap() / self.members as u32;
        for member in 0..self.members {
            self.add(Some(member), layer, elapsed);
        }
    }

    /// Attributes the time since the last call to these layers, in proportion to the times in tiles.
    pub fn tiles(&mut self, tiles: &TileClock, layers: [Layer; TILE_PARTS]) {
        let elapsed = self.lap();
        let nanoseconds: Vec<f64> =
            tiles.nanoseconds.iter().map(|n| n.load(Ordering::Relaxed) as f64).collect();
        let all = nanoseconds.iter().sum::<f64>().max(1.0);
        for (member, nanoseconds) in nanoseconds.chunks_exact(TILE_PARTS).enumerate() {
            for (layer, nanoseconds) in layers.into_iter().zip(nanoseconds) {
                self.add(Some(member), layer, elapsed.mul_f64(nanoseconds / all));
            }
        }
    }

    /// The times of all layers.
    pub fn times(self) -> Vec<LayerTime> {
        self.times
    }
}

/// Time spent in tiles over all threads, by member and part.
pub struct TileClock {
    nanoseconds: Vec<AtomicU64>,
}

impl TileClock {
    pub fn new(members: usize) -> Self {
        Self { nanoseconds: (0..members * TILE_PARTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Adds the time since `last` to a part of a member's block, and returns the time now.
    #[expect(
        clippy::indexing_slicing,
        reason = "the clock is made for all members, and a block has three parts"
    )]
    pub fn lap(&self, last: Instant, member: usize, part: usize) -> Instant {
        let now = Instant::now();
        let nanoseconds = (now - last).as_nanos() as u64;
        self.nanoseconds[member * TILE_PARTS + part].fetch_add(nanoseconds, Ordering::Relaxed);
        now
    }
}
