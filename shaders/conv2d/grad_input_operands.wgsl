// What the gradient of the input in tiles multiplies: a matrix of input pixels x (ky, kx, co), gathered from dy, with the transposed
// weights, (ky, kx, co) x c_in. A stride s cuts the pixels into classes by their position modulo s: only every s-th tap reaches a
// class, so a workgroup works on pixels of one class and goes through the taps of that class alone, without a product by zero.
// The file around it binds dy, w and dx and gives TILE_M and TILE_N.
// include common/conv2d.wgsl
// include common/taps.wgsl
alias Input = f32; // dy, as it is fetched
alias Left = Pixels; // four rows of the left operand

// Pixels and taps of a class: tap i of a column is ky = first_y + i stride_h, the pixels are y = start_y + j stride_h.
struct Class { start_y: u32, start_x: u32, rows: u32, columns: u32, first_y: u32, first_x: u32, taps_y: u32, taps_x: u32 }

fn class_of(i: u32) -> Class {
  let y = i / params.stride_w % params.stride_h; // a constant for stride 1
  let x = i % params.stride_w;
  let first_y = (y + params.pad_h) % params.stride_h;
  let first_x = (x + params.pad_w) % params.stride_w;
  return Class(y, x, (params.h + params.stride_h - 1u - y) / params.stride_h,
               (params.w + params.stride_w - 1u - x) / params.stride_w, first_y, first_x,
               (params.kh + params.stride_h - 1u - min(first_y, params.kh)) / params.stride_h,
               (params.kw + params.stride_w - 1u - min(first_x, params.kw)) / params.stride_w);
}

// Four consecutive pixels of a class: where dy is for their first taps, and which taps are inside. Tap i lies i back.
struct Pixels { at: vec4<u32>, mask: vec4<u32> }

fn window(c: Class, p: u32, group: u32) -> vec2<u32> {
  let n = p / (c.columns * c.rows);
  let oy = (p / c.columns % c.rows * params.stride_h + c.start_y + params.pad_h) / params.stride_h;
  let ox = (p % c.columns * params.stride_w + c.start_x + params.pad_w) / params.stride_w;
  let at = (((n * params.oh + oy) * params.ow + ox) * params.groups + group) * (params.c_out / 4u);
  let mask = taps_back(oy, params.oh, c.taps_y) | (taps_back(ox, params.ow, c.taps_x) << 16u);
  return vec2<u32>(at, select(0u, mask, n < params.n));
}

fn pixels(c: Class, first: u32, group: u32) -> Pixels {
  let p = window(c, first, group);
  let q = window(c, first + 1u, group);
  let r = window(c, first + 2u, group);
  let s = window(c, first + 3u, group);
  return Pixels(vec4<u32>(p.x, q.x, r.x, s.x), vec4<u32>(p.y, q.y, r.y, s.y));
}

// First row and first four columns of the tile of a workgroup, the rows that there are, the terms of its sums, its class and group.
struct Tile { m: u32, n: u32, rows: u32, start: u32, end: u32, c: Class, group: u32 }

fn tile_of(wid: vec3<u32>, count: vec3<u32>) -> Tile {
  let across = (params.c_in + TILE_N - 1u) / TILE_N;
  let part = wid.x / across;
  let c = class_of(part / params.groups);
  return Tile((wid.z * count.y + wid.y) * TILE_M, wid.x % across * (TILE_N / 4u), params.n * c.rows * c.columns, 0u,
              c.taps_y * c.taps_x * params.c_out, c, part % params.groups);
}

fn left_of(t: Tile, quad: u32) -> Left {
  return pixels(t.c, t.m + 4u * quad, t.group);
}

// Four columns of a row, as far as they are inside: the row is a pixel of the class.
fn write(t: Tile, row: u32, column: u32, v: vec4<f32>) {
  let c = t.c;
  let columns = params.c_in / 4u;
  let n = row / (c.columns * c.rows);
  let iy = row / c.columns % c.rows * params.stride_h + c.start_y;
  let ix = row % c.columns * params.stride_w + c.start_x;
  if row < t.rows && column < columns {
    dx[(((n * params.h + iy) * params.w + ix) * params.groups + t.group) * columns + column] = v;
  }
}

// The terms k .. k + 3, output channels of one tap, for four pixels; a column holds one pixel.
fn fetch_dy(c: Class, p: Pixels, k: u32) -> mat4x4<f32> {
  let depth = params.c_out / 4u;
  let quad = k / 4u % depth;
  let tap = k / 4u / depth;
  let i = tap / max(c.taps_x, 1u);
  let j = tap % max(c.taps_x, 1u);
  let inside = tap_inside(p.mask, i, j) & vec4<bool>(i < c.taps_y);
  let at = select(vec4<u32>(0u), p.at - (i * params.ow + j) * params.groups * depth + quad, inside);
  return mat4x4<f32>(select(vec4<f32>(0.0), dy[at.x], inside.x), select(vec4<f32>(0.0), dy[at.y], inside.y),
                     select(vec4<f32>(0.0), dy[at.z], inside.z), select(vec4<f32>(0.0), dy[at.w], inside.w));
}

// The same terms for four input channels; a column holds one of these.
fn fetch_w(t: Tile, column: u32, k: u32) -> mat4x4<f32> {
  let c = t.c;
  let depth = params.c_out / 4u;
  let quad = k / 4u % depth;
  let tap = k / 4u / depth;
  let ky = c.first_y + tap / max(c.taps_x, 1u) * params.stride_h;
  let kx = c.first_x + tap % max(c.taps_x, 1u) * params.stride_w;
  let inside = column * 4u < params.c_in && ky < params.kh;
  let row = (ky * params.kw + kx) * params.c_in + column * 4u;
  let at = select(0u, (row * params.groups + t.group) * depth + quad, inside);
  let step = select(0u, params.groups * depth, inside);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, w[at], inside), select(zero, w[at + step], inside),
                     select(zero, w[at + 2u * step], inside), select(zero, w[at + 3u * step], inside));
}
