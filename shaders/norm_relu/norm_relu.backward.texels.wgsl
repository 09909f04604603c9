// As norm_relu.backward.vec4, operands in textures, whose loads are vector gathers on lavapipe.
// Grid: ceil(ceil(rows / ROWS) c / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/texels.wgsl
// include norm_relu/onto_skip_texels.wgsl if skip else norm_relu/onto_none.wgsl
alias Value = vec4<f32>;
const ROWS: u32 = 4u; // knob 1 2 4 8 16
struct Params { rows: u32, c: u32, total: u32 }
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var table: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var<storage, read> dgamma: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> dbeta: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(7) var skip: texture_storage_2d<rgba32float, read>; // if skip

fn each(i: u32) {
  let quads = params.c / 4u;
  let stride = (params.rows + ROWS - 1u) / ROWS * quads;
  if i >= stride {
    return;
  }
  let channel = i % quads;
  let mean = textureLoad(table, texel(channel));
  let scale = textureLoad(table, texel(quads + channel));
  let beta = textureLoad(table, texel(2u * quads + channel));
  let offset = dbeta[channel] / f32(params.total);
  let slope = textureLoad(table, texel(3u * quads + channel)) * dgamma[channel] / f32(params.total);
  for (var k = i; k < params.rows * quads; k += stride) {
    let d = textureLoad(x, texel(k)) - mean;
    let dz = select(vec4<f32>(0.0), textureLoad(dy, texel(k)), fma(d, scale, beta) > vec4<f32>(0.0));
    dx[k] = onto(k, scale * (dz - offset - d * slope));
  }
}
