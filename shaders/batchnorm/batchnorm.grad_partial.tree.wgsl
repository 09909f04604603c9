// As batchnorm.grad_partial.naive, for c a multiple of 4.
// Over vec4: 32 times the invocations, which a discrete GPU needs to hide the latency of its memory.
// A workgroup owns 32 channels of one block: 8 lanes side by side take four channels each, 32 rows of lanes take every
// 32nd row; their sums are halved in workgroup memory. Grid: blocks ceil(c / 32) workgroups, in rows.
// include common/grid.wgsl
// include common/add_rows.wgsl
struct Params { rows: u32, c: u32, block: u32, eps: f32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let quads = params.c / 4u;
  let own = strip_of(linear_workgroup(wid, count), lane, quads);
  let first = own.group * params.block;
  let last = min(first + params.block, params.rows);
  var middle = vec4<f32>(0.0);
  if own.inside {
    middle = mean[own.channel];
  }
  var products = vec4<f32>(0.0);
  var sum = vec4<f32>(0.0);
  for (var r = first + own.row; r < last && own.inside; r += 32u) {
    let g = dy[r * quads + own.channel];
    products = fma(g, vec4<f32>(x[r * quads + own.channel]) - middle, products);
    sum += g;
  }
  part[lane] = products;
  other[lane] = sum;
  add_rows(lane);
  // The last row of a large grid may be longer than the work.
  if lane < 8u && own.inside && first < params.rows {
    partial[2u * own.group * quads + own.channel] = part[lane] * inverseSqrt(variance[own.channel] + params.eps);
    partial[(2u * own.group + 1u) * quads + own.channel] = other[lane];
  }
}
