// As naive, for one group, c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan).
// A subgroup owns 16 output pixels x 32 output channels. Each lane loads two pixels' inputs, four channels at a time,
// and its own four columns of the weights; rows travel by shuffle (common/lanes.wgsl). There a load whose address
// differs between lanes is a loop over the lanes: this makes 6 of them feed 64 four-wide products, naive 2 feed one.
// Grid: x = ceil(c_out / 32), y and z = ceil(pixels / 16) in rows of at most 32,768.
// include common/lanes.wgsl
// include common/conv2d.wgsl
// include common/origin.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let pixels = params.n * params.oh * params.ow;
  let tile = (wid.z * count.y + wid.y) * 16u;
  if tile >= pixels {
    return;
  }
  let column = wid.x * 8u + lane;
  let columns = params.c_out / 4u;
  let own = min(column, columns - 1u);
  let low = origin(params, tile + lane);
  let high = origin(params, tile + 8u + lane);
  let depth = params.c_in / 4u;
  var acc: Tile;
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let low_in = low.y + ky < params.h && low.x + kx < params.w;
      let high_in = high.y + ky < params.h && high.x + kx < params.w;
      let low_at = select(0u, ((low.n * params.h + low.y + ky) * params.w + low.x + kx) * depth, low_in);
      let high_at = select(0u, ((high.n * params.h + high.y + ky) * params.w + high.x + kx) * depth, high_in);
      let from_w = (ky * params.kw + kx) * params.c_in * columns + own;
      for (var c = 0u; c < depth; c++) {
        let a = select(vec4<f32>(0.0), x[low_at + c], low_in);
        let b = select(vec4<f32>(0.0), x[high_at + c], high_in);
        let at = from_w + c * 4u * columns;
        rank1(&acc, a.x, b.x, w[at]);
        rank1(&acc, a.y, b.y, w[at + columns]);
        rank1(&acc, a.z, b.z, w[at + 2u * columns]);
        rank1(&acc, a.w, b.w, w[at + 3u * columns]);
      }
    }
  }
  if column < columns {
    let to = tile * columns + column;
    if tile + 0u < pixels { y[to + 0u * columns] = acc[0]; }
    if tile + 1u < pixels { y[to + 1u * columns] = acc[1]; }
    if tile + 2u < pixels { y[to + 2u * columns] = acc[2]; }
    if tile + 3u < pixels { y[to + 3u * columns] = acc[3]; }
    if tile + 4u < pixels { y[to + 4u * columns] = acc[4]; }
    if tile + 5u < pixels { y[to + 5u * columns] = acc[5]; }
    if tile + 6u < pixels { y[to + 6u * columns] = acc[6]; }
    if tile + 7u < pixels { y[to + 7u * columns] = acc[7]; }
    if tile + 8u < pixels { y[to + 8u * columns] = acc[8]; }
    if tile + 9u < pixels { y[to + 9u * columns] = acc[9]; }
    if tile + 10u < pixels { y[to + 10u * columns] = acc[10]; }
    if tile + 11u < pixels { y[to + 11u * columns] = acc[11]; }
    if tile + 12u < pixels { y[to + 12u * columns] = acc[12]; }
    if tile + 13u < pixels { y[to + 13u * columns] = acc[13]; }
    if tile + 14u < pixels { y[to + 14u * columns] = acc[14]; }
    if tile + 15u < pixels { y[to + 15u * columns] = acc[15]; }
  }
}
