//! The pickles in which the python layout of the CIFAR sets comes: as Python 2 wrote the published files, and as Python 3 and numpy
//! write them again (protocols 2 to 5), whether their keys are text or bytes.
//!
//! Here is what a batch file says; [`machine`] executes the pickle.

mod machine;
mod numpy;

use machine::{Machine, Object, Parsed};

/// What a batch file says.
pub(super) struct Batch {
    /// Rows of `data`.
    pub count: usize,
    /// Bytes per row.
    pub width: usize,
    /// `[count][width]`
    pub data: Vec<u8>,
    /// The lists or arrays of labels that were asked for.
    pub labels: Vec<Vec<u8>>,
}

/// Reads the dictionary of a batch file and takes `data` and the entries `labels` from it.
///
/// # Errors
/// In words, without the path, which the caller knows.
pub(super) fn read_batch(file: &[u8], labels: &[&str]) -> Parsed<Batch> {
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
    let label = |i: i64| u8::try_from(i).map_err(|_| format!("label {i} is out of range"));
    let list =
        |name: &&str| -> Parsed<Vec<u8>> { machine.integers(name, value(name)?)?.into_iter().map(label).collect() };
    Ok(Batch { count, width, data, labels: labels.iter().map(list).collect::<Parsed<_>>()? })
}
