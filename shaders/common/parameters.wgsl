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
}
struct Chunk { segment: u32, start: u32 }

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
