// As naive, for c_in a multiple of 4, on software Vulkan: x in texels, eight lanes own the four rows of one band and
// panel. They walk along the columns without a division, and each input row is loaded once for the two or three sums in
// which it occurs.
// Grid: x, y = bands in rows, z = ceil(c_in / 32).
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> t: array<vec4<f32>>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let panel = wid.z;
  let band = linear_workgroup(wid, count);
  let depth = params.c_in / 4u;
  if band >= bands(params) || panel * 8u >= depth {
    return;
  }
  let c = panel * 8u + lane;
  let n = band / ((params.oh + 1u) / 2u);
  let y = band % ((params.oh + 1u) / 2u) * 2u - params.pad_h;
  let real = c < depth;
  let row = vec4<u32>(y, y + 1u, y + 2u, y + 3u);
  let inside = (row < vec4<u32>(params.h)) & vec4<bool>(real);
  let from_row = (vec4<u32>(n * params.h) + row) * params.w * depth + c;
  let columns = width(params) + 2u;
  let to = (panel * 4u * bands(params) + band) * columns * 8u + lane;
  let step = bands(params) * columns * 8u;
  for (var i = 0u; i < columns; i++) {
    let column = i - params.pad_w;
    let there = inside & vec4<bool>(column < params.w);
    let at = select(vec4<u32>(0u), from_row + column * depth, there);
    let d0 = select(vec4<f32>(0.0), textureLoad(x, texel(at.x)), there.x);
    let d1 = select(vec4<f32>(0.0), textureLoad(x, texel(at.y)), there.y);
    let d2 = select(vec4<f32>(0.0), textureLoad(x, texel(at.z)), there.z);
    let d3 = select(vec4<f32>(0.0), textureLoad(x, texel(at.w)), there.w);
    t[to + i * 8u] = d0 - d2;
    t[to + step + i * 8u] = d1 + d2;
    t[to + 2u * step + i * 8u] = d2 - d1;
    t[to + 3u * step + i * 8u] = d3 - d1;
  }
}
