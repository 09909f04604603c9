// ADAM (Kingma 2015) over every parameter tensor: g = sum of the partial sums + decay w,
// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= lr m bias1 / (sqrt(v) bias2 + eps) with
// bias1 = 1 / (1 - beta1^t), bias2 = 1 / sqrt(1 - beta2^t) from the host; then the clip, and max |w| of the chunk.
// lr is that of the step block times the tensor's rate.
// Nothing happens when halt[0] is not 0. An element whose update would not be finite stays as it is, and the maximum
// of its chunk becomes infinite, which the metric kernel sees and halts.
// One workgroup owns one chunk (common/parameters.wgsl), one invocation one element at a time.
// weight, m, v: flat, from element `base` on; grad: from `grad_base` on; gain = 1 - beta. fours: 1 if
// all partial sums begin at multiples of four (for other variants).
// Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/step.wgsl
// include common/finite.wgsl
// include common/parameters.wgsl
// include common/workgroup_max.wgsl
// include optimizer/gradient.wgsl
const SIZE: u32 = 256u; // knob 64 128 256

struct Params {
  first_chunk: u32, chunks: u32, base: u32, grad_base: u32, fours: u32,
  beta1: f32, gain1: f32, beta2: f32, gain2: f32, eps: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(4) var<storage, read> halt: array<u32>;
@group(0) @binding(5) var<storage, read> grad: array<f32>;
@group(0) @binding(6) var<storage, read_write> weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> m: array<f32>;
@group(0) @binding(8) var<storage, read_write> v: array<f32>;
@group(0) @binding(9) var<storage, read_write> maxima: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  if index >= params.chunks || halt[0] != 0u {
    return;
  }
  let chunk = chunks[params.first_chunk + index];
  let segment = segments[chunk.segment];
  let size = min(CHUNK, segment.len - chunk.start);
  let at = segment.offset + chunk.start - params.base;
  var most = 0.0;
  for (var i = lane; i < size; i += SIZE) {
    let before = weight[at + i];
    let g = gradient(segment, chunk.start + i, before);
    let m1 = params.beta1 * m[at + i] + params.gain1 * g;
    let v1 = params.beta2 * v[at + i] + params.gain2 * g * g;
    let after = before - step.lr * segment.rate * (m1 * step.bias1) / (sqrt(v1) * step.bias2 + params.eps);
    if !(is_finite(m1) && is_finite(v1) && is_finite(after)) {
      most = infinity(i);
      continue;
    }
    let w = clipped(segment, step.clip_scale, after);
    m[at + i] = m1;
    v[at + i] = v1;
    weight[at + i] = w;
    most = max(most, abs(w));
  }
  most = workgroup_max(most, lane, SIZE);
  if lane == 0u {
    maxima[params.first_chunk + index] = most;
  }
}
