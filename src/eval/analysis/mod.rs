//! What a hardware designer asks of a trained network: how many bits its weights keep under a distortion, how much noise
//! it stands, which layer suffers most, what becomes of its weights and of its activity. Merolla et al. 2016, figures 1
//! and 2 and section 4; one function per question, and one record of the answers: `analysis.json` of a run folder.

mod record;

pub use record::{
    Analysis, Bits, Budget, Correlation, Distance, FILE, Filter, Histogram, LayerBits, LayerError, Measured, Outcome,
};
