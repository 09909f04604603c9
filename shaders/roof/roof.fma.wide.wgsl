// As naive, with twelve independent chains per invocation, three vectors of four: len is a multiple of 768.
// Over naive: a core with few invocations in flight (software drivers run eight at a time) needs the chains to hide the
// latency of a sum; more than twelve would not fit sixteen registers.
// Grid: len / 768 workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
struct Params { len: u32, rounds: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 192u + lane;
  if i >= params.len / 4u {
    return;
  }
  let a = vec4<f32>(params.a);
  let b = vec4<f32>(params.b);
  var u = x[i];
  var v = x[i + 64u];
  var w = x[i + 128u];
  for (var r = 0u; r < params.rounds; r++) {
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
    u = fma(u, a, b);
    v = fma(v, a, b);
    w = fma(w, a, b);
  }
  y[i] = u;
  y[i + 64u] = v;
  y[i + 128u] = w;
}
