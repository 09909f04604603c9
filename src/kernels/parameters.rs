//! The parameter tensors of a network in flat arrays, so that one dispatch projects or updates all of them.
//!
//! The arrays `weight`, `projected`, `adam_m`, ... hold every tensor at the same offset; `grad` holds the partial sums
//! of every gradient; `maxima` one max |w| per chunk, `quantiles` and `projections` one entry per tensor. A **chunk** is
//! up to [`CHUNK`] consecutive elements of one tensor, and one workgroup owns it. Where an array exceeds the adapter's
//! binding limit, the dispatch is repeated over **windows** of whole chunks.

use std::ops::Range;

use super::Io;
use crate::error::{Error, Result};
use crate::plan::{Builder, Elem, Limits, Params, Role, Value, View};

/// Elements of a full chunk (`CHUNK` in `shaders/common/parameters.wgsl`).
pub const CHUNK: usize = 4096;

/// Elements to which tensors are aligned: 256 bytes, the largest offset alignment that an adapter may ask for.
const ALIGN: usize = 64;

/// Tensors of a table, at most: the number of one is 16 bits of the counter of a random draw.
const MOST_TENSORS: usize = 1 << 16;

/// Words of a row of the buffer `projections`.
pub const ROW: usize = 11;

/// Words of a record of `segments`.
const SEGMENT: usize = 10;

/// Written as the clip bound where there is none; the shaders compare with `NO_CLIP`, which is a little less.
const NO_CLIP: f32 = f32::MAX;

/// A parameter tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `conv1.weight`, `bn1.gamma`.
    pub name: String,
    /// Dimensions, outermost first; `[kh, kw, c_in, c_out]` or `[in, out]` for weights.
    pub shape: Vec<usize>,
    /// First element in the flat arrays, a multiple of 64. Set by [`Parameters::push`].
    pub offset: usize,
    /// First element of its gradient in `grad`, a multiple of 64. Set by [`Parameters::push`].
    pub grad_offset: usize,
    /// Partial sums of its gradient: partial sum s of element i is `grad[grad_offset + s len + i]`.
    pub splits: usize,
    /// Clip bound c_k (Merolla et al. 2016, Algorithm 1); infinity: none.
    pub clip: f32,
    /// Coefficient of weight decay: `decay * w` is added to the gradient, in Lion to the sign that stands for it.
    pub decay: f32,
    /// Multiplies the learning rate.
    pub rate: f32,
    /// Index for random draws, below 65,536. Set by [`Parameters::push`] to the position in the table.
    pub layer: u32,
    /// The dimension of the filters: the last, unless the maker of the tensor knows better (the first in PyTorch's layout).
    pub filter_axis: usize,
    /// Whether it is projected: weights are; gamma, beta and biases never are.
    pub projected: bool,
    /// Standard deviation of the initial values; 0: they are all `initial`.
    pub init_std: f32,
    /// Initial value of a tensor that does not start at random: 1 for gamma, 0 for beta.
    pub initial: f32,
}

impl Tensor {
    /// A tensor that is neither projected nor clipped nor decayed, with one partial sum.
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Tensor {
            name: name.into(),
            shape: shape.to_vec(),
            filter_axis: shape.len().saturating_sub(1),
            offset: 0,
            grad_offset: 0,
            splits: 1,
            clip: f32::INFINITY,
            decay: 0.0,
            rate: 1.0,
            layer: 0,
            projected: false,
            init_std: 0.0,
            initial: 0.0,
        }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Filters, each of which makes one output channel.
    pub fn filters(&self) -> usize {
        self.shape.get(self.filter_axis).copied().unwrap_or(1)
    }

    /// Weights of a filter: the inputs that one output sums over.
    pub fn fan_in(&self) -> usize {
        self.len() / self.filters()
    }

    /// Consecutive weights that belong to one filter, before those of the next: filter f has the element e where
    /// e / stride = f, modulo the number of filters.
    pub fn filter_stride(&self) -> usize {
        self.shape.iter().skip(self.filter_axis + 1).product()
    }

    /// Its part of a flat array (`weight`, `projected`, `adam_m`, ...).
    pub fn part(&self, flat: View) -> View {
        flat.slice(self.offset..self.offset + self.len())
    }

    /// Its partial sums in `grad`, `[splits, shape...]`.
    pub fn grad_part(&self, grad: View) -> View {
        grad.slice(self.grad_offset..self.grad_offset + self.splits * self.len())
    }

    fn chunks(&self) -> usize {
        self.len().div_ceil(CHUNK)
    }
}

/// Up to [`CHUNK`] elements of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Index of the tensor.
    pub tensor: usize,
    /// First element in the tensor, a multiple of [`CHUNK`].
    pub start: usize,
}

/// Consecutive chunks that one dispatch processes, and the parts of the arrays that it binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Chunks.
    pub chunks: Range<usize>,
    /// Elements of the flat arrays.
    pub flat: Range<usize>,
    /// Elements of `grad`.
    pub grad: Range<usize>,
}

impl Window {
    /// The constants that every multi-tensor kernel has.
    pub fn params(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("first_chunk", self.chunks.start.into()),
            ("chunks", self.chunks.len().into()),
            ("base", self.flat.start.into()),
        ]
    }
}

/// The arrays that projections work on.
#[derive(Clone, Copy, Debug)]
pub struct Arrays {
    /// W: `weight`, state.
    pub weight: View,
    /// P: `projected`, state, so that evaluation plans can read what a training plan projected.
    pub projected: View,
    /// max |w| of every chunk: `maxima`, state; left by the update, and by `project.maxima` for loaded weights.
    pub maxima: View,
    /// What projections take for alpha: `alphas`, state; max |w| of every tensor, then room for a number of every filter.
    /// Where a tensor's is, its row of `projections` says.
    pub alphas: View,
    /// The |w| of every tensor of the rank that its projection names: `quantiles`, state; zeros unless
    /// `project.quantile` ran.
    pub quantiles: View,
    /// Which projection each tensor gets: `projections`, a few words per tensor written by the host (see
    /// `projections::table`), before the first run and whenever it changes.
    pub projections: View,
}

/// The table of all parameter tensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Tensors in order.
    pub tensors: Vec<Tensor>,
    len: usize,
    grad_len: usize,
}

impl Parameters {
    /// Name of the array of the partial sums of the gradients.
    pub const GRAD: &str = "grad";

    /// Adds a tensor behind the others: assigns its offsets and its `layer`. Returns its index.
    ///
    /// # Panics
    /// An empty tensor, no partial sum: bugs of the caller. How many there may be, [`Parameters::check`] tells.
    pub fn push(&mut self, mut tensor: Tensor) -> usize {
        assert!(!tensor.is_empty() && tensor.splits > 0, "{}: an empty tensor or no partial sum", tensor.name);
        tensor.offset = self.len;
        tensor.grad_offset = self.grad_len;
        tensor.layer = self.tensors.len() as u32;
        self.len += tensor.len().next_multiple_of(ALIGN);
        self.grad_len += (tensor.len() * tensor.splits).next_multiple_of(ALIGN);
        self.tensors.push(tensor);
        self.tensors.len() - 1
    }

    /// The same tensors with gradients that are added up (`optimizer::sum`): one partial sum each, at the place that the
    /// tensor has in every flat array.
    pub fn summed(&self) -> Parameters {
        let mut summed = Parameters::default();
        for t in &self.tensors {
            summed.push(Tensor { splits: 1, ..t.clone() });
        }
        summed
    }

    /// Some neighbouring tensors, at their places in the arrays of all.
    pub fn of(&self, tensors: Range<usize>) -> Parameters {
        Parameters { tensors: self.tensors[tensors].to_vec(), ..*self }
    }

    /// The elements of a flat array that belong to some neighbouring tensors, with the padding behind each.
    pub fn elements(&self, tensors: &Range<usize>) -> Range<usize> {
        let start = |i: usize| self.tensors.get(i).map_or(self.len, |t| t.offset);
        start(tensors.start)..start(tensors.end)
    }

    /// That there are no more tensors than random draws tell apart, and no more elements than words of 32 bits count.
    ///
    /// # Errors
    /// How many there are, and how many there may be.
    pub fn check(&self) -> Result<()> {
        let (tensors, elements) = (self.tensors.len(), self.len.max(self.grad_len));
        if tensors > MOST_TENSORS {
            return Err(Error::Invalid(format!("{tensors} tensors are more than {MOST_TENSORS}")));
        }
        if u32::try_from(elements).is_err() {
            return Err(Error::Invalid(format!("{elements} elements are more than 2^32 - 1")));
        }
        Ok(())
    }

    /// Elements of a flat array, with the padding between tensors, which is always zero.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Elements of `grad`.
    pub fn grad_len(&self) -> usize {
        self.grad_len
    }

    /// Filters of all projected tensors.
    pub fn filters(&self) -> usize {
        self.tensors.iter().filter(|t| t.projected).map(Tensor::filters).sum()
    }

    /// The tensor called `name`.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// Every chunk, tensor by tensor.
    pub fn chunks(&self) -> Vec<Chunk> {
        let of = |(tensor, t): (usize, &Tensor)| {
            (0..t.len()).step_by(CHUNK).map(move |start| Chunk { tensor, start }).collect::<Vec<_>>()
        };
        self.tensors.iter().enumerate().flat_map(of).collect()
    }

    /// Partial sums, at most `wanted`, with which a gradient of `len` elements can be bound whole under `limits`; 1
    /// where not even two fit.
    pub fn splits_that_fit(len: usize, wanted: usize, limits: &Limits) -> usize {
        wanted.min(limits.max_binding / 4 / len.max(1)).max(1)
    }

    /// Cuts the chunks into windows whose parts of the flat arrays, and of `grad` if `with_grad`, fit the binding limit.
    ///
    /// # Errors
    /// A chunk whose partial sums span more than the limit, with the tensor and the sizes.
    pub fn windows(&self, scope: &str, limits: &Limits, with_grad: bool) -> Result<Vec<Window>> {
        let most = limits.max_binding / 4;
        let mut out: Vec<Window> = vec![];
        for (i, c) in self.chunks().into_iter().enumerate() {
            let t = &self.tensors[c.tensor];
            let end = (c.start + CHUNK).min(t.len());
            let flat = t.offset + c.start..(t.offset + end).next_multiple_of(ALIGN);
            let grad = t.grad_offset + c.start..t.grad_offset + (t.splits - 1) * t.len() + end;
            let fits =
                |flat: &Range<usize>, grad: &Range<usize>| flat.len() <= most && (!with_grad || grad.len() <= most);
            if let Some(w) = out.last_mut() {
                let (flat, grad) = (w.flat.start..flat.end, w.grad.start..grad.end.max(w.grad.end));
                if fits(&flat, &grad) {
                    *w = Window { chunks: w.chunks.start..i + 1, flat, grad };
                    continue;
                }
            }
            if !fits(&flat, &grad) {
                return Err(Error::layer(
                    scope,
                    format!(
                        "{}: the {} partial sums of the gradient, {} elements each, span {} bytes, the adapter's binding \
                         limit is {}; use at most {} partial sums or another adapter",
                        t.name,
                        t.splits,
                        t.len(),
                        grad.len() * 4,
                        limits.max_binding,
                        Self::splits_that_fit(t.len(), t.splits, limits)
                    ),
                ));
            }
            out.push(Window { chunks: i..i + 1, flat, grad });
        }
        Ok(out)
    }

    /// The tables `segments` and `chunks`, added to the plan on first use.
    pub fn tables(&self, b: &mut Builder) -> (View, View) {
        let mut first = 0;
        let mut segments = vec![];
        // Both are below 2^32 by [`Parameters::check`].
        for t in &self.tensors {
            let clip = if t.clip.is_finite() { t.clip } else { NO_CLIP };
            let words = [t.offset, t.grad_offset, t.len(), t.splits, first, t.chunks(), t.layer as usize];
            segments.extend(words.map(|w| u32::try_from(w).expect("an offset above 2^32 elements")));
            segments.extend([clip, t.decay, t.rate].map(f32::to_bits));
            first += t.chunks();
        }
        let chunks = self.chunks().iter().flat_map(|c| [c.tensor as u32, c.start as u32]).collect();
        (b.shared_constant("segments", Elem::U32, segments), b.shared_constant("chunks", Elem::U32, chunks))
    }

    /// The flat f32 array `name`, added to the plan as state on first use, with the tensors named in listings.
    pub fn flat(&self, b: &mut Builder, name: &str) -> View {
        let known = b.has(name);
        let view = b.shared(name, Elem::F32, &[self.len], Role::State);
        if !known {
            for t in &self.tensors {
                b.label(t.part(view), t.name.clone());
            }
        }
        view
    }

    /// The gradients `grad`, a transient or between the plans of a cut step state, added on first use, with the tensors named in
    /// listings.
    pub fn grad(&self, b: &mut Builder, role: Role) -> View {
        let known = b.has(Self::GRAD);
        let view = b.shared(Self::GRAD, Elem::F32, &[self.grad_len], role);
        if !known {
            for t in &self.tensors {
                b.label(t.grad_part(view), t.name.clone());
            }
        }
        view
    }

    /// max |w| of every chunk, added on first use: see [`Arrays::maxima`].
    pub fn maxima(&self, b: &mut Builder) -> View {
        b.shared("maxima", Elem::F32, &[self.chunks().len()], Role::State)
    }

    /// The arrays of the projections, added on first use.
    pub fn arrays(&self, b: &mut Builder) -> Arrays {
        let tensors = self.tensors.len();
        Arrays {
            weight: self.flat(b, "weight"),
            projected: self.flat(b, "projected"),
            maxima: self.maxima(b),
            alphas: b.shared("alphas", Elem::F32, &[tensors + self.filters()], Role::State),
            quantiles: b.shared("quantiles", Elem::F32, &[tensors], Role::State),
            projections: b.shared("projections", Elem::U32, &[tensors, ROW], Role::Input),
        }
    }
}

/// A record of `segments` as twins read it; the fields are those of [`Tensor`].
pub(super) struct Segment {
    pub offset: usize,
    pub grad_offset: usize,
    pub len: usize,
    pub splits: usize,
    pub first_chunk: usize,
    pub chunks: usize,
    pub layer: u32,
    pub clip: f32,
    pub decay: f32,
    pub rate: f32,
}

impl Segment {
    /// Record `i` of the table.
    pub fn read(table: &[u32], i: usize) -> Self {
        let w = &table[i * SEGMENT..(i + 1) * SEGMENT];
        Segment {
            offset: w[0] as usize,
            grad_offset: w[1] as usize,
            len: w[2] as usize,
            splits: w[3] as usize,
            first_chunk: w[4] as usize,
            chunks: w[5] as usize,
            layer: w[6],
            clip: f32::from_bits(w[7]),
            decay: f32::from_bits(w[8]),
            rate: f32::from_bits(w[9]),
        }
    }

    /// The bound c in force, if any: c_k times the step's scale.
    pub fn bound(&self, scale: f32) -> Option<f32> {
        (self.clip < 3e38).then_some(self.clip * scale)
    }
}

/// One chunk of a dispatch as twins see it.
pub(super) struct Owned {
    /// Index of the tensor.
    pub tensor: usize,
    /// Its record.
    pub segment: Segment,
    /// Index in `chunks` and in `maxima`.
    pub chunk: usize,
    /// Elements of the tensor.
    pub elements: Range<usize>,
    /// Where the first of them stands in the bound part of a flat array.
    pub at: usize,
}

/// The chunks of a dispatch, from its tables and constants.
pub(super) fn owned(io: &Io) -> Vec<Owned> {
    let (p, segments, chunks): (&Params, _, _) = (io.params, io.u("segments"), io.u("chunks"));
    (p.u("first_chunk")..p.u("first_chunk") + p.u("chunks"))
        .map(|chunk| {
            let (tensor, start) = (chunks[2 * chunk] as usize, chunks[2 * chunk + 1] as usize);
            let segment = Segment::read(segments, tensor);
            let elements = start..(start + CHUNK).min(segment.len);
            let at = segment.offset + start - p.u("base");
            Owned { tensor, segment, chunk, elements, at }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Adapter;

    fn table() -> Parameters {
        let mut p = Parameters::default();
        p.push(Tensor { splits: 3, ..Tensor::new("a", &[3, 3, 5, 100]) });
        p.push(Tensor::new("b", &[1]));
        p.push(Tensor { splits: 2, ..Tensor::new("c", &[64, 200]) });
        p
    }

    #[test]
    fn tables_that_draws_or_offsets_cannot_count_are_refused() {
        let mut p = table();
        p.check().unwrap();
        for i in 0..MOST_TENSORS {
            p.push(Tensor::new(format!("t{i}"), &[1]));
        }
        assert_eq!(p.check().unwrap_err().to_string(), "65539 tensors are more than 65536");
        let mut p = Parameters::default();
        p.push(Tensor::new("large", &[1 << 16, 1 << 16]));
        assert_eq!(p.check().unwrap_err().to_string(), "4294967296 elements are more than 2^32 - 1");
    }

    #[test]
    fn offsets_are_aligned_and_tensors_do_not_overlap() {
        let p = table();
        for pair in p.tensors.windows(2) {
            assert!(pair[1].offset >= pair[0].offset + pair[0].len() && pair[1].offset.is_multiple_of(64));
            assert!(pair[1].grad_offset >= pair[0].grad_offset + pair[0].splits * pair[0].len());
            assert!(pair[1].grad_offset.is_multiple_of(64));
        }
        assert_eq!(p.chunks().len(), 2 + 1 + 4);
        assert_eq!((p.tensors[0].fan_in(), p.tensors[0].filter_stride()), (45, 1));
    }

    #[test]
    fn windows_hold_every_chunk_once_and_fit_the_limit() {
        let p = table();
        let mut limits = Adapter::baseline().limits;
        limits.max_binding = 70_000;
        let windows = p.windows("t", &limits, true).unwrap();
        assert!(windows.len() > 1);
        assert_eq!(windows.iter().map(|w| w.chunks.len()).sum::<usize>(), p.chunks().len());
        for w in &windows {
            assert!(w.flat.len() * 4 <= 70_000 && w.grad.len() * 4 <= 70_000);
            assert!(w.flat.start % 64 == 0 && w.grad.start % 64 == 0);
        }
    }

    #[test]
    fn partial_sums_beyond_the_limit_are_an_error_that_says_how_many_fit() {
        let mut limits = Adapter::baseline().limits;
        limits.max_binding = 40_000;
        let e = table().windows("update", &limits, true).unwrap_err().to_string();
        assert!(e.contains("update: a: the 3 partial sums") && e.contains("at most 2"), "{e}");
        assert!(table().windows("project", &limits, false).is_ok());
    }
}
