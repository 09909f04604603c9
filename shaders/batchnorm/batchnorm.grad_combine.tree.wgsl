// As batchnorm.grad_combine.naive, for c a multiple of 4.
// Over vec4: 32 times the invocations, which a discrete GPU needs to hide the latency of its memory.
// A workgroup owns 32 channels: 8 lanes side by side take four channels each, 32 rows of lanes take every 32nd block;
// their sums are halved in workgroup memory. Grid: ceil(c / 32) workgroups.
// include common/grid.wgsl
// include common/add_rows.wgsl
struct Params { c: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dgamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dbeta: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let quads = params.c / 4u;
  let own = strip_of(linear_workgroup(wid, count), lane, quads);
  var products = vec4<f32>(0.0);
  var sum = vec4<f32>(0.0);
  for (var b = own.row; b < params.blocks && own.inside; b += 32u) {
    products += partial[2u * b * quads + own.channel];
    sum += partial[(2u * b + 1u) * quads + own.channel];
  }
  part[lane] = products;
  other[lane] = sum;
  add_rows(lane);
  if lane < 8u && own.inside {
    dgamma[own.channel] = part[lane];
    dbeta[own.channel] = other[lane];
  }
}
