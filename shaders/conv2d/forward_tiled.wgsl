// What conv2d.forward.tiled and its relatives share: the product of a matrix of pixels x (ky, kx, ci) with the weights. The
// file around it binds x and w, gives the knobs TILE_M, TILE_N and BUFFERS, `inputs` (conv2d/inputs_*.wgsl) and `leave`
// (conv2d/leave_*.wgsl).
// include conv2d/multiply_tiles.wgsl
// Four consecutive pixels: where their windows begin in x, and which taps are inside.
struct Pixels { at: vec4<u32>, mask: vec4<u32> }
alias Left = Pixels;
alias Right = u32; // the number of a word of output channels

fn window(p: u32) -> vec2<u32> {
  let n = p / (params.ow * params.oh);
  let iy = i32(p / params.ow % params.oh * params.stride_h) - i32(params.pad_h);
  let ix = i32(p % params.ow * params.stride_w) - i32(params.pad_w);
  let at = ((n * params.h + u32(iy)) * params.w + u32(ix)) * (params.c_in / 4u);
  let mask = taps_within(iy, params.h, params.kh) | (taps_within(ix, params.w, params.kw) << 16u);
  return vec2<u32>(at, select(0u, mask, n < params.n));
}

fn pixels(first: u32) -> Pixels {
  let a = window(first);
  let b = window(first + 1u);
  let c = window(first + 2u);
  let d = window(first + 3u);
  return Pixels(vec4<u32>(a.x, b.x, c.x, d.x), vec4<u32>(a.y, b.y, c.y, d.y));
}

// Four channels of one tap for four pixels; a column holds one channel.
fn fetch_left(p: Pixels, k: u32) -> mat4x4<f32> {
  let depth = params.c_in / 4u;
  let tap = k / depth;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let inside = tap_inside(p.mask, ky, kx) & vec4<bool>(ky < params.kh);
  let at = select(vec4<u32>(0u), p.at + (ky * params.w + kx) * depth + k % depth, inside);
  let zero = vec4<f32>(0.0);
  let v = inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), k % depth);
  return transpose(mat4x4<f32>(select(zero, vec4<f32>(v[0]), inside.x), select(zero, vec4<f32>(v[1]), inside.y),
                               select(zero, vec4<f32>(v[2]), inside.z), select(zero, vec4<f32>(v[3]), inside.w)));
}

// Four output channels for four channels of one tap; a column holds one of the latter.
fn fetch_right(column: u32, k: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let inside = column < columns && k * 4u < params.kh * params.kw * params.c_in;
  let at = select(0u, k * 4u * columns + column, inside);
  let step = select(0u, columns, inside);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, w[at], inside), select(zero, w[at + step], inside),
                     select(zero, w[at + 2u * step], inside), select(zero, w[at + 3u * step], inside));
}

// Four invocations in a row read 64 bytes of a pixel; those that fetch w read rows of it.
fn left_place(i: u32) -> vec2<u32> {
  return vec2<u32>(i / 4u, i % 4u);
}

fn right_place(i: u32) -> vec2<u32> {
  return vec2<u32>(i % (TILE_N / 4u), i / (TILE_N / 4u));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  if tile_m >= params.n * params.oh * params.ow {
    return;
  }
  let tile_n = wid.x * (TILE_N / 4u);
  var acc: RegisterTile;
  multiply_tiles(&acc, lane, pixels(tile_m + left_place(lane).x * 4u), tile_n + first_right(lane).x,
                 tile_n + second_right(lane).x, params.kh * params.kw * params.c_in);
  leave(&acc, tile_m, tile_n, lane);
}
