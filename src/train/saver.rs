//! One checkpoint at a time is written by a second thread, while training goes on.

use std::thread::JoinHandle;

use crate::error::{Error, Result};

/// A write that may be under way. Dropping it waits for the end of the write.
#[derive(Default)]
pub(super) struct Saver(Option<JoinHandle<Result<()>>>);

impl Saver {
    /// Starts `write` on its own thread, after the one before it has ended.
    ///
    /// # Errors
    /// What went wrong in the write before this one; then this one is not begun. No thread to be had.
    pub(super) fn start(&mut self, write: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.wait()?;
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(write);
        self.0 = Some(thread.map_err(|e| Error::Invalid(format!("no thread to write a checkpoint with: {e}")))?);
        Ok(())
    }

    /// Waits until what was started is on disk.
    ///
    /// # Errors
    /// What went wrong in the write.
    pub(super) fn wait(&mut self) -> Result<()> {
        match self.0.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        // Another error is on its way to the user, or there is none; this one must not be lost.
        if let Some(Ok(Err(e))) = self.0.take().map(JoinHandle::join) {
            log::error!("{e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn writes_happen_in_order_and_an_error_comes_back_once() {
        let (send, receive) = mpsc::channel();
        let mut saver = Saver::default();
        for i in 0..3 {
            let send = send.clone();
            let write = move || {
                send.send(i).expect("the test listens");
                Ok(())
            };
            saver.start(write).unwrap();
        }
        saver.start(|| Err(Error::Invalid("the disk is full".into()))).unwrap();
        assert_eq!(receive.try_iter().collect::<Vec<i32>>(), [0, 1, 2], "those before it have ended");
        assert_eq!(saver.wait().unwrap_err().to_string(), "the disk is full");
        saver.wait().unwrap();
    }

    #[test]
    fn dropping_it_waits_for_the_write() {
        let (send, receive) = mpsc::channel();
        let mut saver = Saver::default();
        saver
            .start(move || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                send.send(()).expect("the test listens");
                Ok(())
            })
            .unwrap();
        drop(saver);
        receive.try_recv().expect("it was written");
    }
}
