// As norm_relu.grad_partial.vec4, operands in textures, whose loads are vector gathers on lavapipe: a fifth of the time.
// Grid: ceil(blocks c / 256) workgroups, in rows.
// include common/grid.wgsl
// include common/texels.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var table: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let quads = params.c / 4u;
  let b = i / quads;
  if b >= (params.rows + params.block - 1u) / params.block {
    return;
  }
  let channel = i % quads;
  let first = b * params.block;
  let last = min(first + params.block, params.rows);
  let mean = textureLoad(table, texel(channel));
  let scale = textureLoad(table, texel(quads + channel));
  let beta = textureLoad(table, texel(2u * quads + channel));
  var products = vec4<f32>(0.0);
  var sum = vec4<f32>(0.0);
  for (var r = first; r < last; r++) {
    let k = r * quads + channel;
    let d = textureLoad(x, texel(k)) - mean;
    let dz = select(vec4<f32>(0.0), textureLoad(dy, texel(k)), fma(d, scale, beta) > vec4<f32>(0.0));
    products = fma(dz, d, products);
    sum += dz;
  }
  partial[2u * b * quads + channel] = products * textureLoad(table, texel(3u * quads + channel));
  partial[(2u * b + 1u) * quads + channel] = sum;
}
