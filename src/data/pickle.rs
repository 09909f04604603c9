//! The pickles in which the python layout of the CIFAR sets comes: as Python 2 wrote the published files, and as Python 3 and numpy
//! write them again (protocols 2 to 5), whether their keys are text or bytes.
//!
//! Here is what a batch file says; [`machine`] executes the pickle.

mod machine;
mod numpy;

use std::borrow::Cow;

use machine::{Machine, Object, Parsed};

/// What a batch file says.
pub(super) struct Batch<'a> {
    /// Rows of `data`.
    pub count: usize,
    /// Bytes per row.
    pub width: usize,
    /// `[count][width]`
    pub data: Cow<'a, [u8]>,
    /// The byte of the file at which `data` begins, where it is there as it is.
    pub at: Option<usize>,
    /// The lists or arrays of labels that were asked for.
    pub labels: Vec<Vec<i64>>,
}

/// Reads the dictionary of a batch file and takes `data` and the entries `labels` from it.
///
/// # Errors
/// In words, without the path, which the caller knows.
pub(super) fn read_batch<'a>(file: &'a [u8], labels: &[&str]) -> Parsed<Batch<'a>> {
    let mut machine = Machine::new(file);
    let root = machine.run()?;
    let Object::Dict(items) = &machine.objects[root] else {
        return Err("the pickle holds no dictionary".into());
    };
    let value = |wanted: &str| {
        let found = items.iter().find(|(key, _)| machine.says(*key, wanted));
        found.map(|(_, value)| *value).ok_or(format!("the pickled dictionary has no entry '{wanted}'"))
    };
    let (count, width, data) = machine.table(value("data")?)?;
    let at = match data {
        Cow::Borrowed(part) => Some(part.as_ptr().addr() - file.as_ptr().addr()),
        Cow::Owned(_) => None,
    };
    let list = |name: &&str| machine.integers(name, value(name)?);
    Ok(Batch { count, width, data, at, labels: labels.iter().map(list).collect::<Parsed<_>>()? })
}
