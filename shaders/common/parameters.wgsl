// The tables of the parameter tensors (src/kernels/parameters.rs). A chunk is up to 4096 consecutive elements of one
// tensor; one workgroup owns it. Array `a` of the flat arrays is bound from element `params.base` on, so element e of a
// tensor is a[segment.offset + e - params.base].
struct Segment {
  offset: u32,       // of the tensor in the flat arrays, a multiple of 64
  grad_offset: u32,  // of its gradient in `grad`, a multiple of 64
  len: u32,
  splits: u32,       // partial sums of the gradient, one after the other
  first_chunk: u32,
  chunks: u32,
  layer: u32,        // index for random draws
  clip: f32,         // c_k; NO_CLIP or more: none
  decay: f32,
  rate: f32,         // multiplies the learning rate
}
struct Chunk { segment: u32, start: u32 }

// What a tensor is projected by (src/kernels/project.rs: table).
struct Projection {
  kind: u32,
  first_draw: u32,        // number of its first random number; other links of a chain have others
  rank: u32,              // of the |w| that `quantiles` holds, from 0
  alpha: u32,             // where its alpha is in `alphas`, one for each filter: below the number of tensors max |w|
  filters: u32,           // how many alphas it has
  stride: u32,            // weight e belongs to filter e / stride modulo filters
  share: f32,             // of a weight in a mean; 0: alpha is a maximum
  partials: u32,          // where its parts are in `partials` (project/parts.wgsl)
  p0: f32, p1: f32, p2: f32,
}

const CHUNK: u32 = 4096u;
const NO_CLIP: f32 = 3e38;

// w to [-c, c], c = c_k times the scale of the step block.
fn clipped(segment: Segment, scale: f32, w: f32) -> f32 {
  if segment.clip >= NO_CLIP {
    return w;
  }
  let c = segment.clip * scale;
  return clamp(w, -c, c);
}

fn clipped_vec4(segment: Segment, scale: f32, w: vec4<f32>) -> vec4<f32> {
  let c = vec4<f32>(segment.clip * scale);
  return select(clamp(w, -c, c), w, vec4<bool>(segment.clip >= NO_CLIP));
}

// In the variants `runs`, invocation `lane` of `size` owns the elements 4 i .. 4 i + 3 of a chunk for i = x, x + 8, ... below
// y; the chunk has `fours` of them. Each eight invocations walk through a run of consecutive ones: a software driver
// takes the subgroups of a workgroup one after the other, and strides of the whole workgroup would lead each of them
// through all of the chunk's memory.
fn run_of(lane: u32, size: u32, fours: u32) -> vec2<u32> {
  let length = 2u * CHUNK / size;
  let first = lane / 8u * length;
  return vec2<u32>(first + lane % 8u, min(first + length, fours));
}
