// As naive, for one group, c_in and c_out multiples of 4 and kernels up to 16 x 16, on GPUs: conv2d.forward.tiled, going
// through the (ky, kx, ci) of one split.
// Grid: x = ceil(c_out / TILE_N), y = ceil(pixels / TILE_M), z = splits.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include common/split_k.wgsl
// include common/taps.wgsl
// include conv2d/windows.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 64u; // knob 64 128
const TILE_N: u32 = 64u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2

// include conv2d/stages.wgsl

// Four channels of one tap for four pixels; a column holds one channel.
fn fetch_x(p: Pixels, k: u32, end: u32) -> mat4x4<f32> {
  let depth = params.c_in / 4u;
  let tap = k / depth;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let inside = tap_inside(p.mask, ky, kx) & vec4<bool>(k * 4u < end);
  let at = select(vec4<u32>(0u), p.at + (ky * params.w + kx) * depth + k % depth, inside);
  let zero = vec4<f32>(0.0);
  return transpose(mat4x4<f32>(select(zero, vec4<f32>(x[at.x]), inside.x), select(zero, vec4<f32>(x[at.y]), inside.y),
                               select(zero, vec4<f32>(x[at.z]), inside.z), select(zero, vec4<f32>(x[at.w]), inside.w)));
}

fn write(split: u32, row: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
  let columns = params.c_out / 4u;
  let rows = params.n * params.oh * params.ow;
  let to = (split * rows + row) * columns + column;
  if row < rows {
    if column < columns { partial[to] = left; }
    if column + TILE_N / 8u < columns { partial[to + TILE_N / 8u] = right; }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile_m = wid.y * TILE_M;
  let tile_n = wid.x * (TILE_N / 4u);
  // The blocks to fetch: TILE_M of x, then TILE_N of w. Four invocations in a row read 64 bytes of a pixel; those that
  // fetch w read rows of it.
  let of_x = lane < TILE_M;
  let own = pixels(tile_m + lane / 4u * 4u);
  let first = lane - TILE_M;
  let second = lane + THREADS - TILE_M;
  let column = select(TILE_M / 4u + first % (TILE_N / 4u), lane / 4u, of_x);
  let k_first = select(first / (TILE_N / 4u), lane % 4u, of_x);
  let column_second = second % (TILE_N / 4u);
  let k_second = second / (TILE_N / 4u);
  let block = owned_block(lane, TILE_N / 8u);
  let run = split_run(params);
  let start = wid.z * run;
  let end = min(start + run, params.kh * params.kw * params.c_in);
  var acc: RegisterTile;
  var a: mat4x4<f32>;
  var b: mat4x4<f32>;
  if of_x {
    a = fetch_x(own, start / 4u + k_first, end);
  } else {
    a = fetch_w(tile_n + column - TILE_M / 4u, start / 4u + k_first, end);
  }
  if second < TILE_N {
    b = fetch_w(tile_n + column_second, start / 4u + k_second, end);
  }
  for (var s = 0u; start + s * 16u < end; s++) {
    let next = start + s * 16u + 16u;
    let base = s % BUFFERS * (16u * SPAN);
    if BUFFERS == 1u {
      workgroupBarrier();
    }
    put(base, column, k_first, a);
    if second < TILE_N {
      put(base, TILE_M / 4u + column_second, k_second, b);
    }
    workgroupBarrier();
    if next < end {
      if of_x {
        a = fetch_x(own, next / 4u + k_first, end);
      } else {
        a = fetch_w(tile_n + column - TILE_M / 4u, next / 4u + k_first, end);
      }
      if second < TILE_N {
        b = fetch_w(tile_n + column_second, next / 4u + k_second, end);
      }
    }
    multiply_stage(&acc, base, block);
  }
  let row = tile_m + block.y * 4u;
  let to = tile_n + block.x;
  write(wid.z, row, to, acc[0], acc[8]);
  write(wid.z, row + 1u, to, acc[1], acc[9]);
  write(wid.z, row + 2u, to, acc[2], acc[10]);
  write(wid.z, row + 3u, to, acc[3], acc[11]);
  write(wid.z, row + TILE_M / 2u, to, acc[4], acc[12]);
  write(wid.z, row + TILE_M / 2u + 1u, to, acc[5], acc[13]);
  write(wid.z, row + TILE_M / 2u + 2u, to, acc[6], acc[14]);
  write(wid.z, row + TILE_M / 2u + 3u, to, acc[7], acc[15]);
}
