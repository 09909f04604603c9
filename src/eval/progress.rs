//! What a person sees of a test that takes long, and how it is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a test or a training says where it is, where no terminal shows a progress bar.
pub const SAYS: Duration = Duration::from_secs(30);

/// How a test is watched and stopped.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// Advances by one for each batch.
    pub bar: &'a ProgressBar,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

impl Progress<'_> {
    pub(super) fn stopped(self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Says where the bar is, if none is shown and the time for that came since it was `begun` old. A bar without a length is one
    /// that nobody asked for.
    pub(super) fn say(self, begun: Duration) {
        let Self { bar, .. } = self;
        let turn = |age: Duration| age.as_secs() / SAYS.as_secs();
        if bar.is_hidden()
            && let Some(length) = bar.length()
            && turn(bar.elapsed()) > turn(begun)
        {
            log::info!("{}: {} of {length} batches", bar.message(), bar.position());
        }
    }
}

/// A bar over `batches` of an evaluation.
pub fn evaluation_bar(quiet: bool, batches: u64) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} batches  {msg}  {eta} left").expect("a valid template");
    ProgressBar::new(batches).with_style(style)
}
