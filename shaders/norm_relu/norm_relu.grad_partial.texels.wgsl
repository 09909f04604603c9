// As norm_relu.grad_partial.vec4, operands in textures, whose loads are vector gathers on lavapipe: a fifth of the time.
// Grid: ceil(blocks c / 256) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
// include common/texels.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var table: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let b = block_of(i, params.rows, quads, params.block);
  if b.first >= params.rows {
    return;
  }
  let mean = textureLoad(table, texel(b.channel));
  let scale = textureLoad(table, texel(quads + b.channel));
  let beta = textureLoad(table, texel(2u * quads + b.channel));
  var products = vec4<f32>(0.0);
  var sum = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    let k = r * quads + b.channel;
    let d = textureLoad(x, texel(k)) - mean;
    let dz = select(vec4<f32>(0.0), textureLoad(dy, texel(k)), fma(d, scale, beta) > vec4<f32>(0.0));
    products = fma(dz, d, products);
    sum += dz;
  }
  partial[2u * b.number * quads + b.channel] = products * textureLoad(table, texel(3u * quads + b.channel));
  partial[(2u * b.number + 1u) * quads + b.channel] = sum;
}
