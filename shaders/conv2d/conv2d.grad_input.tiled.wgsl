// As naive, for one group, c_in and c_out multiples of 4 and kernels up to 16 x 16, on GPUs: the structure of
// conv2d.forward.tiled, with a matrix of input pixels x (ky, kx, co), gathered from dy, and the transposed weights,
// (ky, kx, co) x c_in. Both are transposed in registers on their way to workgroup memory, so no second layout of the
// weights is needed.
// A stride s cuts the input pixels into classes by their position modulo s: only every s-th tap reaches a class, so a
// workgroup works on pixels of one class and goes through the taps of that class alone, without a product by zero.
// Grid: x = classes ceil(c_in / TILE_N), y and z = ceil(pixels of the largest class / TILE_M) in rows of at most 32,768.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include common/taps.wgsl
// include conv2d/classes.wgsl
@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2

// include conv2d/stages.wgsl

// Writes a row of the tile: pixel p of the class.
fn write(c: Class, p: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
  let columns = params.c_in / 4u;
  let n = p / (c.columns * c.rows);
  let iy = p / c.columns % c.rows * params.stride_h + c.start_y;
  let ix = p % c.columns * params.stride_w + c.start_x;
  let to = ((n * params.h + iy) * params.w + ix) * columns + column;
  if n < params.n {
    if column < columns { dx[to] = left; }
    if column + TILE_N / 8u < columns { dx[to + TILE_N / 8u] = right; }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  let across = (params.c_in + TILE_N - 1u) / TILE_N;
  let c = class_of(wid.x / across);
  if tile_m >= params.n * c.rows * c.columns {
    return;
  }
  let tile_n = wid.x % across * (TILE_N / 4u);
  // The blocks to fetch: TILE_M of dy, then TILE_N of w. Four invocations in a row read 64 bytes of a pixel or of the
  // weights of one input channel.
  let of_dy = lane < TILE_M;
  let own = pixels(c, tile_m + lane / 4u * 4u);
  let second = lane + THREADS - TILE_M;
  let column = lane / 4u;
  let column_second = second / 4u;
  let k_own = lane % 4u;
  let block = owned_block(lane, TILE_N / 8u);
  let count_k = c.taps_y * c.taps_x * params.c_out;
  var acc: RegisterTile;
  var a: mat4x4<f32>;
  var b: mat4x4<f32>;
  if of_dy {
    a = transpose(fetch_dy(c, own, k_own));
  } else {
    a = transpose(fetch_w(c, tile_n + column - TILE_M / 4u, k_own));
  }
  if second < TILE_N {
    b = transpose(fetch_w(c, tile_n + column_second, k_own));
  }
  for (var s = 0u; s * 16u < count_k; s++) {
    let base = s % BUFFERS * (16u * SPAN);
    if BUFFERS == 1u {
      workgroupBarrier();
    }
    put(base, column, k_own, a);
    if second < TILE_N {
      put(base, TILE_M / 4u + column_second, k_own, b);
    }
    workgroupBarrier();
    if (s + 1u) * 16u < count_k {
      if of_dy {
        a = transpose(fetch_dy(c, own, s * 4u + 4u + k_own));
      } else {
        a = transpose(fetch_w(c, tile_n + column - TILE_M / 4u, s * 4u + 4u + k_own));
      }
      if second < TILE_N {
        b = transpose(fetch_w(c, tile_n + column_second, s * 4u + 4u + k_own));
      }
    }
    multiply_stage(&acc, base, block);
  }
  let row = tile_m + block.y * 4u;
  let to = tile_n + block.x;
  write(c, row, to, acc[0], acc[8]);
  write(c, row + 1u, to, acc[1], acc[9]);
  write(c, row + 2u, to, acc[2], acc[10]);
  write(c, row + 3u, to, acc[3], acc[11]);
  write(c, row + TILE_M / 2u, to, acc[4], acc[12]);
  write(c, row + TILE_M / 2u + 1u, to, acc[5], acc[13]);
  write(c, row + TILE_M / 2u + 2u, to, acc[6], acc[14]);
  write(c, row + TILE_M / 2u + 3u, to, acc[7], acc[15]);
}
