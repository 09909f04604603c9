//! Layers that come several times in a row, written once.

use serde::{Deserialize, Serialize};

/// `{ repeat = TIMES, layers = [ LAYERS ] }`: as if the layers were written so many times, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat<L> {
    /// How many times.
    #[serde(rename = "repeat")]
    pub times: usize,
    /// The layers.
    pub layers: Vec<L>,
}
