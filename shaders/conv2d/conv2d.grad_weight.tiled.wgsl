// As naive, for one group, c_in and c_out multiples of 4, on GPUs: the structure of conv2d.forward.tiled for the product
// of a matrix (ky, kx, ci) x pixels, gathered from x, with dy, pixels x c_out; a workgroup goes through the pixels of one
// split in stages of 16. Channels of a pixel lie together in both operands as the stages want them: nothing is transposed.
// Grid: x = ceil(c_out / TILE_N), y = ceil(kh kw c_in / TILE_M), z = splits.
// include common/conv2d.wgsl
// include common/register_tile.wgsl
// include conv2d/inputs_normalised.wgsl if table else conv2d/inputs_plain.wgsl
// include conv2d/grad_weight_operands.wgsl
// include conv2d/stages.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2

// Inputs of four rows for the pixels k, k + 1, k + 2, k + 3 below `end`; a column holds one pixel.
fn fetch_x(r: Rows, k: u32, end: u32) -> mat4x4<f32> {
  let p = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
  let line = p / params.ow;
  let iy = line % params.oh * params.stride_h;
  let ix = (p - line * params.ow) * params.stride_w;
  let inside = (iy + r.ky < vec4<u32>(params.h)) & (ix + r.kx < vec4<u32>(params.w)) & (p < vec4<u32>(end));
  let at = select(vec4<u32>(0u), ((line / params.oh * params.h + iy) * params.w + ix) * (params.c_in / 4u) + r.at, inside);
  let zero = vec4<f32>(0.0);
  let v = inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), r.quad);
  return mat4x4<f32>(select(zero, vec4<f32>(v[0]), inside.x), select(zero, vec4<f32>(v[1]), inside.y),
                     select(zero, vec4<f32>(v[2]), inside.z), select(zero, vec4<f32>(v[3]), inside.w));
}

fn write(split: u32, row: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
  let rows = params.kh * params.kw * params.c_in;
  let columns = params.c_out / 4u;
  let to = (split * rows + row) * columns + column;
  if row < rows {
    if column < columns { dw[to] = left; }
    if column + TILE_N / 8u < columns { dw[to + TILE_N / 8u] = right; }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile_m = wid.y * TILE_M;
  let tile_n = wid.x * (TILE_N / 4u);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let start = wid.z * run;
  let end = min(start + run, pixels);
  // The blocks to fetch: TILE_M of x, then TILE_N of dy. Neighbours read neighbouring channels of a pixel.
  let of_x = lane < TILE_M;
  let first = select(lane - TILE_M, lane, of_x);
  let across = select(TILE_N / 4u, TILE_M / 4u, of_x);
  let second = lane + THREADS - TILE_M;
  let column = select(TILE_M / 4u, 0u, of_x) + first % across;
  let k_first = first / across;
  let column_second = second % (TILE_N / 4u);
  let k_second = second / (TILE_N / 4u);
  let own = rows(tile_m / 4u + column);
  let block = owned_block(lane, TILE_N / 8u);
  var acc: RegisterTile;
  var a: mat4x4<f32>;
  var b: mat4x4<f32>;
  if of_x {
    a = fetch_x(own, start + k_first * 4u, end);
  } else {
    a = fetch_dy(tile_n + column - TILE_M / 4u, start + k_first * 4u, end);
  }
  if second < TILE_N {
    b = fetch_dy(tile_n + column_second, start + k_second * 4u, end);
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
        a = fetch_x(own, next + k_first * 4u, end);
      } else {
        a = fetch_dy(tile_n + column - TILE_M / 4u, next + k_first * 4u, end);
      }
      if second < TILE_N {
        b = fetch_dy(tile_n + column_second, next + k_second * 4u, end);
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
