//! CIFAR-10's python layout: pickles as Python 2 wrote the published files and as Python 3 writes them again, damaged ones,
//! and those that would do harm.

use std::fs;
use std::path::Path;

use weightproof::data;

use super::sets::{BATCHES, assert_says, cifar_batch, complaint, content};

/// The published layout, instruction for instruction as `cPickle` wrote the published files.
pub fn pickled(labels: &[u8], pixels: &[u8], width: u16) -> Vec<u8> {
    pickled_lists(&[("labels", labels)], pixels, width)
}

/// As [`pickled`], with these lists of labels.
pub fn pickled_lists(lists: &[(&str, &[u8])], pixels: &[u8], width: u16) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str, slot: u8) {
        out.extend([b'U', text.len() as u8]);
        out.extend(text.as_bytes());
        out.extend([b'q', slot]);
    }
    let mut out = b"\x80\x02}q\x01(".to_vec();
    text(&mut out, "batch_label", 2);
    text(&mut out, "training batch 1 of 5", 3);
    for (slot, (name, labels)) in [4, 40, 42].into_iter().zip(lists) {
        text(&mut out, name, slot);
        out.extend([b']', b'q', slot + 1, b'(']);
        labels.iter().for_each(|label| out.extend([b'K', *label]));
        out.push(b'e');
    }
    text(&mut out, "data", 6);
    out.extend(
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01bq\x09\x87Rq\x0a(K\x01",
    );
    out.push(b'M');
    out.extend((lists[0].1.len() as u16).to_le_bytes());
    out.push(b'M');
    out.extend(width.to_le_bytes());
    out.extend(b"\x86cnumpy\ndtype\nq\x0bU\x02u1K\x00K\x01\x87Rq\x0c(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
    out.extend((pixels.len() as u32).to_le_bytes());
    out.extend(pixels);
    out.extend(b"tb");
    text(&mut out, "filenames", 13);
    out.extend(b"]r\x0e\x00\x00\x00(U\x05a.pngq\x0fU\x05b.pngeu.");
    out
}

/// A folder with the python layout of the same images.
pub fn python_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cifar-10-batches-py")).unwrap();
    for (seed, name) in BATCHES.iter().enumerate() {
        let (labels, pixels) = cifar_batch(3, seed as u32);
        fs::write(dir.path().join("cifar-10-batches-py").join(name), pickled(&labels, &pixels, 3072)).unwrap();
    }
    dir
}

/// What Python 3 writes for the dictionary of a batch file.
struct Pickler {
    protocol: u8,
    /// `numpy.core` until numpy 1.26, `numpy._core` since 2.0.
    numpy: &'static str,
    /// Whether the dictionary was read with `encoding="bytes"`, so that its keys are bytes.
    bytes: bool,
    out: Vec<u8>,
    slots: u32,
    /// Slots of what is used several times.
    known: Vec<(String, u32)>,
}

impl Pickler {
    fn put(&mut self) {
        match self.protocol {
            0..=3 if self.slots < 256 => self.out.extend([b'q', self.slots as u8]),
            0..=3 => self.out.extend([&b"r"[..], &self.slots.to_le_bytes()].concat()),
            _ => self.out.push(0x94),
        }
        self.slots += 1;
    }

    /// Whether `what` is there already; then it is recalled.
    fn recall(&mut self, what: &str) -> bool {
        let Some((_, slot)) = self.known.iter().find(|(name, _)| name == what) else { return false };
        let slot = u8::try_from(*slot).expect("what is used again comes early");
        self.out.extend([b'h', slot]);
        true
    }

    fn text(&mut self, text: &str) {
        if !self.recall(text) {
            match self.protocol {
                0..=3 => self.out.extend([&b"X"[..], &(text.len() as u32).to_le_bytes()].concat()),
                _ if text.len() < 256 => self.out.extend([0x8c, text.len() as u8]),
                _ => panic!("no long texts"),
            }
            self.out.extend(text.as_bytes());
            self.known.push((text.into(), self.slots));
            self.put();
        }
    }

    fn global(&mut self, module: &str, name: &str) {
        let key = format!("{module}.{name}");
        if !self.recall(&key) {
            if self.protocol < 4 {
                self.out.extend(format!("c{module}\n{name}\n").as_bytes());
            } else {
                self.text(module);
                self.text(name);
                self.out.push(0x93);
            }
            self.known.push((key, self.slots));
            self.put();
        }
    }

    /// An object of the class `bytes`: protocol 2 has no instruction for it.
    fn bytes(&mut self, bytes: &[u8]) {
        let length = bytes.len();
        match self.protocol {
            2 => {
                self.global("_codecs", "encode");
                let text: String = bytes.iter().map(|b| char::from(*b)).collect();
                self.out.extend([&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat());
                self.put();
                self.text("latin1");
                self.out.push(0x86);
                self.put();
                self.out.push(b'R');
            }
            _ if length < 256 => self.out.extend([&[b'C', length as u8], bytes].concat()),
            _ => self.out.extend([&b"B"[..], &(length as u32).to_le_bytes(), bytes].concat()),
        }
        self.put();
    }

    fn word(&mut self, text: &str) {
        if self.bytes { self.bytes(text.as_bytes()) } else { self.text(text) }
    }

    fn integer(&mut self, i: usize) {
        match i {
            0..256 => self.out.extend([b'K', i as u8]),
            _ => self.out.extend([b'M', i as u8, (i >> 8) as u8]),
        }
    }

    fn shape(&mut self, shape: &[usize]) {
        shape.iter().for_each(|n| self.integer(*n));
        self.out.push(0x84 + shape.len() as u8);
        self.put();
    }

    fn dtype(&mut self, dtype: &str, order: &str) {
        if !self.recall(&format!("dtype {dtype}")) {
            self.global("numpy", "dtype");
            self.text(dtype);
            self.out.extend([0x89, 0x88, 0x87]);
            self.put();
            self.out.push(b'R');
            self.known.push((format!("dtype {dtype}"), self.slots));
            self.put();
            self.out.extend(b"(K\x03");
            self.text(order);
            self.out.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t");
            self.put();
            self.out.push(b'b');
        }
    }

    fn array(&mut self, shape: &[usize], dtype: &str, order: &str, column_major: bool, content: &[u8]) {
        if self.protocol == 5 {
            self.global(&format!("{}.numeric", self.numpy), "_frombuffer");
            self.out.extend([&b"(\x96"[..], &(content.len() as u64).to_le_bytes(), content].concat());
            self.put();
            self.dtype(dtype, order);
            self.shape(shape);
            self.text(if column_major { "F" } else { "C" });
            self.out.push(b't');
            self.put();
            self.out.push(b'R');
            self.put();
            return;
        }
        self.global(&format!("{}.multiarray", self.numpy), "_reconstruct");
        self.global("numpy", "ndarray");
        self.shape(&[0]);
        self.bytes(b"b");
        self.out.push(0x87);
        self.put();
        self.out.push(b'R');
        self.put();
        self.out.extend(b"(K\x01");
        self.shape(shape);
        self.dtype(dtype, order);
        self.out.push(0x89 - u8::from(column_major));
        self.bytes(content);
        self.out.push(b't');
        self.put();
        self.out.push(b'b');
    }

    /// `numpy.int64` for each label.
    fn scalars(&mut self, labels: &[u8]) {
        for label in labels {
            self.global(&format!("{}.multiarray", self.numpy), "scalar");
            self.dtype("i8", "<");
            self.bytes(&u64::from(*label).to_le_bytes());
            self.out.push(0x86);
            self.put();
            self.out.push(b'R');
            self.put();
        }
    }
}

/// How the labels are kept.
#[derive(Clone, Copy, PartialEq)]
enum Labels {
    List,
    Scalars,
    Array,
}

/// Protocol, the place of numpy's core, and whether the keys are bytes.
type How = (u8, &'static str, bool);

/// How the labels are kept, and whether the images are column-major.
type Kept = (Labels, bool);

/// A batch file as Python 3 writes it, read from a published file with `encoding="latin1"`, or `"bytes"` if `bytes`.
fn python3((protocol, numpy, bytes): How, labels: &[u8], pixels: &[u8], (kept, column_major): Kept) -> Vec<u8> {
    let mut p = Pickler { protocol, numpy, bytes, out: vec![b'}'], slots: 0, known: vec![] };
    p.put();
    p.out.push(b'(');
    p.word("batch_label");
    p.word("training batch 1 of 5");
    p.word("labels");
    if kept == Labels::Array {
        let big: Vec<u8> = labels.iter().flat_map(|l| u32::from(*l).to_be_bytes()).collect();
        p.array(&[labels.len()], "i4", ">", false, &big);
    } else {
        p.out.push(b']');
        p.put();
        p.out.push(b'(');
        match kept {
            Labels::Scalars => p.scalars(labels),
            _ => labels.iter().for_each(|l| p.integer(usize::from(*l))),
        }
        p.out.push(b'e');
    }
    p.word("data");
    let (rows, columns) = (labels.len(), 3072);
    let content: Vec<u8> = match column_major {
        false => pixels.to_vec(),
        true => (0..rows * columns).map(|i| pixels[i % rows * columns + i / rows]).collect(),
    };
    p.array(&[rows, columns], "u1", "|", column_major, &content);
    p.word("filenames");
    p.out.push(b']');
    p.put();
    p.out.push(b'(');
    p.word("a.png");
    p.out.extend(b"eu.");
    let frame = if protocol < 4 { vec![] } else { [&[0x95][..], &(p.out.len() as u64).to_le_bytes()].concat() };
    [vec![0x80, protocol], frame, p.out].concat()
}

/// Every way in which Python 3 and numpy keep a batch.
fn ways() -> Vec<(How, Kept)> {
    let mut all = vec![];
    for protocol in 2..=5 {
        for numpy in ["numpy.core", "numpy._core"] {
            for bytes in [false, true] {
                for kept in [(Labels::List, false), (Labels::Scalars, true), (Labels::Array, false)] {
                    all.push(((protocol, numpy, bytes), kept));
                }
            }
        }
    }
    all
}

/// Reads `file` as the first batch of `dir`.
fn first_batch(dir: &Path, file: &[u8]) -> weightproof::error::Result<data::DataSet> {
    fs::write(dir.join("cifar-10-batches-py/data_batch_1"), file).unwrap();
    data::load("cifar10", Some(dir))
}

#[test]
fn what_python_3_wrote_again_is_what_was_published() {
    let dir = python_folder();
    let published = data::load("cifar10", Some(dir.path())).unwrap();
    let (labels, pixels) = cifar_batch(3, 0);
    for (how, kept) in ways() {
        let set =
            first_batch(dir.path(), &python3(how, &labels, &pixels, kept)).unwrap_or_else(|e| panic!("{how:?}: {e}"));
        assert!(content(&set) == content(&published), "{how:?}, column-major {}", kept.1);
    }
}

#[test]
fn a_cut_or_altered_pickle_of_python_3_is_an_error_and_never_a_panic() {
    let dir = python_folder();
    let (labels, pixels) = cifar_batch(3, 0);
    // One way of each protocol, and each way to keep the labels.
    for (how, kept) in ways().into_iter().step_by(7) {
        let whole = python3(how, &labels, &pixels, kept);
        let tail = whole.len() - 100;
        // What is not pixels lies before that many bytes, or after `tail`.
        let head = (tail - pixels.len() + 40).min(600);
        for at in (0..head).chain(tail..whole.len()) {
            if at % 2 == 0 {
                let said = first_batch(dir.path(), &whole[..at]).unwrap_err().to_string();
                assert_says(&said, &["data_batch_1", "truncated"]);
            } else {
                let mut altered = whole.clone();
                altered[at] = b".(eRb\xff\x94\x96"[at / 2 % 8];
                let _ = first_batch(dir.path(), &altered);
            }
        }
    }
}

#[test]
fn what_a_pickle_claims_is_not_allocated() {
    let dir = python_folder();
    let lie = |start: &[u8]| [start, &[0xff; 8]].concat();
    for file in [lie(b"\x80\x05\x95"), lie(b"\x80\x05\x96"), lie(b"\x80\x05\x8e"), lie(b"\x80\x05\x8d")] {
        assert_says(&first_batch(dir.path(), &file).unwrap_err().to_string(), &["data_batch_1", "truncated"]);
    }
    for endless in [&b"("[..], b"]\x94", b"]q\x00h\x00"] {
        let file = [b"\x80\x04]", &endless.repeat(1_500_000)[..]].concat();
        assert_says(&first_batch(dir.path(), &file).unwrap_err().to_string(), &["data_batch_1", "more than"]);
    }
    let empty = b"\x80\x05}(\x8c\x06labels]\x8c\x04data\x8c\x13numpy._core.numeric\x8c\x0b_frombuffer\x93(C\x00\
                  \x8c\x05numpy\x8c\x05dtype\x93\x8c\x02u1\x85RJ\xff\xff\xff\x7fK\x00\x86\x8c\x01FtRu.";
    assert_says(&first_batch(dir.path(), empty).unwrap_err().to_string(), &["0 labels and 2147483647 images of 0"]);
}

#[test]
fn a_pickle_that_calls_anything_else_is_refused() {
    let dir = python_folder();
    let file = dir.path().join("cifar-10-batches-py/data_batch_1");
    fs::write(&file, b"\x80\x02cposix\nsystem\nU\x04true\x85R.").unwrap();
    assert_says(&complaint("cifar10", dir.path()), &["data_batch_1", "posix.system", "not executed"]);
}

#[test]
fn a_pickle_whose_counts_disagree_is_refused() {
    let dir = python_folder();
    let file = dir.path().join("cifar-10-batches-py/data_batch_1");
    let (labels, pixels) = cifar_batch(3, 0);
    fs::write(&file, pickled(&labels, &pixels, 3071)).unwrap();
    assert_says(&complaint("cifar10", dir.path()), &["data_batch_1", "claims 3 x 3071 bytes"]);
    fs::write(&file, pickled(&labels, &pixels[..3 * 1024], 1024)).unwrap();
    assert_says(&complaint("cifar10", dir.path()), &["data_batch_1", "3 images of 1024 values"]);
}

#[test]
fn a_cut_or_altered_pickle_is_an_error_and_never_a_panic() {
    let dir = python_folder();
    let file = dir.path().join("cifar-10-batches-py/data_batch_1");
    let (labels, pixels) = cifar_batch(2, 0);
    let whole = pickled(&labels, &pixels, 3072);
    let head = whole.len() - pixels.len() - 60;
    for length in (0..head).chain([whole.len() - 1]) {
        fs::write(&file, &whole[..length]).unwrap();
        assert_says(&complaint("cifar10", dir.path()), &["data_batch_1", "truncated"]);
    }
    // Every byte that is an instruction or its operand, replaced by several others: most are errors, none may panic.
    for at in (0..head).chain(whole.len() - 60..whole.len()) {
        for byte in b".(eRb\xff" {
            let mut altered = whole.clone();
            altered[at] = *byte;
            fs::write(&file, altered).unwrap();
            let _ = data::load("cifar10", Some(dir.path()));
        }
    }
}
