// As naive, for one group, c_in and c_out multiples of 4, on software Vulkan: eight lanes of a subgroup own 32 rows (of the kh kw c_in
// rows of the weights) x 32 output channels of one split. Per output pixel a lane loads four channels of one tap and four
// gradients, both in texels, so that a load is a vector gather; two pixels at a time.
// Grid: x = ceil(kh kw c_in / 32), y = ceil(c_out / 32), z = splits.
// include common/texels.wgsl
// include common/rotated.wgsl
// include common/conv2d.wgsl
// include common/walk.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

// Four rows of the weights: their tap, and the offset in texels of their inputs from the first input of the pixel.
struct Rows { ky: u32, kx: u32, at: u32 }

// Rows 4 i .. 4 i + 3; beyond the last, some that read nothing.
fn weight_rows(i: u32) -> Rows {
  let depth = params.c_in / 4u;
  let tap = i / depth;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  return Rows(select(ky, 0x40000000u, tap >= params.kh * params.kw), kx, (ky * params.w + kx) * depth + i % depth);
}

fn input(r: Rows, p: Pixel) -> vec4<f32> {
  let inside = p.n < params.n && p.y + r.ky < params.h && p.x + r.kx < params.w;
  let at = ((p.n * params.h + p.y) * params.w + p.x) * (params.c_in / 4u) + r.at;
  return select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at, inside))), inside);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let rows = params.kh * params.kw * params.c_in / 4u;
  let quads = params.c_out / 4u;
  let tile = wid.x * 8u;
  let column = wid.y * 8u + lane;
  let own = min(column, quads - 1u);
  let r = weight_rows(tile + lane);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let end = min((wid.z + 1u) * run, pixels);
  var at = pixel(params, wid.z * run);
  var acc: Tile;
  for (var p = wid.z * run; p < end; p += 2u) {
    let a = input(r, at);
    let e = textureLoad(dy, texel(p * quads + own));
    at = next(params, at);
    let both = p + 1u < end;
    let b = input(r, at);
    let f = select(vec4<f32>(0.0), textureLoad(dy, texel(select(own, (p + 1u) * quads + own, both))), both);
    at = next(params, at);
    products(&acc, lane, a, e, b, f);
  }
  if column < quads {
    let to = wid.z * rows * 4u * quads + column;
    let row0 = tile + lane;
    if row0 < rows {
      dw[to + (row0 * 4u + 0u) * quads] = acc[0];
      dw[to + (row0 * 4u + 1u) * quads] = acc[1];
      dw[to + (row0 * 4u + 2u) * quads] = acc[2];
      dw[to + (row0 * 4u + 3u) * quads] = acc[3];
    }
    let row1 = tile + (lane ^ 1u);
    if row1 < rows {
      dw[to + (row1 * 4u + 0u) * quads] = acc[4];
      dw[to + (row1 * 4u + 1u) * quads] = acc[5];
      dw[to + (row1 * 4u + 2u) * quads] = acc[6];
      dw[to + (row1 * 4u + 3u) * quads] = acc[7];
    }
    let row2 = tile + (lane ^ 2u);
    if row2 < rows {
      dw[to + (row2 * 4u + 0u) * quads] = acc[8];
      dw[to + (row2 * 4u + 1u) * quads] = acc[9];
      dw[to + (row2 * 4u + 2u) * quads] = acc[10];
      dw[to + (row2 * 4u + 3u) * quads] = acc[11];
    }
    let row3 = tile + (lane ^ 3u);
    if row3 < rows {
      dw[to + (row3 * 4u + 0u) * quads] = acc[12];
      dw[to + (row3 * 4u + 1u) * quads] = acc[13];
      dw[to + (row3 * 4u + 2u) * quads] = acc[14];
      dw[to + (row3 * 4u + 3u) * quads] = acc[15];
    }
    let row4 = tile + (lane ^ 4u);
    if row4 < rows {
      dw[to + (row4 * 4u + 0u) * quads] = acc[16];
      dw[to + (row4 * 4u + 1u) * quads] = acc[17];
      dw[to + (row4 * 4u + 2u) * quads] = acc[18];
      dw[to + (row4 * 4u + 3u) * quads] = acc[19];
    }
    let row5 = tile + (lane ^ 5u);
    if row5 < rows {
      dw[to + (row5 * 4u + 0u) * quads] = acc[20];
      dw[to + (row5 * 4u + 1u) * quads] = acc[21];
      dw[to + (row5 * 4u + 2u) * quads] = acc[22];
      dw[to + (row5 * 4u + 3u) * quads] = acc[23];
    }
    let row6 = tile + (lane ^ 6u);
    if row6 < rows {
      dw[to + (row6 * 4u + 0u) * quads] = acc[24];
      dw[to + (row6 * 4u + 1u) * quads] = acc[25];
      dw[to + (row6 * 4u + 2u) * quads] = acc[26];
      dw[to + (row6 * 4u + 3u) * quads] = acc[27];
    }
    let row7 = tile + (lane ^ 7u);
    if row7 < rows {
      dw[to + (row7 * 4u + 0u) * quads] = acc[28];
      dw[to + (row7 * 4u + 1u) * quads] = acc[29];
      dw[to + (row7 * 4u + 2u) * quads] = acc[30];
      dw[to + (row7 * 4u + 3u) * quads] = acc[31];
    }
  }
}
