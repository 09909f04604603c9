// As naive, on software Vulkan: eight lanes own a 32 x 32 tile of c_in x c_out of all three kx of one transformed row.
// Horizontally it is Winograd's F(3, 2): four products for two columns and three kx, where naive has six. The transformed
// columns are made on the fly from values that it has loaded anyway; the input's carry over from one tile to the next.
// Both operands in texels: every load is 128 bytes in a row, next to the one before.
// Grid: x = ceil(c_in / 32), y = 6 ceil(c_out / 32), row by row: what a row reads stays in the cache; z = splits.
// include common/texels.wgsl
// include common/rotated.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var left: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var right: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4<f32>>;

// D^T along the columns: three elements of m from the four sums.
fn store(to: u32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>) {
  let plane = params.c_in * (params.c_out / 4u);
  let middle = 0.5 * (s1 + s2);
  m[to] = s0 + middle;
  m[to + plane] = 0.5 * (s1 - s2);
  m[to + 2u * plane] = middle + s3;
}

// The same for rows 4 i .. 4 i + 3, if they are real, behind place `to`.
fn store_four(to: u32, i: u32, s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32>) {
  let quads = params.c_out / 4u;
  let at = to + 4u * i * quads;
  if i < params.c_in / 4u {
    store(at, s0[0], s1[0], s2[0], s3[0]);
    store(at + quads, s0[1], s1[1], s2[1], s3[1]);
    store(at + 2u * quads, s0[2], s1[2], s2[2], s3[2]);
    store(at + 3u * quads, s0[3], s1[3], s2[3], s3[3]);
  }
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let columns = width(params);
  let left_step = (columns + 2u) * 8u;
  let right_step = columns * 8u;
  let end = first_band(params, wid.z + 1u);
  let row = wid.y / ((params.c_out + 31u) / 32u);
  let right_panel = wid.y % ((params.c_out + 31u) / 32u);
  var acc0: Tile;
  var acc1: Tile;
  var acc2: Tile;
  var acc3: Tile;
  var i = ((wid.x * 6u + row) * bands(params) + first_band(params, wid.z)) * left_step + lane;
  var j = ((right_panel * 6u + row) * bands(params) + first_band(params, wid.z)) * right_step + lane;
  for (var band = first_band(params, wid.z); band < end; band++) {
    var d0 = textureLoad(left, texel(i));
    var d1 = textureLoad(left, texel(i + 8u));
    let stop = j + right_step;
    for (; j < stop; j += 32u) {
      let d2 = textureLoad(left, texel(i + 16u));
      let d3 = textureLoad(left, texel(i + 24u));
      let d4 = textureLoad(left, texel(i + 32u));
      let d5 = textureLoad(left, texel(i + 40u));
      let e0 = textureLoad(right, texel(j));
      let e1 = textureLoad(right, texel(j + 8u));
      let e2 = textureLoad(right, texel(j + 16u));
      let e3 = textureLoad(right, texel(j + 24u));
      products(&acc0, lane, d0 - d2, e0, d2 - d4, e2);
      products(&acc1, lane, d1 + d2, e0 + e1, d3 + d4, e2 + e3);
      products(&acc2, lane, d2 - d1, e0 - e1, d4 - d3, e2 - e3);
      products(&acc3, lane, d3 - d1, e1, d5 - d3, e3);
      d0 = d4;
      d1 = d5;
      i += 32u;
    }
    i += 16u;
  }
  let tile = wid.x * 8u;
  let quads = params.c_out / 4u;
  let column = right_panel * 8u + lane;
  let to = (wid.z * 6u + row) * 3u * params.c_in * quads + column;
  if column < quads {
    store_four(to, tile + lane,
               mat4x4<f32>(acc0[0], acc0[1], acc0[2], acc0[3]), mat4x4<f32>(acc1[0], acc1[1], acc1[2], acc1[3]),
               mat4x4<f32>(acc2[0], acc2[1], acc2[2], acc2[3]), mat4x4<f32>(acc3[0], acc3[1], acc3[2], acc3[3]));
    store_four(to, tile + (lane ^ 1u),
               mat4x4<f32>(acc0[4], acc0[5], acc0[6], acc0[7]), mat4x4<f32>(acc1[4], acc1[5], acc1[6], acc1[7]),
               mat4x4<f32>(acc2[4], acc2[5], acc2[6], acc2[7]), mat4x4<f32>(acc3[4], acc3[5], acc3[6], acc3[7]));
    store_four(to, tile + (lane ^ 2u),
               mat4x4<f32>(acc0[8], acc0[9], acc0[10], acc0[11]), mat4x4<f32>(acc1[8], acc1[9], acc1[10], acc1[11]),
               mat4x4<f32>(acc2[8], acc2[9], acc2[10], acc2[11]), mat4x4<f32>(acc3[8], acc3[9], acc3[10], acc3[11]));
    store_four(to, tile + (lane ^ 3u),
               mat4x4<f32>(acc0[12], acc0[13], acc0[14], acc0[15]), mat4x4<f32>(acc1[12], acc1[13], acc1[14], acc1[15]),
               mat4x4<f32>(acc2[12], acc2[13], acc2[14], acc2[15]), mat4x4<f32>(acc3[12], acc3[13], acc3[14], acc3[15]));
    store_four(to, tile + (lane ^ 4u),
               mat4x4<f32>(acc0[16], acc0[17], acc0[18], acc0[19]), mat4x4<f32>(acc1[16], acc1[17], acc1[18], acc1[19]),
               mat4x4<f32>(acc2[16], acc2[17], acc2[18], acc2[19]), mat4x4<f32>(acc3[16], acc3[17], acc3[18], acc3[19]));
    store_four(to, tile + (lane ^ 5u),
               mat4x4<f32>(acc0[20], acc0[21], acc0[22], acc0[23]), mat4x4<f32>(acc1[20], acc1[21], acc1[22], acc1[23]),
               mat4x4<f32>(acc2[20], acc2[21], acc2[22], acc2[23]), mat4x4<f32>(acc3[20], acc3[21], acc3[22], acc3[23]));
    store_four(to, tile + (lane ^ 6u),
               mat4x4<f32>(acc0[24], acc0[25], acc0[26], acc0[27]), mat4x4<f32>(acc1[24], acc1[25], acc1[26], acc1[27]),
               mat4x4<f32>(acc2[24], acc2[25], acc2[26], acc2[27]), mat4x4<f32>(acc3[24], acc3[25], acc3[26], acc3[27]));
    store_four(to, tile + (lane ^ 7u),
               mat4x4<f32>(acc0[28], acc0[29], acc0[30], acc0[31]), mat4x4<f32>(acc1[28], acc1[29], acc1[30], acc1[31]),
               mat4x4<f32>(acc2[28], acc2[29], acc2[30], acc2[31]), mat4x4<f32>(acc3[28], acc3[29], acc3[30], acc3[31]));
  }
}
