// As conv2d.forward.naive for kernels of 1x1 at stride 1 without padding: linear layers, and classifiers of any number of classes.
// A workgroup owns 8 pixels x 8 output channels of a group, an invocation one channel of them; x is read at addresses that all
// invocations share, each weight once for 8 pixels.
// Grid: groups ceil(c_out / 8) workgroups in x, ceil(pixels / 8) in y and z.
// include common/conv2d.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let pixels = params.n * params.oh * params.ow;
  let first = (wid.z * count.y + wid.y) * 8u;
  let across = (params.c_out + 7u) / 8u;
  let group = select(wid.x / across, 0u, params.groups == 1u); // a constant for one
  let co = (wid.x - group * across) * 8u + lane;
  let column = group * params.c_out + min(co, params.c_out - 1u);
  // Behind the last pixel: that one again.
  let p = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(pixels - 1u));
  let q = min(vec4<u32>(first) + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(pixels - 1u));
  let from_p = (p * params.groups + group) * params.c_in;
  let from_q = (q * params.groups + group) * params.c_in;
  var a = vec4<f32>(0.0);
  var b = vec4<f32>(0.0);
  for (var ci = 0u; ci < params.c_in; ci++) {
    let weight = vec4<f32>(w[ci * params.groups * params.c_out + column]);
    a = fma(vec4<f32>(vec4<X>(x[from_p.x + ci], x[from_p.y + ci], x[from_p.z + ci], x[from_p.w + ci])), weight, a);
    b = fma(vec4<f32>(vec4<X>(x[from_q.x + ci], x[from_q.y + ci], x[from_q.z + ci], x[from_q.w + ci])), weight, b);
  }
  if co >= params.c_out || first >= pixels {
    return;
  }
  let to_p = p * (params.groups * params.c_out) + column;
  let to_q = q * (params.groups * params.c_out) + column;
  y[to_p.x] = Y(a.x);
  if first + 1u < pixels { y[to_p.y] = Y(a.y); }
  if first + 2u < pixels { y[to_p.z] = Y(a.z); }
  if first + 3u < pixels { y[to_p.w] = Y(a.w); }
  if first + 4u < pixels { y[to_q.x] = Y(b.x); }
  if first + 5u < pixels { y[to_q.y] = Y(b.y); }
  if first + 6u < pixels { y[to_q.z] = Y(b.z); }
  if first + 7u < pixels { y[to_q.w] = Y(b.w); }
}
