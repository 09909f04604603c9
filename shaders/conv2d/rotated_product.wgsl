// The entry point of the gradient of the weights on software Vulkan: eight lanes of a subgroup own 32 rows (of the kh kw c_in rows of the
// weights) x 32 output channels of one group and split, four output pixels at a time. Lane l holds four rows, 4 l .. 4 l + 3, and four
// columns, 4 l .. 4 l + 3; in turn d, d = 0 .. 7, it takes the rows of lane l ^ d, and elements 4 d .. 4 d + 3 of the tile are these. dy is a
// texture, so that a load is a vector gather. The file around it chooses the layout of dy (common/layout_by_row.wgsl), and gives
// `weight_rows`, what four rows are known by, `input`, what they read for a pixel, and `write_four`, which writes them for four output channels.
// include conv2d/four_pixels.wgsl
// include common/exchange.wgsl
alias Tile = array<vec4<f32>, 32>;

// Four terms of the sum at a time: an element is loaded and stored once for all of them. Rows are the columns of `rows`, terms those of `columns`.
fn accumulate_turned(acc: ptr<function, Tile>, lane: u32, rows: mat4x4<f32>, columns: mat4x4<f32>) {
  (*acc)[0] = products(rows[0], columns, (*acc)[0]);
  (*acc)[1] = products(rows[1], columns, (*acc)[1]);
  (*acc)[2] = products(rows[2], columns, (*acc)[2]);
  (*acc)[3] = products(rows[3], columns, (*acc)[3]);
  (*acc)[4] = products(subgroupShuffle(rows[0], lane ^ 1u), columns, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(rows[1], lane ^ 1u), columns, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(rows[2], lane ^ 1u), columns, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(rows[3], lane ^ 1u), columns, (*acc)[7]);
  (*acc)[8] = products(subgroupShuffle(rows[0], lane ^ 2u), columns, (*acc)[8]);
  (*acc)[9] = products(subgroupShuffle(rows[1], lane ^ 2u), columns, (*acc)[9]);
  (*acc)[10] = products(subgroupShuffle(rows[2], lane ^ 2u), columns, (*acc)[10]);
  (*acc)[11] = products(subgroupShuffle(rows[3], lane ^ 2u), columns, (*acc)[11]);
  (*acc)[12] = products(subgroupShuffle(rows[0], lane ^ 3u), columns, (*acc)[12]);
  (*acc)[13] = products(subgroupShuffle(rows[1], lane ^ 3u), columns, (*acc)[13]);
  (*acc)[14] = products(subgroupShuffle(rows[2], lane ^ 3u), columns, (*acc)[14]);
  (*acc)[15] = products(subgroupShuffle(rows[3], lane ^ 3u), columns, (*acc)[15]);
  (*acc)[16] = products(subgroupShuffle(rows[0], lane ^ 4u), columns, (*acc)[16]);
  (*acc)[17] = products(subgroupShuffle(rows[1], lane ^ 4u), columns, (*acc)[17]);
  (*acc)[18] = products(subgroupShuffle(rows[2], lane ^ 4u), columns, (*acc)[18]);
  (*acc)[19] = products(subgroupShuffle(rows[3], lane ^ 4u), columns, (*acc)[19]);
  (*acc)[20] = products(subgroupShuffle(rows[0], lane ^ 5u), columns, (*acc)[20]);
  (*acc)[21] = products(subgroupShuffle(rows[1], lane ^ 5u), columns, (*acc)[21]);
  (*acc)[22] = products(subgroupShuffle(rows[2], lane ^ 5u), columns, (*acc)[22]);
  (*acc)[23] = products(subgroupShuffle(rows[3], lane ^ 5u), columns, (*acc)[23]);
  (*acc)[24] = products(subgroupShuffle(rows[0], lane ^ 6u), columns, (*acc)[24]);
  (*acc)[25] = products(subgroupShuffle(rows[1], lane ^ 6u), columns, (*acc)[25]);
  (*acc)[26] = products(subgroupShuffle(rows[2], lane ^ 6u), columns, (*acc)[26]);
  (*acc)[27] = products(subgroupShuffle(rows[3], lane ^ 6u), columns, (*acc)[27]);
  (*acc)[28] = products(subgroupShuffle(rows[0], lane ^ 7u), columns, (*acc)[28]);
  (*acc)[29] = products(subgroupShuffle(rows[1], lane ^ 7u), columns, (*acc)[29]);
  (*acc)[30] = products(subgroupShuffle(rows[2], lane ^ 7u), columns, (*acc)[30]);
  (*acc)[31] = products(subgroupShuffle(rows[3], lane ^ 7u), columns, (*acc)[31]);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let breadth = params.c_out / 4u;
  let across = (breadth + 7u) / 8u;
  let group = wid.y / across;
  let tile = wid.x * 8u;
  let column = wid.y % across * 8u + lane;
  let first = group * breadth;
  let r = weight_rows(group, tile + lane);
  let pixels = params.n * params.oh * params.ow;
  let own = layout_of(pixels, params.groups, breadth, group, min(column, breadth - 1u));
  let run = (pixels + params.splits - 1u) / params.splits;
  let end = min((wid.z + 1u) * run, pixels);
  var at = pixel(params, wid.z * run);
  var acc: Tile;
  for (var p = wid.z * run; p < end; p += 4u) {
    let four = four_pixels(at);
    accumulate_turned(&acc, lane, four_rows(r, four), four_columns(own, p, end));
    at = next(params, four.d);
  }
  if column < breadth {
    write_four(wid.z, tile + lane, first + column, mat4x4<f32>(acc[0], acc[1], acc[2], acc[3]));
    write_four(wid.z, tile + (lane ^ 1u), first + column, mat4x4<f32>(acc[4], acc[5], acc[6], acc[7]));
    write_four(wid.z, tile + (lane ^ 2u), first + column, mat4x4<f32>(acc[8], acc[9], acc[10], acc[11]));
    write_four(wid.z, tile + (lane ^ 3u), first + column, mat4x4<f32>(acc[12], acc[13], acc[14], acc[15]));
    write_four(wid.z, tile + (lane ^ 4u), first + column, mat4x4<f32>(acc[16], acc[17], acc[18], acc[19]));
    write_four(wid.z, tile + (lane ^ 5u), first + column, mat4x4<f32>(acc[20], acc[21], acc[22], acc[23]));
    write_four(wid.z, tile + (lane ^ 6u), first + column, mat4x4<f32>(acc[24], acc[25], acc[26], acc[27]));
    write_four(wid.z, tile + (lane ^ 7u), first + column, mat4x4<f32>(acc[28], acc[29], acc[30], acc[31]));
  }
}
