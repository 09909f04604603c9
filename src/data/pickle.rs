//! A reader for the pickles in which CIFAR-10's python layout comes, and for no others.
//!
//! A pickle is a program for a stack machine whose instructions can call any function of any module. This machine knows
//! the thirty instructions that Python 2's `cPickle` (protocol 2) writes for a dictionary of strings, integers, lists
//! and one numpy array of bytes; the only "functions" are the two that rebuild such an array, and they are recognised by
//! name and never called. Every operand is checked against the bytes that are really there, and the number of objects is
//! bounded.

use std::collections::HashMap;
use std::ops::Range;

/// Objects a file may make. The published ones make about 20,000: a label and a file name per image.
const MOST_OBJECTS: usize = 1_000_000;

/// What a batch file says.
pub(super) struct Batch<'a> {
    /// Rows of `data`.
    pub count: usize,
    /// Bytes per row.
    pub width: usize,
    /// `[count][width]`
    pub data: &'a [u8],
    /// The list `labels`.
    pub labels: Vec<u8>,
}

/// An object is its index in [`Machine::objects`], so that a list remembered before it was filled is the list itself.
type Id = usize;

#[derive(Clone, Debug)]
enum Object {
    /// `None` and booleans: nothing here depends on which.
    Plain,
    Int(i64),
    /// Where a string is in the file.
    Bytes(Range<usize>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// Where the lines `module\nname` of an imported name are in the file.
    Global(Range<usize>),
    /// `numpy.dtype(name)`
    Dtype(Id),
    /// A numpy array; its state is the argument of `BUILD`.
    Array(Option<Id>),
}

/// An error in words, without the path, which the caller knows.
type Parsed<T> = std::result::Result<T, String>;

struct Machine<'a> {
    file: &'a [u8],
    at: usize,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

/// Reads the dictionary of a batch file and takes `data` and `labels` from it.
pub(super) fn read_batch(file: &[u8]) -> Parsed<Batch<'_>> {
    let mut machine = Machine { file, at: 0, objects: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
    let root = machine.run()?;
    let Object::Dict(items) = &machine.objects[root] else {
        return Err("the pickle holds no dictionary".into());
    };
    let value = |wanted: &str| {
        items
            .iter()
            .find(|(key, _)| matches!(machine.bytes(*key), Some(k) if k == wanted.as_bytes()))
            .map(|(_, value)| *value)
            .ok_or(format!("the pickled dictionary has no entry '{wanted}'"))
    };
    let (count, width, data) = machine.array(value("data")?)?;
    let Object::List(labels) = &machine.objects[value("labels")?] else {
        return Err("'labels' is not a list".into());
    };
    let labels = labels
        .iter()
        .map(|id| match machine.objects[*id] {
            Object::Int(i) => u8::try_from(i).map_err(|_| format!("label {i} is out of range")),
            _ => Err("a label is not an integer".into()),
        })
        .collect::<Parsed<_>>()?;
    Ok(Batch { count, width, data, labels })
}

impl<'a> Machine<'a> {
    /// Executes up to `STOP` and returns the object on top of the stack.
    fn run(&mut self) -> Parsed<Id> {
        loop {
            let start = self.at;
            match self.take(1)?[0] {
                b'.' => return self.pop(),
                0x80 => match self.take(1)?[0] {
                    version @ 0..=2 => log::trace!("pickle protocol {version}"),
                    version => return Err(format!("pickle protocol {version}; the official files have 2")),
                },
                b'(' => self.marks.push(self.stack.len()),
                b'q' => self.put(1)?,
                b'r' => self.put(4)?,
                b'h' => self.get(1)?,
                b'j' => self.get(4)?,
                b'N' | 0x88 | 0x89 => self.push(Object::Plain)?,
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                b'J' => self.integer(4)?,
                b'U' => self.string(1)?,
                b'T' => self.string(4)?,
                b'c' => self.global()?,
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
                other => {
                    return Err(format!(
                        "pickle instruction 0x{other:02x} at byte {start}, which the official files do not use"
                    ));
                }
            }
        }
    }

    /// The next `n` bytes of the file.
    fn take(&mut self, n: usize) -> Parsed<&'a [u8]> {
        let range = self.range(n)?;
        Ok(&self.file[range])
    }

    /// Where the next `n` bytes of the file are.
    fn range(&mut self, n: usize) -> Parsed<Range<usize>> {
        if n > self.file.len() - self.at {
            return Err(format!("the pickle is truncated: byte {} asks for {n} more", self.at));
        }
        self.at += n;
        Ok(self.at - n..self.at)
    }

    /// The next `n` bytes as a little-endian number.
    fn number(&mut self, n: usize) -> Parsed<u32> {
        Ok(self.take(n)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    fn push(&mut self, object: Object) -> Parsed<()> {
        if self.objects.len() == MOST_OBJECTS {
            return Err(format!("the pickle makes more than {MOST_OBJECTS} objects"));
        }
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
        let (slot, id) = (self.number(width)?, self.top()?);
        self.memo.insert(slot, id);
        Ok(())
    }

    fn get(&mut self, width: usize) -> Parsed<()> {
        let slot = self.number(width)?;
        let id = self.memo.get(&slot).ok_or(format!("the pickle recalls slot {slot}, which it never filled"))?;
        self.stack.push(*id);
        Ok(())
    }

    fn integer(&mut self, width: usize) -> Parsed<()> {
        let number = self.number(width)?;
        // Only the four-byte form is signed.
        self.push(Object::Int(if width == 4 { i64::from(number as i32) } else { i64::from(number) }))
    }

    fn string(&mut self, width: usize) -> Parsed<()> {
        let length = self.number(width)? as usize;
        let range = self.range(length)?;
        self.push(Object::Bytes(range))
    }

    fn global(&mut self) -> Parsed<()> {
        let start = self.at;
        for _ in 0..2 {
            while self.take(1)?[0] != b'\n' {}
        }
        self.push(Object::Global(start..self.at - 1))
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

    /// The "call" of an imported name: one of two, both of which make an object without running anything.
    fn reduce(&mut self) -> Parsed<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Object::Global(name) = &self.objects[function] else {
            return Err(format!("the pickle calls what is not an imported name at byte {}", self.at));
        };
        let name = &self.file[name.clone()];
        let object = match (name, &self.objects[arguments]) {
            (b"numpy.core.multiarray\n_reconstruct" | b"numpy._core.multiarray\n_reconstruct", _) => {
                Object::Array(None)
            }
            (b"numpy\ndtype", Object::Tuple(items)) if !items.is_empty() => Object::Dtype(items[0]),
            _ => {
                return Err(format!(
                    "the pickle calls {}, which the official files do not: not executed",
                    String::from_utf8_lossy(&name[..name.len().min(80)]).replace('\n', ".")
                ));
            }
        };
        self.push(object)
    }

    fn build(&mut self) -> Parsed<()> {
        let state = self.pop()?;
        let top = self.top()?;
        match &mut self.objects[top] {
            Object::Array(slot) => *slot = Some(state),
            // Byte order and alignment, without meaning for bytes.
            Object::Dtype(_) => {}
            _ => return Err(format!("the pickle sets the state of what is not an array at byte {}", self.at)),
        }
        Ok(())
    }

    fn bytes(&self, id: Id) -> Option<&'a [u8]> {
        match &self.objects[id] {
            Object::Bytes(range) => Some(&self.file[range.clone()]),
            _ => None,
        }
    }

    /// Rows, columns and content of a two-dimensional row-major array of bytes. numpy's state is the tuple
    /// (version, shape, dtype, whether column-major, content).
    fn array(&self, id: Id) -> Parsed<(usize, usize, &'a [u8])> {
        let no = || "'data' is not a two-dimensional numpy array of unsigned bytes".to_string();
        let Object::Array(Some(state)) = &self.objects[id] else { return Err(no()) };
        let Object::Tuple(state) = &self.objects[*state] else { return Err(no()) };
        let [_, shape, dtype, _, content] = state[..] else { return Err(no()) };
        let (Object::Tuple(shape), Object::Dtype(dtype)) = (&self.objects[shape], &self.objects[dtype]) else {
            return Err(no());
        };
        let [rows, columns] = shape[..] else { return Err(no()) };
        let (Object::Int(rows), Object::Int(columns)) = (&self.objects[rows], &self.objects[columns]) else {
            return Err(no());
        };
        let (Ok(rows), Ok(columns)) = (usize::try_from(*rows), usize::try_from(*columns)) else { return Err(no()) };
        let (Some(b"u1" | b"|u1"), Some(content)) = (self.bytes(*dtype), self.bytes(content)) else {
            return Err(no());
        };
        if rows.checked_mul(columns) != Some(content.len()) {
            return Err(format!("'data' claims {rows} x {columns} bytes, but has {}", content.len()));
        }
        Ok((rows, columns, content))
    }
}
