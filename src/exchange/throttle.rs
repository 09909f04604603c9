//! A slow network, rehearsed: a rate and a delay for each direction of a link.

use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Time of the rate that may be caught up with: what sleeping is inexact by.
const BURST: Duration = Duration::from_millis(1);

/// How fast bytes go over a link, and how long they take on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Bytes a second.
    pub rate: f64,
    /// Time from the end of sending to arrival.
    pub delay: Duration,
}

impl FromStr for Throttle {
    type Err = String;

    fn from_str(text: &str) -> Result<Throttle, String> {
        let fail = || "write GB/s,us: e.g. 1.25,50 for 10 Gbit/s and 50 microseconds".to_owned();
        let (rate, delay) = text.split_once(',').ok_or_else(fail)?;
        let [rate, delay] = [rate, delay].map(|number| number.trim().parse::<f64>());
        match (rate, delay) {
            (Ok(rate), Ok(delay)) if (1e-6..=1e6).contains(&rate) && (0.0..=1e9).contains(&delay) => {
                Ok(Throttle { rate: 1e9 * rate, delay: Duration::from_secs_f64(1e-6 * delay) })
            }
            _ => Err(fail()),
        }
    }
}

/// One direction of a link.
pub(super) struct Paced {
    throttle: Option<Throttle>,
    /// When all that was sent has gone.
    free: Instant,
}

impl Paced {
    pub fn new(throttle: Option<Throttle>) -> Paced {
        Paced { throttle, free: Instant::now() }
    }

    /// Waits as long as the bytes take that are sent next.
    pub fn wait(&mut self, bytes: usize) {
        let Some(Throttle { rate, .. }) = self.throttle else { return };
        let now = Instant::now();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        self.free = self.free.max(earliest) + Duration::from_secs_f64(bytes as f64 / rate);
        sleep(self.free.saturating_duration_since(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_a_delay_are_read_in_their_units() {
        let throttle: Throttle = "1.25,50".parse().unwrap();
        assert_eq!(throttle, Throttle { rate: 1.25e9, delay: Duration::from_micros(50) });
        for text in ["", "1", "0,1", "1,-1", "x,1", "1,2,3", "inf,1", "NaN,1"] {
            assert!(text.parse::<Throttle>().is_err_and(|e| e.contains("GB/s,us")), "{text}");
        }
    }

    #[test]
    fn bytes_take_the_time_of_the_rate() {
        let mut paced = Paced::new(Some(Throttle { rate: 1e6, delay: Duration::ZERO }));
        let begin = Instant::now();
        (0..20).for_each(|_| paced.wait(5000));
        // 100 kB at 1 MB/s, less what may be caught up with.
        assert!(begin.elapsed() >= Duration::from_millis(98));
    }
}
