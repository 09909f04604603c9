// As naive, for one group, c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan).
// A subgroup owns 16 input pixels x 32 input channels. Each lane loads two pixels' output gradients, four channels at a
// time, and the weights of its own four input channels for the same four output channels; rows travel by shuffle.
// Grid: x = ceil(c_in / 32), y and z = ceil(pixels / 16) in rows of at most 32,768.
// include common/lanes.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

struct Pixel { n: u32, y: u32, x: u32 }

// Padded coordinates of input pixel p; beyond the last pixel, some that no output reads.
fn origin(p: u32) -> Pixel {
  let n = p / (params.w * params.h);
  let row = p / params.w % params.h + params.pad_h;
  return Pixel(n, select(row, 0x40000000u, n >= params.n), p % params.w + params.pad_w);
}

struct Source { inside: bool, at: u32 }

// Where tap (ky, kx) of a pixel lies in dy.
fn source(p: Pixel, ky: u32, kx: u32) -> Source {
  let oy = (p.y - ky) / params.stride_h;
  let ox = (p.x - kx) / params.stride_w;
  let inside = oy < params.oh && ox < params.ow && oy * params.stride_h == p.y - ky && ox * params.stride_w == p.x - kx;
  return Source(inside, select(0u, ((p.n * params.oh + oy) * params.ow + ox) * (params.c_out / 4u), inside));
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let pixels = params.n * params.h * params.w;
  let tile = (wid.z * count.y + wid.y) * 16u;
  if tile >= pixels {
    return;
  }
  let column = wid.x * 8u + lane;
  let columns = params.c_in / 4u;
  let own = min(column, columns - 1u) * 4u;
  let low_pixel = origin(tile + lane);
  let high_pixel = origin(tile + 8u + lane);
  let depth = params.c_out / 4u;
  var acc: Tile;
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let low = source(low_pixel, ky, kx);
      let high = source(high_pixel, ky, kx);
      let from_w = ((ky * params.kw + kx) * params.c_in + own) * depth;
      for (var c = 0u; c < depth; c++) {
        let a = select(vec4<f32>(0.0), dy[low.at + c], low.inside);
        let b = select(vec4<f32>(0.0), dy[high.at + c], high.inside);
        let at = from_w + c;
        // Four output channels of each of the lane's four input channels: the transpose of what rank1 wants.
        let t = transpose(mat4x4<f32>(w[at], w[at + depth], w[at + 2u * depth], w[at + 3u * depth]));
        rank1(&acc, a.x, b.x, t[0]);
        rank1(&acc, a.y, b.y, t[1]);
        rank1(&acc, a.z, b.z, t[2]);
        rank1(&acc, a.w, b.w, t[3]);
      }
    }
  }
  if column < columns {
    let to = tile * columns + column;
    if tile + 0u < pixels { dx[to + 0u * columns] = acc[0]; }
    if tile + 1u < pixels { dx[to + 1u * columns] = acc[1]; }
    if tile + 2u < pixels { dx[to + 2u * columns] = acc[2]; }
    if tile + 3u < pixels { dx[to + 3u * columns] = acc[3]; }
    if tile + 4u < pixels { dx[to + 4u * columns] = acc[4]; }
    if tile + 5u < pixels { dx[to + 5u * columns] = acc[5]; }
    if tile + 6u < pixels { dx[to + 6u * columns] = acc[6]; }
    if tile + 7u < pixels { dx[to + 7u * columns] = acc[7]; }
    if tile + 8u < pixels { dx[to + 8u * columns] = acc[8]; }
    if tile + 9u < pixels { dx[to + 9u * columns] = acc[9]; }
    if tile + 10u < pixels { dx[to + 10u * columns] = acc[10]; }
    if tile + 11u < pixels { dx[to + 11u * columns] = acc[11]; }
    if tile + 12u < pixels { dx[to + 12u * columns] = acc[12]; }
    if tile + 13u < pixels { dx[to + 13u * columns] = acc[13]; }
    if tile + 14u < pixels { dx[to + 14u * columns] = acc[14]; }
    if tile + 15u < pixels { dx[to + 15u * columns] = acc[15]; }
  }
}
