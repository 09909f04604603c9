//! Windows that move over a map: those of convolutions and poolings.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::kind::MOST_PIXELS;
use super::pair::{Pair, PairOr};
use crate::error::{Error, Result};
use crate::ranges::{Check, require};

/// What surrounds a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// So many rows above and below, columns left and right.
    Sides(Pair),
    /// As few as give one window to each step: TensorFlow's and Keras's `same`, written `"same"`. An odd number has one more
    /// below or to the right.
    Same,
}

impl Padding {
    /// Serde default.
    pub fn none() -> Self {
        Padding::Sides(Pair::ZERO)
    }

    /// Serde skip.
    pub fn is_none(&self) -> bool {
        *self == Padding::none()
    }
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Padding::Sides(pair) => pair.serialize(s),
            Padding::Same => s.serialize_str("same"),
        }
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        d.deserialize_any(PairOr { pair: Padding::Sides, word: Some(("same", Padding::Same)) })
    }
}

/// Windows that move over a map.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub kernel: Pair,
    pub stride: Pair,
    pub pad: Padding,
    /// Whether a last one may reach over the edge, if it starts before it.
    pub ceil: bool,
}

impl Windows {
    /// Rows above and columns to the left of a map of `n` rows and columns, and how many more there are below and to the
    /// right.
    pub fn padding(&self, n: [usize; 2]) -> [[usize; 2]; 2] {
        let Padding::Same = self.pad else {
            return [self.sides(), [0, 0]];
        };
        let (kernel, stride) = (self.kernel.0, self.stride.0);
        let total = [0, 1].map(|i| (n[i].div_ceil(stride[i]).max(1) - 1) * stride[i] + kernel[i]);
        let total = [0, 1].map(|i| total[i].saturating_sub(n[i]));
        [total.map(|t| t / 2), total.map(|t| t % 2)]
    }

    /// What is on every side, if it is given.
    fn sides(&self) -> [usize; 2] {
        if let Padding::Sides(pad) = self.pad { pad.0 } else { [0, 0] }
    }

    /// How many fit in rows and columns.
    ///
    /// # Errors
    /// A window that does not fit the padded map; more windows than a map may have pixels.
    pub fn count(&self, name: &str, input: [usize; 3]) -> Result<[usize; 2]> {
        let Windows { kernel, stride, ceil, .. } = *self;
        let [pad, extra] = self.padding([input[0], input[1]]);
        let one = |i: usize| {
            let (n, k, s, p) = (input[i], kernel.0[i], stride.0[i], pad[i]);
            let room = (n + 2 * p + extra[i]).checked_sub(k)?;
            let mut count = if ceil { room.div_ceil(s) } else { room / s } + 1;
            if ceil && (count - 1) * s >= n + p {
                count -= 1;
            }
            Some(count)
        };
        match (one(0), one(1)) {
            (Some(h), Some(w)) if h.max(w) <= MOST_PIXELS => Ok([h, w]),
            _ => Err(Error::layer(
                name,
                format!(
                    "a {kernel} window does not fit a {}x{} map padded by {}; use a smaller kernel or fewer poolings",
                    input[0],
                    input[1],
                    Pair(pad)
                ),
            )),
        }
    }

    /// `3x3 / 2x2`.
    pub fn size(&self) -> String {
        if self.stride == Pair::ONE { self.kernel.to_string() } else { format!("{} / {}", self.kernel, self.stride) }
    }

    /// Checks size, step and padding; `key` names the size.
    pub fn check(&self, key: &str) -> Check {
        for (key, pair) in [(key, self.kernel), ("stride", self.stride)] {
            let ok = pair.0.iter().all(|n| (1..=MOST_PIXELS).contains(n));
            require(ok, key, pair, &format!("give 1 to {MOST_PIXELS} rows and columns"))?;
        }
        let (pad, kernel) = (self.sides(), self.kernel);
        let ok = pad[0] < kernel.0[0] && pad[1] < kernel.0[1];
        let must = format!("it must be less than the {kernel} kernel, else outputs see only padding");
        require(ok, "pad", Pair(pad), &must)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_gives_as_many_windows_as_steps_and_pads_more_at_the_end() {
        // Rows, kernel, stride; above, further below, windows: as TensorFlow's documentation of padding has them.
        for (n, kernel, stride, want) in [
            (32, 3, 1, [1, 0, 32]),
            (32, 3, 2, [0, 1, 16]),
            (33, 3, 2, [1, 0, 17]),
            (32, 1, 2, [0, 0, 16]),
            (7, 4, 1, [1, 1, 7]),
            (13, 6, 5, [1, 1, 3]),
            (1, 5, 3, [2, 0, 1]),
            (5, 1, 3, [0, 0, 2]),
        ] {
            let windows =
                Windows { kernel: Pair([kernel, 1]), stride: Pair([stride, 1]), pad: Padding::Same, ceil: false };
            let [pad, extra] = windows.padding([n, 4]);
            let [count, across] = windows.count("x", [n, 4, 1]).unwrap();
            assert_eq!(
                ([pad[0], extra[0], count], [pad[1], extra[1], across]),
                (want, [0, 0, 4]),
                "{n} {kernel} {stride}"
            );
        }
    }
}
