//! What a training step is: a list of commands over named buffers, as plain data.
//!
//! Building a plan needs no device. `gpu::Runner` executes it with WGSL, `cpu::Runner` with the f64 twins of the
//! kernels. Because it is data it can be printed ([`listing`]), planned in memory ([`memory`]), compared command by
//! command between the two runners, and replayed bit for bit.

mod builder;
mod layout;
pub mod listing;
pub mod memory;
mod row;
mod step;
mod target;

pub use builder::Builder;
pub use layout::{Layout, Rectangle, TEXELS_PER_ROW};
pub use row::TuningRow;
pub use step::Step;
pub use target::{Adapter, AdapterClass, Limits, Matrices, Options, Precision, Target};

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::projection::own::Owns;

/// Type of the elements of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Elem {
    /// 32-bit float.
    F32,
    /// 16-bit float, for maps of activations: what kernels read as f32 and round when they store it. The host sees f32.
    F16,
    /// 32-bit unsigned integer.
    U32,
}

impl Elem {
    /// Bytes of an element on a device.
    pub fn bytes(self) -> usize {
        match self {
            Elem::F32 | Elem::U32 => 4,
            Elem::F16 => 2,
        }
    }
}

/// Who writes a buffer and how long its content lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Weights, optimiser state, moments: survives steps, shared by name between the plans of one runner, checkpointed.
    State,
    /// Written by the host before a step: batch, labels, the step block. Shared by name.
    Input,
    /// A table that belongs to the plan, written once at load; the bits of its elements.
    Constant,
    /// Lives within one step; its memory is reused once nothing reads it any more.
    Transient,
    /// Read by the host after steps: metrics. Shared by name.
    Output,
}

/// Index of a buffer in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// A named array.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Unique name in the plan, e.g. `conv1.output`, `weight`, `step`.
    pub name: String,
    /// Element type.
    pub elem: Elem,
    /// Dimensions, outermost first; their product is the length.
    pub shape: Vec<usize>,
    /// Who writes it, how long it lives.
    pub role: Role,
    /// Bits of a [`Role::Constant`], empty otherwise.
    pub data: Vec<u32>,
    /// How it lies in a texture, rgba32float or rgba16float, if it lives in one ([`Builder::texels`]).
    pub texels: Option<Layout>,
}

impl Buffer {
    /// What it needs of a texture, if it lives in one.
    pub fn format(&self) -> Option<Format> {
        self.texels.map(|layout| Format { elem: self.elem, width: layout.width() })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it takes on a device: those of a texture, or its elements.
    pub fn bytes(&self) -> usize {
        bytes(self.len(), self.elem, self.texels)
    }
}

/// Bytes that an array takes on a device: those of a texture, or its elements.
pub fn bytes(len: usize, elem: Elem, texels: Option<Layout>) -> usize {
    texels.map_or(len, |layout| 4 * layout.width() * layout.height(len)) * elem.bytes()
}

/// What the textures have in common that can share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// What their elements are.
    pub elem: Elem,
    /// Texels in a row.
    pub width: usize,
}

/// A contiguous part of a buffer, in elements. What a command binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The buffer.
    pub buffer: BufferId,
    /// First element.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
}

impl View {
    /// The part `range` (in elements, relative to this view).
    ///
    /// # Panics
    /// If `range` leaves the view: a bug of the caller.
    pub fn slice(&self, range: Range<usize>) -> View {
        assert!(range.start <= range.end && range.end <= self.len, "slice {range:?} of a view of {}", self.len);
        View { buffer: self.buffer, offset: self.offset + range.start, len: range.len() }
    }

    /// The part that rows `range` of an array of `self.len / outer` elements per row cover.
    pub fn rows(&self, range: &Range<usize>, outer: usize) -> View {
        let row = self.len / outer;
        self.slice(range.start * row..range.end * row)
    }
}

/// How a kernel uses an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`, every element of the view is written, none read.
    Write,
    /// `var<storage, read_write>`, read and written.
    ReadWrite,
    /// `var<uniform>`: the step block.
    Uniform,
}

impl Access {
    /// Whether the kernel may change the argument.
    pub fn writes(self) -> bool {
        matches!(self, Access::Write | Access::ReadWrite)
    }

    /// Whether the kernel depends on what the argument held before.
    pub fn reads(self) -> bool {
        !matches!(self, Access::Write)
    }
}

/// One bound argument of a command.
#[derive(Clone, Debug)]
pub struct Arg {
    /// Name of the WGSL variable.
    pub name: &'static str,
    /// What is bound.
    pub view: View,
    /// What its elements are on the device: those of its buffer.
    pub elem: Elem,
    /// How it is used.
    pub access: Access,
}

impl Arg {
    /// Bytes of what is bound.
    pub fn bytes(&self) -> usize {
        self.view.len * self.elem.bytes()
    }
}

/// A scalar of the `Params` block of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// `u32`.
    U32(u32),
    /// `f32`.
    F32(f32),
}

impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Value::U32(v)
    }
}

impl From<usize> for Value {
    fn from(v: usize) -> Self {
        Value::U32(u32::try_from(v).expect("a kernel parameter above 2^32"))
    }
}

impl From<f32> for Value {
    fn from(v: f32) -> Self {
        Value::F32(v)
    }
}

impl Value {
    /// The four bytes that the uniform block holds.
    pub fn bits(self) -> u32 {
        match self {
            Value::U32(v) => v,
            Value::F32(v) => v.to_bits(),
        }
    }
}

/// The constants of one dispatch, by the names of the fields of the WGSL `Params` struct.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(pub Vec<(&'static str, Value)>);

impl std::fmt::Display for Params {
    /// ` n=50 h=32`: a space before each.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(name, value)| match value {
            Value::U32(v) => write!(f, " {name}={v}"),
            Value::F32(v) => write!(f, " {name}={v}"),
        })
    }
}

impl Params {
    fn get(&self, name: &str) -> Value {
        match self.0.iter().find(|(n, _)| *n == name) {
            Some((_, v)) => *v,
            None => panic!("no parameter `{name}` in {:?}", self.0),
        }
    }

    /// An unsigned parameter as `usize`.
    ///
    /// # Panics
    /// If there is none of that name and type: a bug in the kernel's table.
    pub fn u(&self, name: &str) -> usize {
        match self.get(name) {
            Value::U32(v) => v as usize,
            Value::F32(_) => panic!("parameter `{name}` is a float"),
        }
    }

    /// A float parameter. Panics as [`Params::u`].
    pub fn f(&self, name: &str) -> f32 {
        match self.get(name) {
            Value::F32(v) => v,
            Value::U32(_) => panic!("parameter `{name}` is an integer"),
        }
    }
}

/// One dispatch of one kernel.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// `layer.pass`, e.g. `conv1.forward`: what errors, the profile and the listing say.
    pub scope: String,
    /// Kernel, e.g. `conv2d.forward`.
    pub kernel: &'static str,
    /// Variant, e.g. `naive`.
    pub variant: &'static str,
    /// Knobs that differ from the defaults in the shader file.
    pub knobs: Vec<(String, u32)>,
    /// Constants.
    pub params: Params,
    /// Bound views.
    pub args: Vec<Arg>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

impl Dispatch {
    /// The argument called `name`.
    ///
    /// # Panics
    /// If there is none: a bug in the kernel's table.
    pub fn arg(&self, name: &str) -> &Arg {
        self.args.iter().find(|a| a.name == name).unwrap_or_else(|| panic!("{}: no argument `{name}`", self.scope))
    }

    /// Names of the arguments that hold 16-bit floats, for which the shader is composed.
    pub fn halves(&self) -> Vec<&'static str> {
        self.args.iter().filter(|a| a.elem == Elem::F16).map(|a| a.name).collect()
    }

    /// `lanes TILE=4`: the variant with its knobs.
    pub fn way(&self) -> String {
        let knobs: String = self.knobs.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        format!("{}{knobs}", self.variant)
    }
}

/// One entry of a plan.
#[derive(Clone, Debug)]
pub enum Command {
    /// A kernel runs.
    Dispatch(Dispatch),
    /// The device's transfer engine copies an array into a texture ([`Builder::texels`]).
    Copy {
        /// As [`Dispatch::scope`].
        scope: String,
        /// The array, read as `from`, and the texture, written as `to`.
        args: [Arg; 2],
    },
}

impl Command {
    /// See [`Dispatch::scope`].
    pub fn scope(&self) -> &str {
        match self {
            Command::Dispatch(d) => &d.scope,
            Command::Copy { scope, .. } => scope,
        }
    }

    /// What it reads and writes.
    pub fn args(&self) -> &[Arg] {
        match self {
            Command::Dispatch(d) => &d.args,
            Command::Copy { args, .. } => args,
        }
    }

    /// The dispatch, if it is one.
    pub fn dispatch(&self) -> Option<&Dispatch> {
        match self {
            Command::Dispatch(d) => Some(d),
            Command::Copy { .. } => None,
        }
    }

    /// What runs: `conv2d.forward/lanes TILE=4`, or `copy`.
    pub fn what(&self) -> String {
        match self {
            Command::Dispatch(d) => format!("{}/{}", d.kernel, d.way()),
            Command::Copy { .. } => "copy".into(),
        }
    }
}

/// A step as data.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What it is for: `train`, `moments`, `test`.
    pub name: String,
    /// Arrays.
    pub buffers: Vec<Buffer>,
    /// What the device does, in order.
    pub commands: Vec<Command>,
    /// Names of parts of buffers, for listings: `weight[conv1.weight]`.
    pub labels: Vec<(View, String)>,
    /// Users' own projections, whose functions its shaders take in.
    pub own: Owns,
}

impl Plan {
    /// The buffer a view lies in.
    pub fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[id.0 as usize]
    }

    /// Looks a buffer up by name.
    pub fn find(&self, name: &str) -> Option<BufferId> {
        self.buffers.iter().position(|b| b.name == name).map(|i| BufferId(i as u32))
    }

    /// The dispatches, in order.
    pub fn dispatches(&self) -> impl Iterator<Item = &Dispatch> {
        self.commands.iter().filter_map(Command::dispatch)
    }

    /// Reads of transients that no earlier command wrote, as `scope reads name`; empty in a sound plan.
    pub fn unwritten_reads(&self) -> Vec<String> {
        let mut written = vec![false; self.buffers.len()];
        let mut bad = vec![];
        for c in &self.commands {
            for a in c.args() {
                let b = self.buffer(a.view.buffer);
                if a.access.reads() && b.role == Role::Transient && !written[a.view.buffer.0 as usize] {
                    bad.push(format!("{} reads {}", c.scope(), b.name));
                }
            }
            for a in c.args().iter().filter(|a| a.access.writes()) {
                written[a.view.buffer.0 as usize] = true;
            }
        }
        bad
    }
}
