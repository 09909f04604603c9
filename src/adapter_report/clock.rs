//! The time of a report, and how much of what is left of it each stage may take.

use std::time::Duration;

use super::Stage;

/// Parts of a hundred that each stage gets if all of them use what they get; the rest is for what stages need to end.
const PARTS: [(Stage, u32); 7] = [
    (Stage::Adapter, 2),
    (Stage::Cases, 30),
    (Stage::Roofs, 4),
    (Stage::Speeds, 20),
    (Stage::Profile, 10),
    (Stage::Tuning, 20),
    (Stage::Training, 11),
];

/// Parts that no stage gets.
const REST: u32 = 3;

/// What a stage may need beyond its time to end what it has begun, at least.
const LEAST_GRACE: Duration = Duration::from_secs(10);

/// The time of a stage, from its begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slice {
    /// After this it begins nothing more.
    pub soft: Duration,
    /// After this it is ended from outside.
    pub hard: Duration,
}

/// The slice of a stage when `left` of the whole time is left and `later` stages come after it. What the stages before it
/// left over is dealt out among it and them.
pub(super) fn slice(stage: Stage, later: &[Stage], left: Duration) -> Slice {
    let part = |stage: Stage| PARTS.iter().find(|(s, _)| *s == stage).map_or(1, |(_, part)| *part);
    let all = part(stage) + later.iter().map(|s| part(*s)).sum::<u32>() + REST;
    let soft = left * part(stage) / all;
    Slice { soft, hard: (soft + LEAST_GRACE.max(soft / 2)).min(left) }
}

/// `48 ms`, `4.8 s`, `2 min 5 s`.
pub(super) fn words(time: Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        _ if time.as_millis() < 1000 => format!("{} ms", time.as_millis()),
        s if s < 60 => format!("{:.1} s", time.as_secs_f64()),
        s if s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{} min {} s", s / 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn every_stage_has_a_part_and_all_parts_are_the_whole() {
        assert_eq!(PARTS.map(|(s, _)| s), Stage::ALL);
        assert_eq!(PARTS.iter().map(|(_, p)| p).sum::<u32>() + REST, 100);
    }

    #[test]
    fn stages_that_use_their_time_leave_each_other_theirs() {
        let mut left = MINUTES;
        for (i, (stage, part)) in PARTS.iter().enumerate() {
            let later: Vec<Stage> = PARTS[i + 1..].iter().map(|(s, _)| *s).collect();
            let slice = slice(*stage, &later, left);
            let wanted = MINUTES * *part / 100;
            assert!(slice.soft.abs_diff(wanted) < Duration::from_millis(1), "{stage:?}: {slice:?}, not {wanted:?}");
            assert!(slice.hard > slice.soft && slice.hard <= left);
            left -= slice.soft;
        }
        assert!(left.abs_diff(MINUTES * REST / 100) < Duration::from_millis(1), "{left:?}");
    }

    #[test]
    fn what_is_left_over_goes_to_those_that_come_and_what_is_overdrawn_comes_from_them() {
        let at = |left: u64| slice(Stage::Tuning, &[Stage::Training], Duration::from_secs(left)).soft.as_secs_f64();
        assert!((at(340) - 200.0).abs() < 1e-6 && (at(34) - 20.0).abs() < 1e-6);
        assert_eq!(slice(Stage::Training, &[], Duration::ZERO), Slice { soft: Duration::ZERO, hard: Duration::ZERO });
    }

    #[test]
    fn no_stage_outlives_the_whole() {
        for left in [1, 5, 60, 600] {
            let left = Duration::from_secs(left);
            assert!(slice(Stage::Training, &[], left).hard <= left);
        }
    }

    #[test]
    fn times_are_told_in_seconds_or_minutes() {
        let times = [0.026, 0.26, 48.0, 59.9, 60.0, 125.0].map(|s| words(Duration::from_secs_f64(s)));
        assert_eq!(times, ["26 ms", "260 ms", "48.0 s", "1 min", "1 min", "2 min 5 s"]);
    }
}
