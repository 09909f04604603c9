// The entry point of conv2d.forward.tiled and conv2d.forward.first: the product of pixels x (ky, kx, ci) with the weights, stage by
// stage. The file around it gives `Pixels`, `pixels`, `fetch_x`, `fetch_w` and `finish` (conv2d/tile_outputs*.wgsl).
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
    multiply_stage(&acc, base, block);
  }
  finish(&acc, tile_m, tile_n, lane);
}
