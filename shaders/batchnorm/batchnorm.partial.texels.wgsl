// As batchnorm.partial.vec4, x in a texture, whose loads are vector gathers on lavapipe: a quarter of the time.
// Grid: ceil(blocks c / 256) workgroups, in rows.
// include entry/each.wgsl
// include common/blocks.wgsl
// include common/texels.wgsl
struct Params { rows: u32, c: u32, block: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let b = block_of(i, params.rows, quads, params.block);
  if b.first >= params.rows {
    return;
  }
  let n = f32(b.last - b.first);
  var sum = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    sum += textureLoad(x, texel(r * quads + b.channel));
  }
  let mean = sum / n;
  var off = vec4<f32>(0.0);
  var squares = vec4<f32>(0.0);
  for (var r = b.first; r < b.last; r++) {
    let d = textureLoad(x, texel(r * quads + b.channel)) - mean;
    off += d;
    squares = fma(d, d, squares);
  }
  partial[2u * b.number * quads + b.channel] = mean + off / n;
  partial[(2u * b.number + 1u) * quads + b.channel] = max(squares - off * off / n, vec4<f32>(0.0));
}
