// What conv2d.forward.tiled and its relatives share: the product of a matrix of pixels x (ky, kx, ci) with the weights. The
// file around it binds x and w, gives the knobs TILE_M, TILE_N and BUFFERS, `inputs` (conv2d/inputs_*.wgsl) and `leave`
// (conv2d/leave_*.wgsl).
// include conv2d/multiply_tiles.wgsl
// include conv2d/windows.wgsl
alias Left = Pixels;
alias Right = u32; // the number of a word of output channels

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

fn fetch_right(column: u32, k: u32) -> mat4x4<f32> {
  return fetch_w(column, k, params.kh * params.kw * params.c_in);
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
