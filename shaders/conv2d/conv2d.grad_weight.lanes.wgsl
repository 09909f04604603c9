// As naive, for one group, c_out a multiple of 4, on subgroups of 8 lanes (software Vulkan).
// A subgroup owns 16 rows (of the kh kw c_in rows of the weights) x 32 output channels of one split. It takes 8 output
// pixels at a time: lane l loads the 16 inputs of pixel l, every lane the four columns of each pixel's gradient.
// Grid: x = ceil(c_out / 32), y = ceil(kh kw c_in / 16), z = splits.
// include common/lanes.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

// Per row of the tile: offset of its input relative to the pixel's first, and its tap.
struct Row { at: u32, ky: u32, kx: u32 }

fn row(k: u32) -> Row {
  let tap = k / params.c_in;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  return Row((ky * params.w + kx) * params.c_in + k % params.c_in, ky, kx);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = params.kh * params.kw * params.c_in;
  let tile = wid.y * 16u;
  let column = wid.x * 8u + lane;
  let columns = params.c_out / 4u;
  let own = min(column, columns - 1u);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let end = min((wid.z + 1u) * run, pixels);
  var acc: Tile;
  for (var start = wid.z * run; start < end; start += 8u) {
    let p = start + lane;
    let iy = p / params.ow % params.oh * params.stride_h - params.pad_h;
    let ix = p % params.ow * params.stride_w - params.pad_w;
    let from_x = ((p / (params.ow * params.oh) * params.h + iy) * params.w + ix) * params.c_in;
    var a: array<f32, 16>;
    for (var r = 0u; r < 16u; r++) {
      let k = row(tile + r);
      let inside = p < end && tile + r < rows && iy + k.ky < params.h && ix + k.kx < params.w;
      a[r] = select(0.0, x[select(0u, from_x + k.at, inside)], inside);
    }
    for (var q = 0u; q < 8u; q++) {
      let right = select(vec4<f32>(0.0), dy[min(start + q, pixels - 1u) * columns + own], start + q < end);
      for (var r = 0u; r < 16u; r++) {
        acc[r] = fma(vec4<f32>(subgroupShuffle(a[r], q)), right, acc[r]);
      }
    }
  }
  if column < columns {
    for (var r = 0u; r < min(16u, rows - min(tile, rows)); r++) {
      dw[(wid.z * rows + tile + r) * columns + column] = acc[r];
    }
  }
}
