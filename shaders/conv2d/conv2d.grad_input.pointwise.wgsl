// As conv2d.grad_input.naive for kernels of 1x1 at stride 1 without padding and one group: linear layers, of any width.
// A workgroup owns 8 pixels x 8 input channels, an invocation one channel of them; dy is read at addresses that all
// invocations share, each weight once for 8 pixels.
// Over naive on lavapipe, where a load whose address differs between the lanes is a loop over them: 3 times as fast at
// 64 -> 10 features, the last layer of a small network.
// Grid: ceil(c_in / 8) workgroups in x, ceil(pixels / 8) in y and z.
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
  let ci = wid.x * 8u + lane;
  let row = min(ci, params.c_in - 1u) * params.c_out;
  // Behind the last pixel: that one again.
  let p = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(pixels - 1u));
  let q = min(vec4<u32>(first) + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(pixels - 1u));
  let from_p = p * params.c_out;
  let from_q = q * params.c_out;
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
  dx[p.x * params.c_in + ci] = a.x;
  if first + 1u < pixels { dx[p.y * params.c_in + ci] = a.y; }
  if first + 2u < pixels { dx[p.z * params.c_in + ci] = a.z; }
  if first + 3u < pixels { dx[p.w * params.c_in + ci] = a.w; }
  if first + 4u < pixels { dx[q.x * params.c_in + ci] = b.x; }
  if first + 5u < pixels { dx[q.y * params.c_in + ci] = b.y; }
  if first + 6u < pixels { dx[q.z * params.c_in + ci] = b.z; }
  if first + 7u < pixels { dx[q.w * params.c_in + ci] = b.w; }
}
