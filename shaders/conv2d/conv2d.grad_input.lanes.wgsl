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
    for (var r = 0u; r < min(16u, pixels - tile); r++) {
      dx[(tile + r) * columns + column] = acc[r];
    }
  }
}
