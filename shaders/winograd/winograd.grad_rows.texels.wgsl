// As naive, for c_out a multiple of 4, on software Vulkan: dy in texels, eight lanes own the four rows of one band
// and panel and walk along the columns without a division.
// Grid: x, y = bands in rows, z = ceil(c_out / 32).
// include common/grid.wgsl
// include common/texels.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> t: array<vec4<f32>>;

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
  let n = band / ((params.oh + 1u) / 2u);
  let y = band % ((params.oh + 1u) / 2u) * 2u;
  let real = c < depth;
  let below = y + 1u < params.oh;
  let from_row = (n * params.oh + y) * params.ow * depth + c;
  let columns = width(params);
  let to = (panel * 4u * bands(params) + band) * columns * 8u + lane;
  let step = bands(params) * columns * 8u;
  for (var i = 0u; i < columns; i++) {
    let there = real && i < params.ow;
    let at = select(0u, from_row + i * depth, there);
    let upper = select(vec4<f32>(0.0), textureLoad(dy, texel(at)), there);
    let under = there && below;
    let lower = select(vec4<f32>(0.0), textureLoad(dy, texel(select(0u, at + params.ow * depth, under))), under);
    t[to + i * 8u] = upper;
    t[to + step + i * 8u] = upper + lower;
    t[to + 2u * step + i * 8u] = upper - lower;
    t[to + 3u * step + i * 8u] = lower;
  }
}
