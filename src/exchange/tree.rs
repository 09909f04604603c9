//! The tree of the ranks, and what goes up and down in it.

use super::{Exchange, Message};
use crate::error::{Error, Result};

/// The rank that a rank hands up to; none of rank 0.
pub(super) fn parent(rank: usize) -> Option<usize> {
    (rank > 0).then(|| rank & (rank - 1))
}

/// The ranks that hand up to a rank, in the order in which their blocks follow its own.
pub(super) fn children(rank: usize, ranks: usize) -> impl DoubleEndedIterator<Item = usize> {
    let levels = if rank == 0 { ranks.next_power_of_two().ilog2() } else { rank.trailing_zeros() };
    // A launcher may have started another number, which rank 0 refuses.
    (0..levels).map(move |level| rank + (1 << level)).filter(move |child| *child < ranks)
}

/// The ranks that a rank speaks to.
pub(super) fn neighbours(rank: usize, ranks: usize) -> impl Iterator<Item = usize> {
    parent(rank).into_iter().chain(children(rank, ranks))
}

impl Exchange {
    fn children(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        children(self.rank(), self.ranks())
    }

    /// Takes words up the tree: `join(own, received)` makes those of a block of ranks of those of its two halves, the lower one
    /// first. What rank 0 has in the end are those of all; others have sent theirs.
    ///
    /// # Errors
    /// As [`Exchange::receive`], and those of `join`, which is told the rank that sent.
    pub fn up(
        &self,
        own: Vec<u32>,
        mut join: impl FnMut(usize, &mut Vec<u32>, Vec<u32>) -> Result<()>,
    ) -> Result<Option<Vec<u32>>> {
        let mut own = own;
        for child in self.children() {
            join(child, &mut own, self.receive(child)?)?;
        }
        Ok(match parent(self.rank()) {
            Some(parent) => {
                self.send(parent, own);
                None
            }
            None => Some(own),
        })
    }

    /// Takes what rank 0 has down to all: `own` there, nothing elsewhere.
    ///
    /// # Errors
    /// As [`Exchange::receive`].
    pub fn down(&self, own: Option<Vec<u32>>) -> Result<Vec<u32>> {
        let words = match (parent(self.rank()), own) {
            (Some(parent), _) => self.receive(parent)?,
            (None, own) => own.unwrap_or_default(),
        };
        // The largest block first: it has the longest way before it.
        self.children().rev().for_each(|child| self.send(child, words.clone()));
        Ok(words)
    }

    /// As [`Exchange::down`], of text.
    ///
    /// # Errors
    /// As [`Exchange::receive`].
    pub fn down_text(&self, own: Option<&str>) -> Result<String> {
        let text = match (parent(self.rank()), own) {
            (Some(parent), _) => self.receive_text(parent)?,
            (None, own) => own.unwrap_or_default().to_owned(),
        };
        self.children().rev().for_each(|child| self.carrier.send(child, Message::Text(text.clone())));
        Ok(text)
    }

    /// Compares words that all ranks should have; rank 0 returns when it has heard of all.
    ///
    /// # Errors
    /// Two ranks whose words differ, named with `what` they are; as [`Exchange::receive`].
    pub fn same(&self, own: Vec<u32>, what: &str) -> Result<()> {
        let compare = |from, own: &mut Vec<u32>, received| match *own == received {
            true => Ok(()),
            false => Err(Error::Rank(format!("rank {from} and rank {} have different {what}", self.rank()))),
        };
        self.up(own, compare).map(drop)
    }

    /// Returns when all ranks have called it.
    ///
    /// # Errors
    /// As [`Exchange::receive`].
    pub fn all_here(&self) -> Result<()> {
        let all = self.up(vec![], |_, _, _| Ok(()))?;
        self.down(all).map(drop)
    }
}
