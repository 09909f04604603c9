//! A network as it is used once it is trained: its weights under one projection, and the moments that belong to them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indicatif::ProgressBar;

use super::{Evaluator, Moments, Progress, Test};
use crate::data::{Part, Prepared};
use crate::error::{Error, Result};
use crate::projection::EVALUATION;
use crate::session::Session;
use crate::weights::{NamedMoments, TrainedNetwork};

/// Leaves the weights of a network under `test.distortion` in `projected` of the session, and returns the moments of batch
/// normalisation that belong to them: those that came with the weights, if `test.moments` says trained, else averaged over
/// training images of `data` under these weights, over the first `batches` batches, 0 for all.
///
/// # Errors
/// Those of `data`, which is asked only where moments are computed; as [`Evaluator::prepare`].
pub fn deploy(
    session: &mut Session,
    trained: &TrainedNetwork,
    test: &Test,
    batches: usize,
    data: impl FnOnce() -> Result<Arc<Prepared>>,
    bar: &ProgressBar,
) -> Result<NamedMoments> {
    session.set_weights(&trained.weights)?;
    let brought = trained.moments.clone().filter(|_| test.moments == Moments::Trained);
    if let Some(moments) = brought.or_else(|| (!session.network.has_moments()).then(Vec::new)) {
        session.distort(test.distortion, test.seed, EVALUATION + test.draw)?;
        return Ok(moments);
    }
    let data = data().map_err(|e| {
        let message = "the moments of batch normalisation are computed on training images, which --data names";
        Error::Invalid(format!("{message}: {e}"))
    })?;
    let mut evaluator = Evaluator::new(session, data, Part::Test, trained.preset.eval_batch(), batches)?;
    bar.set_length(evaluator.moments_batches() as u64);
    bar.set_message("moments of batch normalisation");
    // Ctrl-C ends the program: nothing is written yet.
    let progress = Progress { bar, stop: &AtomicBool::new(false) };
    evaluator.prepare(session, &Test { moments: Moments::Recomputed, ..*test }, progress)?;
    let read = |(name, channels): (String, usize)| {
        let words = session.runner.read(&name, channels)?;
        Ok((name, bytemuck::cast_slice(&words).to_vec()))
    };
    session.network.moments().into_iter().map(read).collect()
}
