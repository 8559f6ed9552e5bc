//! Periods, and what happens in them.

use std::time::Duration;

use serde::Serialize;
use sottovoce_siege::AttackKind;

/// Kind of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Only honest clients.
    Quiet,
    /// Honest and hostile clients.
    Siege,
}

/// One period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub phase: Phase,
    pub duration: Duration,
    /// The provider is killed and started again after this time.
    pub kill_after: Option<Duration>,
    /// The provider's part of a siege that is compared with that of other sieges: from and to.
    pub compared: (Duration, Duration),
}

/// Periods, quiet and siege by turns, so that the machine's noise meets both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub periods: Vec<Period>,
    /// Attacks of a siege.
    pub attacks: Vec<AttackKind>,
}

impl Schedule {
    /// Periods for CI.
    pub fn quick() -> Self {
        Self::pairs(Duration::from_secs(144), 3)
    }

    /// Periods of `total` together.
    pub fn new(total: Duration) -> Self {
        let pairs = (total.as_secs() / 200).clamp(3, 30);
        Self::pairs(total, pairs as u32)
    }

    /// A third of each pair is quiet. The provider is killed in the first and in the last siege, so that the process between them
    /// is as old as possible.
    fn pairs(total: Duration, pairs: u32) -> Self {
        let pair = total / pairs;
        let (quiet, siege) = (pair / 3, pair - pair / 3);
        let periods = (0..pairs).flat_map(|number| {
            let kill_after = match number {
                0 => Some(siege / 2),
                last if last + 1 == pairs => Some(siege * 4 / 5),
                _ => None,
            };
            let compared = (siege * 3 / 10, siege * 3 / 4);
            [(Phase::Quiet, quiet, None), (Phase::Siege, siege, kill_after)]
                .map(|(phase, duration, kill_after)| Period { phase, duration, kill_after, compared })
        });
        Self { periods: periods.collect(), attacks: AttackKind::ALL.to_vec() }
    }

    /// Number of sieges.
    pub fn sieges(&self) -> usize {
        self.periods.iter().filter(|period| period.phase == Phase::Siege).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_lives_from_the_second_siege_to_the_comparison_in_the_last_one() {
        for schedule in [Schedule::quick(), Schedule::new(Duration::from_secs(1800))] {
            let sieges: Vec<&Period> =
                schedule.periods.iter().filter(|period| period.phase == Phase::Siege).collect();
            assert!(sieges.len() >= 3);
            let (first, last) = (sieges[0], sieges[sieges.len() - 1]);
            assert!(first.kill_after.is_some() && last.kill_after > Some(last.compared.1));
            assert!(sieges[1..sieges.len() - 1].iter().all(|period| period.kill_after.is_none()));
        }
    }

    #[test]
    fn the_periods_take_the_whole_time() {
        let total: Duration =
            Schedule::new(Duration::from_secs(1800)).periods.iter().map(|period| period.duration).sum();
        assert!(total.abs_diff(Duration::from_secs(1800)) < Duration::from_secs(1));
    }
}
