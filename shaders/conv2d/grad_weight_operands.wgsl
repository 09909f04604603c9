// What the gradient of the weights in tiles multiplies: a matrix of rows (ky, kx, ci) x pixels, gathered from x, with dy, pixels x c_out;
// a workgroup goes through the pixels of one split. The file around it binds x, dy and dw and gives TILE_M and TILE_N.
// include common/conv2d.wgsl
alias Left = Rows; // four rows of the left operand

// First row and first four columns of the tile of a workgroup, the rows that there are, the terms of its sums, the split and the group.
struct Tile { m: u32, n: u32, rows: u32, start: u32, end: u32, split: u32, group: u32 }

fn tile_of(wid: vec3<u32>, count: vec3<u32>) -> Tile {
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let start = wid.z * run;
  let across = (params.c_out + TILE_N - 1u) / TILE_N;
  let group = select(wid.x / across, 0u, params.groups == 1u); // a constant for one
  return Tile(wid.y * TILE_M, (wid.x - group * across) * (TILE_N / 4u), params.kh * params.kw * params.c_in, start,
              min(start + run, pixels), wid.z, group);
}

fn left_of(t: Tile, quad: u32) -> Left {
  return rows(t.m / 4u + quad, t.group);
}

// Four columns of a row, as far as they are inside.
fn write(t: Tile, row: u32, column: u32, v: vec4<f32>) {
  let columns = params.c_out / 4u;
  if row < t.rows && column < columns {
    dw[((t.split * t.rows + row) * params.groups + t.group) * columns + column] = v;
  }
}

// Four rows of dw, four channels of one tap: the tap, the offset of the channels from the first input of a pixel, and
// which four of the channels of all groups they are.
struct Rows { ky: u32, kx: u32, at: u32, quad: u32 }

// Rows 4 i .. 4 i + 3; beyond the last, some that read nothing.
fn rows(i: u32, group: u32) -> Rows {
  let depth = params.c_in / 4u;
  let tap = i / depth;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  let quad = group * depth + i % depth;
  let at = (ky * params.w + kx) * params.groups * depth + quad;
  return Rows(select(ky, 0x40000000u, tap >= params.kh * params.kw), kx, at, quad);
}

// Inputs of four rows for the pixels k, k + 1, k + 2, k + 3; a column holds one pixel.
fn fetch_x(t: Tile, r: Rows, k: u32) -> mat4x4<Input> {
  let p = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
  let line = p / params.ow;
  let iy = line % params.oh * params.stride_h;
  let ix = (p - line * params.ow) * params.stride_w;
  let inside = (iy + r.ky < vec4<u32>(params.h)) & (ix + r.kx < vec4<u32>(params.w)) & (p < vec4<u32>(t.end));
  let at = select(vec4<u32>(0u), ((line / params.oh * params.h + iy) * params.w + ix) * params.groups * (params.c_in / 4u) + r.at, inside);
  return where_inside(inside, inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), r.quad));
}

// Four columns of dy for the pixels k, k + 1, k + 2, k + 3; a column of the matrix holds one pixel.
fn fetch_dy(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let inside = (vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(t.end)) & vec4<bool>(column < columns);
  let at = select(vec4<u32>(0u), vec4<u32>((k * params.groups + t.group) * columns + column) + vec4<u32>(0u, 1u, 2u, 3u) * params.groups * columns,
                  inside);
  return mat4x4<f32>(select(vec4<f32>(0.0), dy[at.x], inside.x), select(vec4<f32>(0.0), dy[at.y], inside.y),
                     select(vec4<f32>(0.0), dy[at.z], inside.z), select(vec4<f32>(0.0), dy[at.w], inside.w));
}
