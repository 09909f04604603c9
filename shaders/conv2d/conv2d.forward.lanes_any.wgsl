// As lanes, for any number of input channels (the first layer): inputs are loaded one channel at a time.
// Grid: as lanes.
// include common/lanes.wgsl
// include common/conv2d.wgsl
// include common/origin.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
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
  var acc: Tile;
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let low_in = low.y + ky < params.h && low.x + kx < params.w;
      let high_in = high.y + ky < params.h && high.x + kx < params.w;
      let low_at = select(0u, ((low.n * params.h + low.y + ky) * params.w + low.x + kx) * params.c_in, low_in);
      let high_at = select(0u, ((high.n * params.h + high.y + ky) * params.w + high.x + kx) * params.c_in, high_in);
      let from_w = (ky * params.kw + kx) * params.c_in * columns + own;
      for (var c = 0u; c < params.c_in; c++) {
        rank1(&acc, select(0.0, x[low_at + c], low_in), select(0.0, x[high_at + c], high_in), w[from_w + c * columns]);
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
