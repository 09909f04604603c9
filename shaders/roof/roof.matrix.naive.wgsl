// C = rounds (A0 + A1) (B0 + B1 + B2 + B3), all 16 x 16, row by row; c holds the result `len / 256` times, each computed
// anew. One invocation per element of c, products added in the order A0 B0, A0 B1, ..., A1 B3.
// Grid: len / 64 workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
struct Params { len: u32, rounds: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  if i >= params.len {
    return;
  }
  let row = i / 16u % 16u;
  let column = i % 16u;
  var sum = 0.0;
  for (var r = 0u; r < params.rounds; r++) {
    for (var p = 0u; p < 8u; p++) {
      for (var k = 0u; k < 16u; k++) {
        sum = fma(a[p / 4u * 256u + row * 16u + k], b[p % 4u * 256u + k * 16u + column], sum);
      }
    }
  }
  c[i] = sum;
}
