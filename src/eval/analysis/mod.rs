//! What a hardware designer asks of a trained network: how many bits its weights keep under a distortion, how much noise
//! it stands, which layer suffers most, what becomes of its weights and of its activity. Merolla et al. 2016, figures 1
//! and 2 and section 4; one function per question, and one record of the answers: `analysis.json` of a run folder.
//!
//! A [`Specimen`] is a network with its weights on a device; it answers what the weights alone tell ([`Specimen::bits`],
//! [`Specimen::distance`], [`Specimen::histograms`], [`Specimen::filters`]). [`Trials`] measure test errors of it:
//! [`budget()`], [`sensitivity`], and with the same data [`correlation()`].

mod budget;
mod correlation;
mod layers;
mod record;
mod search;
mod statistics;
pub mod table;
mod trials;
mod weights;

pub use budget::{Bound, Family, budget};
pub use correlation::{Point, correlation, points};
pub use layers::{errors, sensitivity};
pub use record::{
    Analysis, Bits, Budget, Correlation, Distance, FILE, Filter, Histogram, LayerBits, LayerError, Measured, Outcome,
};
pub use search::{Found, Range};
pub use trials::{Trials, draws};
pub use weights::{Specimen, weighted};
