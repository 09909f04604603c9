// ADAM (Kingma 2015) over every parameter tensor: g = sum of the partial sums + decay w,
// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= lr m bias1 / (sqrt(v) bias2 + eps) with
// bias1 = 1 / (1 - beta1^t), bias2 = 1 / sqrt(1 - beta2^t) from the host; then the clip, and max |w| of the chunk.
// lr is that of the step block times the tensor's rate.
// Nothing happens when halt[0] is not 0; what is not finite stays as it is and halts (optimizer/each_weight.wgsl).
// One workgroup owns one chunk, one invocation one element at a time.
// weight, m, v: flat, from element `base` on; grad: from `grad_base` on; gain = 1 - beta. fours: 1 if
// all partial sums begin at multiples of four (for other variants).
// Grid: one workgroup per chunk of the window, in rows.
// include optimizer/each_weight.wgsl
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

fn update(at: u32, rate: f32, w: f32, sum: f32, decay: f32) -> Updated {
  let g = sum + decay;
  let m1 = params.beta1 * m[at] + params.gain1 * g;
  let v1 = params.beta2 * v[at] + params.gain2 * g * g;
  let after = w - rate * (m1 * step.bias1) / (sqrt(v1) * step.bias2 + params.eps);
  let sound = is_finite(m1) && is_finite(v1) && is_finite(after);
  if sound {
    m[at] = m1;
    v[at] = v1;
  }
  return Updated(after, sound);
}
