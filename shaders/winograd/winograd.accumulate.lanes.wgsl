// As naive, on software Vulkan: eight lanes own a 32 x 32 tile of c_in x c_out of a group of all three kx of one transformed row.
// Horizontally it is Winograd's F(3, 2): four products for two columns and three kx, where naive has six. The transformed
// columns are made on the fly from values that it has loaded anyway; the input's carry over from one tile to the next.
// Both operands in texels: every load is 128 bytes in a row, next to the one before.
// Where there are several groups, c_in and c_out are multiples of 32: no panel is part of two.
// Grid: x = ceil(c_in / 32), y = 6 ceil(groups c_out / 32), row by row: what a row reads stays in the cache; z = splits.
// include common/texels.wgsl
// include common/rotated.wgsl
// include common/winograd_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var left: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var right: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(3) var<storage, read_write> m: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

// D^T along the columns: three elements of m from the four sums.
fn store(to: u32, plane: u32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>) {
  let middle = 0.5 * (s1 + s2);
  m[to] = s0 + middle;
  m[to + plane] = 0.5 * (s1 - s2);
  m[to + 2u * plane] = middle + s3;
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let columns = width(params);
  let left_step = (columns + 2u) * 8u;
  let right_step = columns * 8u;
  let end = first_band(params, wid.z + 1u);
  let every = params.groups * params.c_out;
  let row = wid.y / ((every + 31u) / 32u);
  let right_panel = wid.y % ((every + 31u) / 32u);
  let left_panel = right_panel * 32u / params.c_out * (params.c_in / 32u) + wid.x;
  var acc0: Tile;
  var acc1: Tile;
  var acc2: Tile;
  var acc3: Tile;
  var i = ((left_panel * 6u + row) * bands(params) + first_band(params, wid.z)) * left_step + lane;
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
  let depth = params.c_in / 4u;
  let tile = wid.x * 8u;
  let quads = every / 4u;
  let column = right_panel * 8u + lane;
  let plane = params.c_in * quads;
  let to = (wid.z * 6u + row) * 3u * plane + column;
  let row0 = tile + lane;
  if column < quads && row0 < depth {
    store(to + (row0 * 4u + 0u) * quads, plane, acc0[0], acc1[0], acc2[0], acc3[0]);
    store(to + (row0 * 4u + 1u) * quads, plane, acc0[1], acc1[1], acc2[1], acc3[1]);
    store(to + (row0 * 4u + 2u) * quads, plane, acc0[2], acc1[2], acc2[2], acc3[2]);
    store(to + (row0 * 4u + 3u) * quads, plane, acc0[3], acc1[3], acc2[3], acc3[3]);
  }
  let row1 = tile + (lane ^ 1u);
  if column < quads && row1 < depth {
    store(to + (row1 * 4u + 0u) * quads, plane, acc0[4], acc1[4], acc2[4], acc3[4]);
    store(to + (row1 * 4u + 1u) * quads, plane, acc0[5], acc1[5], acc2[5], acc3[5]);
    store(to + (row1 * 4u + 2u) * quads, plane, acc0[6], acc1[6], acc2[6], acc3[6]);
    store(to + (row1 * 4u + 3u) * quads, plane, acc0[7], acc1[7], acc2[7], acc3[7]);
  }
  let row2 = tile + (lane ^ 2u);
  if column < quads && row2 < depth {
    store(to + (row2 * 4u + 0u) * quads, plane, acc0[8], acc1[8], acc2[8], acc3[8]);
    store(to + (row2 * 4u + 1u) * quads, plane, acc0[9], acc1[9], acc2[9], acc3[9]);
    store(to + (row2 * 4u + 2u) * quads, plane, acc0[10], acc1[10], acc2[10], acc3[10]);
    store(to + (row2 * 4u + 3u) * quads, plane, acc0[11], acc1[11], acc2[11], acc3[11]);
  }
  let row3 = tile + (lane ^ 3u);
  if column < quads && row3 < depth {
    store(to + (row3 * 4u + 0u) * quads, plane, acc0[12], acc1[12], acc2[12], acc3[12]);
    store(to + (row3 * 4u + 1u) * quads, plane, acc0[13], acc1[13], acc2[13], acc3[13]);
    store(to + (row3 * 4u + 2u) * quads, plane, acc0[14], acc1[14], acc2[14], acc3[14]);
    store(to + (row3 * 4u + 3u) * quads, plane, acc0[15], acc1[15], acc2[15], acc3[15]);
  }
  let row4 = tile + (lane ^ 4u);
  if column < quads && row4 < depth {
    store(to + (row4 * 4u + 0u) * quads, plane, acc0[16], acc1[16], acc2[16], acc3[16]);
    store(to + (row4 * 4u + 1u) * quads, plane, acc0[17], acc1[17], acc2[17], acc3[17]);
    store(to + (row4 * 4u + 2u) * quads, plane, acc0[18], acc1[18], acc2[18], acc3[18]);
    store(to + (row4 * 4u + 3u) * quads, plane, acc0[19], acc1[19], acc2[19], acc3[19]);
  }
  let row5 = tile + (lane ^ 5u);
  if column < quads && row5 < depth {
    store(to + (row5 * 4u + 0u) * quads, plane, acc0[20], acc1[20], acc2[20], acc3[20]);
    store(to + (row5 * 4u + 1u) * quads, plane, acc0[21], acc1[21], acc2[21], acc3[21]);
    store(to + (row5 * 4u + 2u) * quads, plane, acc0[22], acc1[22], acc2[22], acc3[22]);
    store(to + (row5 * 4u + 3u) * quads, plane, acc0[23], acc1[23], acc2[23], acc3[23]);
  }
  let row6 = tile + (lane ^ 6u);
  if column < quads && row6 < depth {
    store(to + (row6 * 4u + 0u) * quads, plane, acc0[24], acc1[24], acc2[24], acc3[24]);
    store(to + (row6 * 4u + 1u) * quads, plane, acc0[25], acc1[25], acc2[25], acc3[25]);
    store(to + (row6 * 4u + 2u) * quads, plane, acc0[26], acc1[26], acc2[26], acc3[26]);
    store(to + (row6 * 4u + 3u) * quads, plane, acc0[27], acc1[27], acc2[27], acc3[27]);
  }
  let row7 = tile + (lane ^ 7u);
  if column < quads && row7 < depth {
    store(to + (row7 * 4u + 0u) * quads, plane, acc0[28], acc1[28], acc2[28], acc3[28]);
    store(to + (row7 * 4u + 1u) * quads, plane, acc0[29], acc1[29], acc2[29], acc3[29]);
    store(to + (row7 * 4u + 2u) * quads, plane, acc0[30], acc1[30], acc2[30], acc3[30]);
    store(to + (row7 * 4u + 3u) * quads, plane, acc0[31], acc1[31], acc2[31], acc3[31]);
  }
}
