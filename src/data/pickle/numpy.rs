//! The numpy arrays and numbers that a pickle described.

use std::borrow::Cow;

use super::machine::{Id, Machine, Object, Parsed, signed};

/// An array: its shape, its elements' type and bytes.
struct Array<'a> {
    shape: Vec<usize>,
    /// The objects of an `Object::Dtype`.
    dtype: (Id, Option<Id>),
    /// Whether the first index is the innermost.
    column_major: bool,
    content: Cow<'a, [u8]>,
}

impl<'a> Machine<'a> {
    /// Rows, columns and content, row-major, of the two-dimensional array of bytes `data`.
    pub fn table(&self, id: Id) -> Parsed<(usize, usize, Cow<'a, [u8]>)> {
        let no = || "'data' is not a two-dimensional numpy array of unsigned bytes".to_string();
        let array = self.array(id).ok_or_else(no)?;
        let ([rows, columns], true) = (&array.shape[..], ["u1", "|u1"].iter().any(|t| self.says(array.dtype.0, t)))
        else {
            return Err(no());
        };
        let (rows, columns, content) = (*rows, *columns, array.content);
        if rows.checked_mul(columns) != Some(content.len()) {
            return Err(format!("'data' claims {rows} x {columns} bytes, but has {}", content.len()));
        }
        let data = match array.column_major && !content.is_empty() {
            false => content,
            true => (0..rows).flat_map(|r| content[r..].iter().step_by(rows).copied()).collect(),
        };
        Ok((rows, columns, data))
    }

    /// The integers of the list or one-dimensional array called `name`.
    pub fn integers(&self, name: &str, id: Id) -> Parsed<Vec<i64>> {
        if let Object::List(items) = &self.objects[id] {
            return items.iter().map(|id| self.integer_of(*id).ok_or("a label is not an integer".into())).collect();
        }
        let no = || format!("'{name}' is neither a list nor an array of integers");
        let array = self.array(id).filter(|a| a.shape.len() == 1).ok_or_else(no)?;
        let width = self.width(array.dtype).ok_or_else(no)?;
        if array.shape[0].checked_mul(width) != Some(array.content.len()) {
            return Err(format!("'{name}' claims {} x {width} bytes, but has {}", array.shape[0], array.content.len()));
        }
        let number = |bytes| self.element(array.dtype, bytes).ok_or_else(no);
        array.content.chunks_exact(width).map(number).collect()
    }

    /// Python's integer or numpy's.
    fn integer_of(&self, id: Id) -> Option<i64> {
        match &self.objects[id] {
            Object::Int(i) => Some(*i),
            Object::Scalar(arguments) => {
                let [dtype, content] = self.tuple_of(*arguments)? else { return None };
                let Object::Dtype(name, state) = self.objects[*dtype] else { return None };
                self.element((name, state), &self.bytes(*content)?)
            }
            _ => None,
        }
    }

    /// Bytes of an element of an integer type.
    fn width(&self, (name, _): (Id, Option<Id>)) -> Option<usize> {
        let types = [("u1", 1), ("i1", 1), ("u2", 2), ("i2", 2), ("u4", 4), ("i4", 4), ("u8", 8), ("i8", 8)];
        types.iter().find(|(t, _)| self.says(name, t)).map(|(_, width)| *width)
    }

    /// One element of an integer type.
    fn element(&self, dtype: (Id, Option<Id>), bytes: &[u8]) -> Option<i64> {
        if self.width(dtype)? != bytes.len() {
            return None;
        }
        // The second item of a type's state is the order of its bytes.
        let order = dtype.1.and_then(|state| self.tuple_of(state)?.get(1));
        let mut bytes = bytes.to_vec();
        if order.is_some_and(|order| self.says(*order, ">")) {
            bytes.reverse();
        }
        if bytes.len() < 8 && ["u1", "u2", "u4"].iter().any(|t| self.says(dtype.0, t)) {
            // With a zero above it the highest bit is no sign.
            bytes.push(0);
        }
        signed(&bytes)
    }

    fn tuple_of(&self, id: Id) -> Option<&[Id]> {
        match &self.objects[id] {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The content of bytes in either form.
    fn bytes(&self, id: Id) -> Option<Cow<'a, [u8]>> {
        match &self.objects[id] {
            Object::Bytes(at) => Some(Cow::Borrowed(&self.file[at.clone()])),
            Object::Latin1(at) => {
                let text = str::from_utf8(&self.file[at.clone()]).ok()?;
                text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>().map(Cow::Owned)
            }
            _ => None,
        }
    }

    fn array(&self, id: Id) -> Option<Array<'a>> {
        let (shape, dtype, column_major, content) = match self.objects[id] {
            Object::Array(state) => {
                let [_, shape, dtype, order, content] = *self.tuple_of(state?)? else { return None };
                (shape, dtype, matches!(self.objects[order], Object::Bool(true)), content)
            }
            Object::Buffer(arguments) => {
                let [content, dtype, shape, order] = *self.tuple_of(arguments)? else { return None };
                (shape, dtype, self.says(order, "F"), content)
            }
            _ => return None,
        };
        let Object::Dtype(name, state) = self.objects[dtype] else { return None };
        let side = |id: &Id| match self.objects[*id] {
            Object::Int(side) => usize::try_from(side).ok(),
            _ => None,
        };
        let shape = self.tuple_of(shape)?.iter().map(side).collect::<Option<_>>()?;
        Some(Array { shape, dtype: (name, state), column_major, content: self.bytes(content)? })
    }
}
