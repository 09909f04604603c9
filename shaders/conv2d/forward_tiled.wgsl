// What conv2d.forward.tiled and its relatives share: the product of a matrix of pixels x (ky, kx, ci) with the weights. The
// file around it binds x and w, gives the knobs TILE_M, TILE_N and BUFFERS, `inputs` (conv2d/inputs_*.wgsl) and `leave`
// (conv2d/leave_*.wgsl).
// include conv2d/windows.wgsl
const THREADS: u32 = TILE_M * TILE_N / 64u;
const SPAN: u32 = (TILE_M + TILE_N) / 4u; // words in a row of a stage: the pixels, then the output channels
var<workgroup> stages: array<vec4<f32>, BUFFERS * 16u * SPAN>;

// Four channels of one tap for four pixels; a column holds one channel.
fn fetch_x(p: Pixels, k: u32) -> mat4x4<f32> {
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

// Stores a block in a stage: `column` counts words, `k` blocks.
fn put(base: u32, column: u32, k: u32, block: mat4x4<f32>) {
  let at = base + k * 4u * SPAN + (column ^ (k * 2u));
  stages[at] = block[0];
  stages[at + SPAN] = block[1];
  stages[at + 2u * SPAN] = block[2];
  stages[at + 3u * SPAN] = block[3];
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  if tile_m >= params.n * params.oh * params.ow {
    return;
  }
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
  let count_k = params.kh * params.kw * params.c_in;
  var acc: RegisterTile;
  var a: mat4x4<f32>;
  var b: mat4x4<f32>;
  if of_x {
    a = fetch_x(own, k_first);
  } else {
    a = fetch_w(tile_n + column - TILE_M / 4u, k_first, count_k);
  }
  if second < TILE_N {
    b = fetch_w(tile_n + column_second, k_second, count_k);
  }
  for (var s = 0u; s * 16u < count_k; s++) {
    let base = s % BUFFERS * (16u * SPAN);
    if BUFFERS == 1u {
      workgroupBarrier();
    }
    put(base, column, k_first, a);
    if second < TILE_N {
      put(base, TILE_M / 4u + column_second, k_second, b);
    }
    workgroupBarrier();
    if (s + 1u) * 16u < count_k {
      if of_x {
        a = fetch_x(own, s * 4u + 4u + k_first);
      } else {
        a = fetch_w(tile_n + column - TILE_M / 4u, s * 4u + 4u + k_first, count_k);
      }
      if second < TILE_N {
        b = fetch_w(tile_n + column_second, s * 4u + 4u + k_second, count_k);
      }
    }
    for (var k = 0u; k < 4u; k++) {
      let row = base + k * 4u * SPAN;
      let l = row + (block.y ^ (k * 2u));
      let r = row + TILE_M / 4u + (block.x ^ (k * 2u));
      outer_product(&acc, stages[l], stages[l + TILE_M / 8u], stages[r], stages[r + TILE_N / 8u]);
      let l1 = l + SPAN;
      let r1 = r + SPAN;
      outer_product(&acc, stages[l1], stages[l1 + TILE_M / 8u], stages[r1], stages[r1 + TILE_N / 8u]);
      let l2 = l1 + SPAN;
      let r2 = r1 + SPAN;
      outer_product(&acc, stages[l2], stages[l2 + TILE_M / 8u], stages[r2], stages[r2 + TILE_N / 8u]);
      let l3 = l2 + SPAN;
      let r3 = r2 + SPAN;
      outer_product(&acc, stages[l3], stages[l3 + TILE_M / 8u], stages[r3], stages[r3 + TILE_N / 8u]);
    }
  }
  leave(&acc, tile_m, tile_n, lane);
}
