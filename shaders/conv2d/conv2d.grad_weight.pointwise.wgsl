// As conv2d.grad_weight.naive for kernels of 1x1 at stride 1 without padding: linear layers, of any width.
// A workgroup owns 8 input x 8 output channels of one group and split, an invocation one input channel of them; dy is read at
// addresses that all invocations share, each element of x once for 8 outputs.
// Over naive on lavapipe, where a load whose address differs between the lanes is a loop over them: 4 times as fast at
// 64 -> 10 features, the last layer of a small network.
// Grid: ceil(c_in / 8) workgroups in x, groups ceil(c_out / 8) in y, the splits in z.
// include common/conv2d.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let ci = wid.x * 8u + lane;
  let across = (params.c_out + 7u) / 8u;
  let group = select(wid.y / across, 0u, params.groups == 1u); // a constant for one
  let row = group * params.c_in + min(ci, params.c_in - 1u);
  let first = (wid.y - group * across) * 8u;
  // Behind the last column: that one again.
  let r = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.c_out - 1u));
  let s = min(vec4<u32>(first) + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(params.c_out - 1u));
  var a = vec4<f32>(0.0);
  var b = vec4<f32>(0.0);
  for (var p = wid.z * run; p < min((wid.z + 1u) * run, pixels); p++) {
    let at = (p * params.groups + group) * params.c_out;
    let value = vec4<f32>(f32(x[p * params.groups * params.c_in + row]));
    a = fma(value, vec4<f32>(dy[at + r.x], dy[at + r.y], dy[at + r.z], dy[at + r.w]), a);
    b = fma(value, vec4<f32>(dy[at + s.x], dy[at + s.y], dy[at + s.z], dy[at + s.w]), b);
  }
  if ci >= params.c_in {
    return;
  }
  let to = ((wid.z * params.c_in + ci) * params.groups + group) * params.c_out + first;
  dw[to] = a.x;
  if first + 1u < params.c_out { dw[to + 1u] = a.y; }
  if first + 2u < params.c_out { dw[to + 2u] = a.z; }
  if first + 3u < params.c_out { dw[to + 3u] = a.w; }
  if first + 4u < params.c_out { dw[to + 4u] = b.x; }
  if first + 5u < params.c_out { dw[to + 5u] = b.y; }
  if first + 6u < params.c_out { dw[to + 6u] = b.z; }
  if first + 7u < params.c_out { dw[to + 7u] = b.w; }
}
