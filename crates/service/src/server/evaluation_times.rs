//! How long evaluations take, by the kind of evaluation: a packed batch takes a hundredth of a batched one.

use std::time::Duration;

use sottovoce_protocol::provider::Provider;

/// Expected duration of a batched evaluation, and of one of unknown kind, before the first one has finished.
const FIRST_BATCHED_SECONDS: f64 = 2.0;

/// Expected duration of a packed evaluation before the first one has finished.
const FIRST_PACKED_SECONDS: f64 = 0.1;

/// Share of the latest duration in a moving average, as a divisor.
const LATEST_DIVISOR: f64 = 4.0;

/// The evaluation that keys and batches are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationKind {
    Batched,
    Packed,
}

impl EvaluationKind {
    /// Returns the kind of a provider's evaluations.
    pub fn of(provider: &Provider) -> Self {
        if provider.parameters().packed().is_some() { Self::Packed } else { Self::Batched }
    }
}

/// Moving averages of the duration of evaluations in seconds.
#[derive(Debug, Default)]
pub struct EvaluationTimes {
    any: Option<f64>,
    batched: Option<f64>,
    packed: Option<f64>,
}

impl EvaluationTimes {
    /// Notes a finished evaluation.
    pub fn note(&mut self, kind: EvaluationKind, elapsed: Duration) {
        let latest = elapsed.as_secs_f64();
        let of_kind = match kind {
            EvaluationKind::Batched => &mut self.batched,
            EvaluationKind::Packed => &mut self.packed,
        };
        for mean in [&mut self.any, of_kind] {
            *mean = Some(mean.map_or(latest, |mean| mean + (latest - mean) / LATEST_DIVISOR));
        }
    }

    /// Returns the expected duration of an evaluation of a kind.
    pub fn expected(&self, kind: EvaluationKind) -> Duration {
        Duration::from_secs_f64(match kind {
            EvaluationKind::Batched => self.batched.unwrap_or(FIRST_BATCHED_SECONDS),
            EvaluationKind::Packed => self.packed.unwrap_or(FIRST_PACKED_SECONDS),
        })
    }

    /// Returns the expected duration of an evaluation of unknown kind.
    pub fn expected_of_any(&self) -> Duration {
        Duration::from_secs_f64(self.any.unwrap_or(FIRST_BATCHED_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_evaluation_of_one_kind_says_nothing_of_the_other() {
        let mut times = EvaluationTimes::default();
        let first = times.expected(EvaluationKind::Packed);
        times.note(EvaluationKind::Batched, Duration::from_secs(8));
        assert_eq!(times.expected(EvaluationKind::Packed), first);
        for _ in 0..40 {
            times.note(EvaluationKind::Packed, Duration::from_millis(50));
        }
        assert_eq!(times.expected(EvaluationKind::Batched), Duration::from_secs(8));
        assert_eq!(times.expected(EvaluationKind::Packed).as_millis(), 50);
        assert_eq!(times.expected_of_any().as_millis(), 50);
    }
}
