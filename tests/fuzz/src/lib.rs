//! What the fuzz targets share. Each hands its input to the functions that the program reads such files with, as a file in memory, and
//! holds them to three things: no panic, no more memory than the input can account for, an end within seconds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use weightproof::data::{self, Wanted};

/// Bytes that anything may take besides what its input accounts for.
pub const ANYWAY: usize = 16 << 20;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The system's allocator, with a limit: libFuzzer's own knows nothing of the size of an input.
struct Metered;

#[global_allocator]
static METERED: Metered = Metered;

fn take(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    if held > MOST.load(Ordering::Relaxed) {
        MOST.store(usize::MAX, Ordering::Relaxed);
        eprintln!("{bytes} bytes more are more memory than the input can account for");
        std::process::abort();
    }
}

fn give(bytes: usize) {
    HELD.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        let at = unsafe { System.realloc(at, layout, size) };
        give(layout.size());
        at
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) };
        give(layout.size());
    }
}

/// Runs something that may hold [`ANYWAY`] and `bytes` at a time; more is a finding.
pub fn within<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    MOST.store(HELD.load(Ordering::Relaxed).saturating_add(ANYWAY + bytes), Ordering::Relaxed);
    let out = run();
    MOST.store(usize::MAX, Ordering::Relaxed);
    out
}

/// A new folder, in memory where the system has a place for that.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder for files")
}

/// Writes a file below a folder, and says where.
pub fn write(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
    fs::write(&path, content).expect("a file");
    path
}

/// Gives a file further names.
pub fn link(path: &Path, names: &[&str]) {
    names.iter().for_each(|name| fs::hard_link(path, path.with_file_name(name)).expect("a link"));
}

/// Images of 2 x 2 pixels, scaled to just that.
pub const TINY: Wanted = Wanted { set: "folder", crop: Some(2), short_side: Some(2) };

/// Opens a set and reads all of its images.
pub fn load<'a>(set: impl Into<Wanted<'a>>, place: &Path) {
    if let Ok(set) = data::open(set, Some(place)) {
        set.check().expect("a set that was opened is sound");
        let _ = set.held();
    }
}

/// The first `N` bytes of an input, which say what to do with the rest; zeros for what it lacks.
pub fn head<const N: usize>(input: &[u8]) -> ([u8; N], &[u8]) {
    let (head, rest) = input.split_at(N.min(input.len()));
    let mut out = [0; N];
    out[..head.len()].copy_from_slice(head);
    (out, rest)
}

/// A safetensors file from an input that is its header in JSON, a zero, and the tensors: whose length a mutation need not repair.
/// Anything but JSON is taken for a whole file.
pub fn safetensors(input: &[u8]) -> Vec<u8> {
    let end = input.iter().position(|byte| *byte == 0);
    match end.filter(|_| input.starts_with(b"{")) {
        Some(end) => [&(end as u64).to_le_bytes(), &input[..end], &input[end + 1..]].concat(),
        None => input.to_vec(),
    }
}

/// The input of which [`safetensors`] makes a file.
pub fn of_safetensors(file: &[u8]) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk().expect("a length");
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    [header, &[0], tensors].concat()
}

/// A file of the repository.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The pictures of the repository: a PNG and JPEGs.
pub fn pictures() -> Vec<Vec<u8>> {
    ["palette.png", "progressive.jpg", "cmyk.jpg", "turned.jpg"]
        .map(|name| fixture(&format!("tests/data/pictures/{name}")))
        .into()
}

/// Lets the program catch the panics of other crates, as it does of the decoders; one that it does not catch is a finding, as is one of
/// its own.
pub fn catch_others() {
    let own = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.location().is_some_and(|at| at.file().contains("/registry/")) {
            own(info);
        }
    }));
}

/// Puts inputs into the corpus of a target to begin with.
pub fn seed(target: &str, inputs: impl IntoIterator<Item = Vec<u8>>) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&corpus).expect("a folder for the corpus");
    for (number, input) in inputs.into_iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), input).expect("a seed");
    }
}
