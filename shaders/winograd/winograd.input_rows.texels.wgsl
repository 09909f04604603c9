// As naive, for c_in a multiple of 4, on software Vulkan: x in texels, eight lanes own the six rows of one band and
// panel. They walk along the columns without a division, and each input row is loaded once for the sums in which it occurs.
// Grid: x, y = bands in rows, z = ceil(c_in / 32).
// in pairs x t
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd_rows.wgsl
// include common/winograd_six.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var<storage, read_write> t: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

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
  let n = band / bands_per_image(params);
  let y = band % bands_per_image(params) * 4u - params.pad_h;
  let row = vec4<u32>(y, y + 1u, y + 2u, y + 3u);
  let last = vec2<u32>(y + 4u, y + 5u);
  let inside = (row < vec4<u32>(params.h)) & vec4<bool>(c < depth);
  let last_inside = (last < vec2<u32>(params.h)) & vec2<bool>(c < depth);
  let from_row = (vec4<u32>(n * params.h) + row) * params.w * depth + c;
  let from_last = (vec2<u32>(n * params.h) + last) * params.w * depth + c;
  let columns = width(params) + 2u;
  let to = (panel * 6u * bands(params) + band) * columns * 8u + lane;
  let step = bands(params) * columns * 8u;
  for (var i = 0u; i < columns; i++) {
    let column = i - params.pad_w;
    let there = inside & vec4<bool>(column < params.w);
    let last_there = last_inside & vec2<bool>(column < params.w);
    let at = select(vec4<u32>(0u), from_row + column * depth, there);
    let last_at = select(vec2<u32>(0u), from_last + column * depth, last_there);
    let s = six_points(select(vec4<f32>(0.0), textureLoad(x, texel(at.x)), there.x),
                       select(vec4<f32>(0.0), textureLoad(x, texel(at.y)), there.y),
                       select(vec4<f32>(0.0), textureLoad(x, texel(at.z)), there.z),
                       select(vec4<f32>(0.0), textureLoad(x, texel(at.w)), there.w),
                       select(vec4<f32>(0.0), textureLoad(x, texel(last_at.x)), last_there.x),
                       select(vec4<f32>(0.0), textureLoad(x, texel(last_at.y)), last_there.y));
    t[to + i * 8u] = s.a;
    t[to + step + i * 8u] = s.b;
    t[to + 2u * step + i * 8u] = s.c;
    t[to + 3u * step + i * 8u] = s.d;
    t[to + 4u * step + i * 8u] = s.e;
    t[to + 5u * step + i * 8u] = s.f;
  }
}
