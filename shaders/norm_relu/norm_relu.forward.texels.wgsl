// As norm_relu.forward.naive, four channels of one row per invocation: c is a multiple of 4.
// Over vec4: operands in textures, whose loads are vector gathers on lavapipe, so cheap that even those of a channel
// need not serve several rows.
// Grid: ceil(rows c / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/texels.wgsl
struct Params { rows: u32, c: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var table: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  if i >= params.rows * quads {
    return;
  }
  let channel = i % quads;
  let mean = textureLoad(table, texel(channel));
  let scale = textureLoad(table, texel(quads + channel));
  let beta = textureLoad(table, texel(2u * quads + channel));
  let z = fma(textureLoad(x, texel(i)) - mean, scale, beta);
  y[i] = vec4<Y>(select(z, vec4<f32>(0.0), z < vec4<f32>(0.0)));
}
