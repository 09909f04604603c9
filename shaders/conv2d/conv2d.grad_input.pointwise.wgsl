// As conv2d.grad_input.naive for kernels of 1x1 at stride 1 without padding: linear layers, of any width.
// A workgroup owns 8 pixels x 8 input channels of a group, an invocation one channel of them; dy is read at addresses that all
// invocations share, each weight once for 8 pixels.
// Over naive on lavapipe, where a load whose address differs between the lanes is a loop over them: 3 times as fast at
// 64 -> 10 features, the last layer of a small network.
// Grid: groups ceil(c_in / 8) workgroups in x, ceil(pixels / 8) in y and z.
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let pixels = params.n * params.oh * params.ow;
  let first = (wid.z * count.y + wid.y) * 8u;
  let across = (params.c_in + 7u) / 8u;
  let group = select(wid.x / across, 0u, params.groups == 1u); // a constant for one
  let ci = (wid.x - group * across) * 8u + lane;
  let row = (min(ci, params.c_in - 1u) * params.groups + group) * params.c_out;
  // Behind the last pixel: that one again.
  let p = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(pixels - 1u));
  let q = min(vec4<u32>(first) + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(pixels - 1u));
  let from_p = (p * params.groups + group) * params.c_out;
  let from_q = (q * params.groups + group) * params.c_out;
  var a = vec4<f32>(0.0);
  var b = vec4<f32>(0.0);
  for (var co = 0u; co < params.c_out; co++) {
    let weight = vec4<f32>(w[row + co]);
    a = fma(vec4<f32>(dy[from_p.x + co], dy[from_p.y + co], dy[from_p.z + co], dy[from_p.w + co]), weight, a);
    b = fma(vec4<f32>(dy[from_q.x + co], dy[from_q.y + co], dy[from_q.z + co], dy[from_q.w + co]), weight, b);
  }
  if ci >= params.c_in || first >= pixels {
    return;
  }
  let to_p = (p * params.groups + group) * params.c_in + ci;
  let to_q = (q * params.groups + group) * params.c_in + ci;
  dx[to_p.x] = a.x;
  if first + 1u < pixels { dx[to_p.y] = a.y; }
  if first + 2u < pixels { dx[to_p.z] = a.z; }
  if first + 3u < pixels { dx[to_p.w] = a.w; }
  if first + 4u < pixels { dx[to_q.x] = b.x; }
  if first + 5u < pixels { dx[to_q.y] = b.y; }
  if first + 6u < pixels { dx[to_q.z] = b.z; }
  if first + 7u < pixels { dx[to_q.w] = b.w; }
}
