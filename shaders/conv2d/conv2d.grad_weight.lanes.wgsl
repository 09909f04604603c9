// As naive, for one group, c_out a multiple of 4, on subgroups of 8 lanes (software Vulkan).
// A subgroup owns 16 rows (of the kh kw c_in rows of the weights) x 32 output channels of one split. Per output pixel
// each lane loads the inputs of two rows and its own four columns of the gradient; rows travel by shuffle.
// Grid: x = ceil(c_out / 32), y = ceil(kh kw c_in / 16), z = splits.
// include common/lanes.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

// A row of the weights: its tap, and the offset of its input from the first input of the pixel.
struct Row { ky: u32, kx: u32, at: u32 }

// Row k; beyond the last, one that reads nothing.
fn weight_row(k: u32) -> Row {
  let tap = k / params.c_in;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  return Row(select(ky, 0x40000000u, tap >= params.kh * params.kw), kx, (ky * params.w + kx) * params.c_in + k % params.c_in);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let rows = params.kh * params.kw * params.c_in;
  let tile = wid.y * 16u;
  let column = wid.x * 8u + lane;
  let columns = params.c_out / 4u;
  let own = min(column, columns - 1u);
  let low = weight_row(tile + lane);
  let high = weight_row(tile + 8u + lane);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let end = min((wid.z + 1u) * run, pixels);
  var acc: Tile;
  // Coordinates are carried along: integer division is slow on a software driver.
  var ox = wid.z * run % params.ow;
  var oy = wid.z * run / params.ow % params.oh;
  var n = wid.z * run / (params.ow * params.oh);
  for (var p = wid.z * run; p < end; p++) {
    let iy = oy * params.stride_h;
    let ix = ox * params.stride_w;
    let from_x = ((n * params.h + iy) * params.w + ix) * params.c_in;
    let low_in = iy + low.ky < params.h && ix + low.kx < params.w;
    let high_in = iy + high.ky < params.h && ix + high.kx < params.w;
    let a = select(0.0, x[select(0u, from_x + low.at, low_in)], low_in);
    let b = select(0.0, x[select(0u, from_x + high.at, high_in)], high_in);
    rank1(&acc, a, b, dy[p * columns + own]);
    ox++;
    if ox == params.ow {
      ox = 0u;
      oy++;
      if oy == params.oh {
        oy = 0u;
        n++;
      }
    }
  }
  if column < columns {
    let to = (wid.z * rows + tile) * columns + column;
    if tile + 0u < rows { dw[to + 0u * columns] = acc[0]; }
    if tile + 1u < rows { dw[to + 1u * columns] = acc[1]; }
    if tile + 2u < rows { dw[to + 2u * columns] = acc[2]; }
    if tile + 3u < rows { dw[to + 3u * columns] = acc[3]; }
    if tile + 4u < rows { dw[to + 4u * columns] = acc[4]; }
    if tile + 5u < rows { dw[to + 5u * columns] = acc[5]; }
    if tile + 6u < rows { dw[to + 6u * columns] = acc[6]; }
    if tile + 7u < rows { dw[to + 7u * columns] = acc[7]; }
    if tile + 8u < rows { dw[to + 8u * columns] = acc[8]; }
    if tile + 9u < rows { dw[to + 9u * columns] = acc[9]; }
    if tile + 10u < rows { dw[to + 10u * columns] = acc[10]; }
    if tile + 11u < rows { dw[to + 11u * columns] = acc[11]; }
    if tile + 12u < rows { dw[to + 12u * columns] = acc[12]; }
    if tile + 13u < rows { dw[to + 13u * columns] = acc[13]; }
    if tile + 14u < rows { dw[to + 14u * columns] = acc[14]; }
    if tile + 15u < rows { dw[to + 15u * columns] = acc[15]; }
  }
}
