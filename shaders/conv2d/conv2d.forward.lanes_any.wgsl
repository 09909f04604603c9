// As lanes, for any number of input channels (the first layer): inputs are loaded one channel at a time.
// Grid: as lanes.
// include common/lanes.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

struct Pixel { n: u32, y: u32, x: u32 }

// First row and column that output pixel p reads; beyond the last pixel, one that reads nothing.
fn origin(p: u32) -> Pixel {
  let n = p / (params.ow * params.oh);
  let row = p / params.ow % params.oh * params.stride_h - params.pad_h;
  return Pixel(n, select(row, 0x40000000u, n >= params.n), p % params.ow * params.stride_w - params.pad_w);
}

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
  let low = origin(tile + lane);
  let high = origin(tile + 8u + lane);
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
    for (var r = 0u; r < min(16u, pixels - tile); r++) {
      y[(tile + r) * columns + column] = acc[r];
    }
  }
}
