//! A pickle is a program for a stack machine whose instructions can call any function of any module. This machine knows
//! the instructions that Python writes for a dictionary of strings, numbers, lists and numpy arrays; the only "functions"
//! are those that make bytes or rebuild an array, and they are recognised by name and never called. Every operand is
//! checked against the bytes that are really there, and the number of objects is bounded.

use std::collections::HashMap;
use std::ops::Range;

/// Objects a file may make. The published ones make about 20,000: a label and a file name per image.
const MOST_OBJECTS: usize = 1_000_000;

/// An object is its index in [`Machine::objects`], so that a list remembered before it was filled is the list itself.
pub(super) type Id = usize;

#[derive(Clone, Debug)]
pub(super) enum Object {
    /// `None` and floating-point numbers: nothing here depends on which.
    Plain,
    Bool(bool),
    Int(i64),
    /// Where bytes, or text of either Python, are in the file.
    Bytes(Range<usize>),
    /// Where the UTF-8 text is of which each character stands for a byte: what Python 3 makes of bytes in protocol 2.
    Latin1(Range<usize>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// Where module and name of an imported name are in the file.
    Global(Range<usize>, Range<usize>),
    /// `numpy.dtype(name)`; its state is the argument of `BUILD`.
    Dtype(Id, Option<Id>),
    /// A numpy array; its state is the argument of `BUILD`: (version, shape, dtype, whether column-major, content).
    Array(Option<Id>),
    /// A numpy array by the tuple (content, dtype, shape, order).
    Buffer(Id),
    /// A numpy number by the tuple (dtype, content).
    Scalar(Id),
}

/// An error in words, without the path, which the caller knows.
pub(super) type Parsed<T> = std::result::Result<T, String>;

pub(super) struct Machine<'a> {
    pub file: &'a [u8],
    pub objects: Vec<Object>,
    at: usize,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    pub fn new(file: &'a [u8]) -> Self {
        Machine { file, at: 0, objects: vec![], stack: vec![], marks: vec![], memo: HashMap::new() }
    }

    /// Executes up to `STOP` and returns the object on top of the stack.
    pub fn run(&mut self) -> Parsed<Id> {
        loop {
            let start = self.at;
            match self.take(1)?[0] {
                b'.' => return self.pop(),
                0x80 => match self.take(1)?[0] {
                    version @ 0..=5 => log::trace!("pickle protocol {version}"),
                    version => return Err(format!("pickle protocol {version}; protocols 2 to 5 are read")),
                },
                // A frame says how much may be read ahead.
                0x95 => {
                    let length = self.length(8)?;
                    self.present(length)?;
                }
                b'(' => {
                    within(self.marks.len())?;
                    self.marks.push(self.stack.len());
                }
                b'q' => self.put(1)?,
                b'r' => self.put(4)?,
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => self.get(1)?,
                b'j' => self.get(4)?,
                b'N' => self.push(Object::Plain)?,
                bool @ 0x88..=0x89 => self.push(Object::Bool(bool == 0x88))?,
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                b'J' => self.integer(4)?,
                0x8a => self.long()?,
                b'G' => {
                    self.take(8)?;
                    self.push(Object::Plain)?;
                }
                // The text and bytes of Python 2, the text and bytes of Python 3, by the width of their length.
                b'U' | 0x8c | b'C' => self.string(1)?,
                b'T' | b'X' | b'B' => self.string(4)?,
                0x8d | 0x8e | 0x96 => self.string(8)?,
                b'c' => self.global()?,
                0x93 => self.stack_global()?,
                b'}' => self.push(Object::Dict(vec![]))?,
                b']' => self.push(Object::List(vec![]))?,
                b')' => self.push(Object::Tuple(vec![]))?,
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Object::Tuple(items))?;
                }
                tuple @ 0x85..=0x87 => self.tuple(usize::from(tuple - 0x84))?,
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set_items(vec![key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set_items(items)?;
                }
                b'R' => self.reduce()?,
                b'b' => self.build()?,
                0x97 => return Err("the pickle keeps its arrays outside of the file (buffer_callback)".into()),
                other => {
                    return Err(format!(
                        "pickle instruction 0x{other:02x} at byte {start}, which no batch file of protocol 2 to 5 uses"
                    ));
                }
            }
        }
    }

    /// That the file has `n` more bytes.
    fn present(&self, n: usize) -> Parsed<()> {
        match n > self.file.len() - self.at {
            true => Err(format!("the pickle is truncated: byte {} asks for {n} more", self.at)),
            false => Ok(()),
        }
    }

    /// The next `n` bytes of the file.
    fn take(&mut self, n: usize) -> Parsed<&'a [u8]> {
        let range = self.range(n)?;
        Ok(&self.file[range])
    }

    /// Where the next `n` bytes of the file are.
    fn range(&mut self, n: usize) -> Parsed<Range<usize>> {
        self.present(n)?;
        self.at += n;
        Ok(self.at - n..self.at)
    }

    /// The next `n` bytes, at most 4, as a little-endian number.
    fn number(&mut self, n: usize) -> Parsed<u32> {
        Ok(self.take(n)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// The next `n` bytes, at most 8, as a length; one that no memory holds is as good as the longest.
    fn length(&mut self, n: usize) -> Parsed<usize> {
        let length = self.take(n)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn push(&mut self, object: Object) -> Parsed<()> {
        within(self.objects.len())?;
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    fn pop(&mut self) -> Parsed<Id> {
        // Below an open mark the stack belongs to whoever opened it.
        if self.marks.last().is_some_and(|mark| self.stack.len() <= *mark) {
            return Err(format!("the pickle takes from below a mark at byte {}", self.at));
        }
        self.stack.pop().ok_or(format!("the pickle takes from an empty stack at byte {}", self.at))
    }

    fn top(&self) -> Parsed<Id> {
        self.stack.last().copied().ok_or(format!("the pickle looks at an empty stack at byte {}", self.at))
    }

    fn since_mark(&mut self) -> Parsed<Vec<Id>> {
        let mark = self.marks.pop().ok_or(format!("the pickle closes no open mark at byte {}", self.at))?;
        Ok(self.stack.split_off(mark))
    }

    fn put(&mut self, width: usize) -> Parsed<()> {
        let slot = self.number(width)?;
        self.remember(slot)
    }

    fn remember(&mut self, slot: u32) -> Parsed<()> {
        within(self.memo.len())?;
        let id = self.top()?;
        self.memo.insert(slot, id);
        Ok(())
    }

    fn get(&mut self, width: usize) -> Parsed<()> {
        let slot = self.number(width)?;
        let id = self.memo.get(&slot).ok_or(format!("the pickle recalls slot {slot}, which it never filled"))?;
        within(self.stack.len())?;
        self.stack.push(*id);
        Ok(())
    }

    fn integer(&mut self, width: usize) -> Parsed<()> {
        let number = self.number(width)?;
        // Only the four-byte form is signed.
        self.push(Object::Int(if width == 4 { i64::from(number as i32) } else { i64::from(number) }))
    }

    /// An integer of as many bytes as its first byte says, two's complement.
    fn long(&mut self) -> Parsed<()> {
        let length = self.length(1)?;
        let bytes = self.take(length)?;
        let number = signed(bytes).ok_or(format!("an integer of {length} bytes at byte {}", self.at))?;
        self.push(Object::Int(number))
    }

    fn string(&mut self, width: usize) -> Parsed<()> {
        let length = self.length(width)?;
        let range = self.range(length)?;
        self.push(Object::Bytes(range))
    }

    fn global(&mut self) -> Parsed<()> {
        let [module, name] = [self.line()?, self.line()?];
        self.push(Object::Global(module, name))
    }

    /// Where the next line is, without its end.
    fn line(&mut self) -> Parsed<Range<usize>> {
        let start = self.at;
        while self.take(1)?[0] != b'\n' {}
        Ok(start..self.at - 1)
    }

    fn stack_global(&mut self) -> Parsed<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Object::Bytes(module), Object::Bytes(name)) = (&self.objects[module], &self.objects[name]) else {
            return Err(format!("the pickle imports what is not a name at byte {}", self.at));
        };
        self.push(Object::Global(module.clone(), name.clone()))
    }

    fn tuple(&mut self, length: usize) -> Parsed<()> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Parsed<Vec<_>>>()?;
        items.reverse();
        self.push(Object::Tuple(items))
    }

    fn append(&mut self, items: Vec<Id>) -> Parsed<()> {
        let top = self.top()?;
        match &mut self.objects[top] {
            Object::List(list) => list.extend(items),
            _ => return Err(format!("the pickle appends to what is not a list at byte {}", self.at)),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Id>) -> Parsed<()> {
        let top = self.top()?;
        match &mut self.objects[top] {
            Object::Dict(dict) if items.len().is_multiple_of(2) => {
                dict.extend(items.chunks_exact(2).map(|kv| (kv[0], kv[1])))
            }
            _ => return Err(format!("the pickle sets entries of what is not a dictionary at byte {}", self.at)),
        }
        Ok(())
    }

    /// The "call" of an imported name: one of a few, all of which make an object without running anything.
    fn reduce(&mut self) -> Parsed<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Object::Global(module, name) = &self.objects[function] else {
            return Err(format!("the pickle calls what is not an imported name at byte {}", self.at));
        };
        let [module, name] = [module, name].map(|range| &self.file[range.clone()]);
        let items = match &self.objects[arguments] {
            Object::Tuple(items) => &items[..],
            _ => return Err(format!("the pickle calls with what is no tuple at byte {}", self.at)),
        };
        let object = match (module, name, items) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct", _) => Object::Array(None),
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer", _) => Object::Buffer(arguments),
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"scalar", _) => Object::Scalar(arguments),
            (b"numpy", b"dtype", [name, ..]) => Object::Dtype(*name, None),
            (b"__builtin__" | b"builtins", b"bytes", []) => Object::Bytes(0..0),
            (b"_codecs", b"encode", [text, code]) if self.says(*code, "latin1") => match &self.objects[*text] {
                Object::Bytes(range) => Object::Latin1(range.clone()),
                _ => return Err(format!("the pickle encodes what is not text at byte {}", self.at)),
            },
            _ => {
                let [module, name] = [module, name].map(|part| String::from_utf8_lossy(&part[..part.len().min(80)]));
                return Err(format!("the pickle calls {module}.{name}, which no batch file does: not executed"));
            }
        };
        self.push(object)
    }

    fn build(&mut self) -> Parsed<()> {
        let state = self.pop()?;
        let top = self.top()?;
        match &mut self.objects[top] {
            Object::Array(slot) | Object::Dtype(_, slot) => *slot = Some(state),
            _ => return Err(format!("the pickle sets the state of what is not an array at byte {}", self.at)),
        }
        Ok(())
    }

    /// Whether an object is the text or the bytes `wanted`, which are ASCII.
    pub fn says(&self, id: Id, wanted: &str) -> bool {
        // In either form ASCII is itself.
        matches!(&self.objects[id], Object::Bytes(at) | Object::Latin1(at) if self.file[at.clone()] == *wanted.as_bytes())
    }
}

/// That there may be one more of what there are `count` of.
fn within(count: usize) -> Parsed<()> {
    if count < MOST_OBJECTS { Ok(()) } else { Err(format!("the pickle makes more than {MOST_OBJECTS} objects")) }
}

/// Little-endian bytes as a number in two's complement; none if they are more than eight.
pub(super) fn signed(bytes: &[u8]) -> Option<i64> {
    let mut word = [if bytes.last().is_some_and(|b| *b >= 0x80) { 0xff } else { 0 }; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(word))
}
