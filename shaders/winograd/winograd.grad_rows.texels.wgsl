// As naive, for c_out a multiple of 4, on software Vulkan: dy in texels, eight lanes own the six rows of one band
// and panel and walk along the columns without a division.
// Grid: x, y = bands in rows, z = ceil(c_out / 32).
// in pairs dy t
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var<storage, read_write> t: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let panel = wid.z;
  let band = linear_workgroup(wid, count);
  let depth = params.c_out / 4u;
  if band >= bands(params) || panel * 8u >= depth {
    return;
  }
  let c = panel * 8u + lane;
  let n = band / bands_per_image(params);
  let y = band % bands_per_image(params) * 4u;
  let row = vec4<u32>(y, y + 1u, y + 2u, y + 3u);
  let inside = (row < vec4<u32>(params.oh)) & vec4<bool>(c < depth);
  let from_row = (vec4<u32>(n * params.oh) + row) * params.ow * depth + c;
  let columns = width(params);
  let to = (panel * 6u * bands(params) + band) * columns * 8u + lane;
  let step = bands(params) * columns * 8u;
  for (var i = 0u; i < columns; i++) {
    let there = inside & vec4<bool>(i < params.ow);
    let at = select(vec4<u32>(0u), from_row + i * depth, there);
    let e0 = select(vec4<f32>(0.0), textureLoad(dy, texel(at.x)), there.x);
    let e1 = select(vec4<f32>(0.0), textureLoad(dy, texel(at.y)), there.y);
    let e2 = select(vec4<f32>(0.0), textureLoad(dy, texel(at.z)), there.z);
    let e3 = select(vec4<f32>(0.0), textureLoad(dy, texel(at.w)), there.w);
    let even = 5.0 * (e0 + e2);
    let odd = 5.0 * (e1 + e3);
    t[to + i * 8u] = 15.0 * e0;
    t[to + step + i * 8u] = odd + even;
    t[to + 2u * step + i * 8u] = odd - even;
    t[to + 3u * step + i * 8u] = -16.0 * e0 - 8.0 * e1 - 4.0 * e2 - 2.0 * e3;
    t[to + 4u * step + i * 8u] = e0 - 2.0 * e1 + 4.0 * e2 - 8.0 * e3;
    t[to + 5u * step + i * 8u] = 15.0 * e3;
  }
}
