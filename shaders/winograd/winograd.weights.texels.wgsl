// As naive, for c_in and c_out multiples of 4, from a texture (winograd/expand_weights.wgsl, which says the grid).
// include common/texels.wgsl
// include winograd/expand_weights.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;

fn weight(i: u32) -> vec4<f32> {
  return textureLoad(w, texel(i));
}
