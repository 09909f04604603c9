// As conv2d.grad_weight.texels, for any number of input channels: the inputs come from a buffer, one by one, because four rows
// that follow each other may belong to several taps. For first layers.
// Grid: x = ceil(kh kw c_in / 32), y = ceil(c_out / 32), z = splits.
// include common/texels.wgsl
// include common/rotated.wgsl
// include common/conv2d.wgsl
// include common/walk.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

// Four rows of the weights: their taps, and the offsets of their inputs from the first input of the pixel.
struct Rows { ky: vec4<u32>, kx: vec4<u32>, at: vec4<u32> }

// Rows 4 i .. 4 i + 3; beyond the last, some that read nothing.
fn weight_rows(i: u32) -> Rows {
  let row = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
  let tap = row / params.c_in;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  let real = tap < vec4<u32>(params.kh * params.kw);
  return Rows(select(vec4<u32>(0x40000000u), ky, real), kx, (ky * params.w + kx) * params.c_in + row % params.c_in);
}

fn input(r: Rows, p: Pixel) -> vec4<f32> {
  let inside = (p.y + r.ky < vec4<u32>(params.h)) & (p.x + r.kx < vec4<u32>(params.w)) & vec4<bool>(p.n < params.n);
  let at = select(vec4<u32>(0u), ((p.n * params.h + p.y) * params.w + p.x) * params.c_in + r.at, inside);
  return select(vec4<f32>(0.0), vec4<f32>(vec4<X>(x[at.x], x[at.y], x[at.z], x[at.w])), inside);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let rows = params.kh * params.kw * params.c_in;
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
    let to = wid.z * rows * quads + column;
    let row0 = (tile + lane) * 4u;
    if row0 + 0u < rows { dw[to + (row0 + 0u) * quads] = acc[0]; }
    if row0 + 1u < rows { dw[to + (row0 + 1u) * quads] = acc[1]; }
    if row0 + 2u < rows { dw[to + (row0 + 2u) * quads] = acc[2]; }
    if row0 + 3u < rows { dw[to + (row0 + 3u) * quads] = acc[3]; }
    let row1 = (tile + (lane ^ 1u)) * 4u;
    if row1 + 0u < rows { dw[to + (row1 + 0u) * quads] = acc[4]; }
    if row1 + 1u < rows { dw[to + (row1 + 1u) * quads] = acc[5]; }
    if row1 + 2u < rows { dw[to + (row1 + 2u) * quads] = acc[6]; }
    if row1 + 3u < rows { dw[to + (row1 + 3u) * quads] = acc[7]; }
    let row2 = (tile + (lane ^ 2u)) * 4u;
    if row2 + 0u < rows { dw[to + (row2 + 0u) * quads] = acc[8]; }
    if row2 + 1u < rows { dw[to + (row2 + 1u) * quads] = acc[9]; }
    if row2 + 2u < rows { dw[to + (row2 + 2u) * quads] = acc[10]; }
    if row2 + 3u < rows { dw[to + (row2 + 3u) * quads] = acc[11]; }
    let row3 = (tile + (lane ^ 3u)) * 4u;
    if row3 + 0u < rows { dw[to + (row3 + 0u) * quads] = acc[12]; }
    if row3 + 1u < rows { dw[to + (row3 + 1u) * quads] = acc[13]; }
    if row3 + 2u < rows { dw[to + (row3 + 2u) * quads] = acc[14]; }
    if row3 + 3u < rows { dw[to + (row3 + 3u) * quads] = acc[15]; }
    let row4 = (tile + (lane ^ 4u)) * 4u;
    if row4 + 0u < rows { dw[to + (row4 + 0u) * quads] = acc[16]; }
    if row4 + 1u < rows { dw[to + (row4 + 1u) * quads] = acc[17]; }
    if row4 + 2u < rows { dw[to + (row4 + 2u) * quads] = acc[18]; }
    if row4 + 3u < rows { dw[to + (row4 + 3u) * quads] = acc[19]; }
    let row5 = (tile + (lane ^ 5u)) * 4u;
    if row5 + 0u < rows { dw[to + (row5 + 0u) * quads] = acc[20]; }
    if row5 + 1u < rows { dw[to + (row5 + 1u) * quads] = acc[21]; }
    if row5 + 2u < rows { dw[to + (row5 + 2u) * quads] = acc[22]; }
    if row5 + 3u < rows { dw[to + (row5 + 3u) * quads] = acc[23]; }
    let row6 = (tile + (lane ^ 6u)) * 4u;
    if row6 + 0u < rows { dw[to + (row6 + 0u) * quads] = acc[24]; }
    if row6 + 1u < rows { dw[to + (row6 + 1u) * quads] = acc[25]; }
    if row6 + 2u < rows { dw[to + (row6 + 2u) * quads] = acc[26]; }
    if row6 + 3u < rows { dw[to + (row6 + 3u) * quads] = acc[27]; }
    let row7 = (tile + (lane ^ 7u)) * 4u;
    if row7 + 0u < rows { dw[to + (row7 + 0u) * quads] = acc[28]; }
    if row7 + 1u < rows { dw[to + (row7 + 1u) * quads] = acc[29]; }
    if row7 + 2u < rows { dw[to + (row7 + 2u) * quads] = acc[30]; }
    if row7 + 3u < rows { dw[to + (row7 + 3u) * quads] = acc[31]; }
  }
}
