// As lanes, for three taps in a row, stride 1 and lines of whole eights of pixels (conv2d/shifted.wgsl): what the taps of a row read of
// four pixels are six values, loaded once for all three. Eight lanes own the three taps of a row x 16 input channels x 16 output channels of one group and split:
// lane l holds four input channels, 4 (l % 4) .., and as many output channels; lanes below 4 take the first four pixels of eight, the others the next, and
// the two sums are added in the end. In turn d, d = 0 .. 3, a lane takes the inputs of lane l ^ d.
// Grid: x = kh ceil(c_in / 16), y = groups ceil(c_out / 16), z = splits.
// include common/conv2d.wgsl
// include common/layout_by_row.wgsl
// include common/exchange.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

// Rows of the weights: four input channels of the left tap, of the middle one, and of the right one.
alias Taps = array<vec4<f32>, 12>;

// What the taps read of four pixels: from the one before them to the one behind.
struct Six { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32> }

fn turned(s: Six, lane: u32) -> Six {
  return Six(subgroupShuffle(s.a, lane), subgroupShuffle(s.b, lane), subgroupShuffle(s.c, lane),
             subgroupShuffle(s.d, lane), subgroupShuffle(s.e, lane), subgroupShuffle(s.f, lane));
}

fn accumulate_taps(acc: ptr<function, Taps>, s: Six, columns: mat4x4<f32>) {
  let left = transpose(mat4x4<f32>(s.a, s.b, s.c, s.d));
  let middle = transpose(mat4x4<f32>(s.b, s.c, s.d, s.e));
  let right = transpose(mat4x4<f32>(s.c, s.d, s.e, s.f));
  (*acc)[0] = products(left[0], columns, (*acc)[0]);
  (*acc)[1] = products(left[1], columns, (*acc)[1]);
  (*acc)[2] = products(left[2], columns, (*acc)[2]);
  (*acc)[3] = products(left[3], columns, (*acc)[3]);
  (*acc)[4] = products(middle[0], columns, (*acc)[4]);
  (*acc)[5] = products(middle[1], columns, (*acc)[5]);
  (*acc)[6] = products(middle[2], columns, (*acc)[6]);
  (*acc)[7] = products(middle[3], columns, (*acc)[7]);
  (*acc)[8] = products(right[0], columns, (*acc)[8]);
  (*acc)[9] = products(right[1], columns, (*acc)[9]);
  (*acc)[10] = products(right[2], columns, (*acc)[10]);
  (*acc)[11] = products(right[3], columns, (*acc)[11]);
}

fn input(channels: Layout, pixel: u32, inside: bool) -> vec4<f32> {
  return select(vec4<f32>(0.0), textureLoad(x, texel_of(channels, pixel, inside)), inside);
}

// The sums of both halves, where they are real: `quad` counts fours of input channels, `column` fours of output channels of all groups.
fn write_taps(split: u32, ky: u32, quad: u32, column: u32, there: bool, acc: ptr<function, Taps>, lane: u32) {
  let quads = params.groups * (params.c_out / 4u);
  for (var i = 0u; i < 12u; i++) {
    let sum = (*acc)[i] + subgroupShuffle((*acc)[i], lane ^ 4u);
    let row = (ky * 3u + i / 4u) * params.c_in + 4u * quad + i % 4u;
    if there && quad < params.c_in / 4u {
      dw[(split * params.kh * 3u * params.c_in + row) * quads + column] = sum;
    }
  }
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let depth = params.c_in / 4u;
  let breadth = params.c_out / 4u;
  let blocks = (depth + 3u) / 4u;
  let ky = wid.x / blocks;
  let quad = wid.x % blocks * 4u + lane % 4u;
  let across = (breadth + 3u) / 4u;
  let group = wid.y / across;
  let column = wid.y % across * 4u + lane % 4u;
  let inputs = layout_of(params.n * params.h * params.w, params.groups, depth, group, min(quad, depth - 1u));
  let gradients = layout_of(params.n * params.oh * params.w, params.groups, breadth, group, min(column, breadth - 1u));
  let run = params.n * params.oh * params.w / params.splits;
  let half = lane / 4u * 4u;
  var acc0: Taps;
  var acc1: Taps;
  var acc2: Taps;
  var acc3: Taps;
  for (var i = 0u; i < run; i += 8u) {
    let first = wid.z * run + i;
    let line = first / params.w;
    let iy = line % params.oh + ky - params.pad_h;
    let inside = iy < params.h;
    let column_x = first % params.w + half;
    let middle = (line / params.oh * params.h + iy) * params.w + column_x;
    let p = first + half;
    let columns = mat4x4<f32>(textureLoad(dy, texel_of(gradients, p, true)), textureLoad(dy, texel_of(gradients, p + 1u, true)),
                              textureLoad(dy, texel_of(gradients, p + 2u, true)), textureLoad(dy, texel_of(gradients, p + 3u, true)));
    let six = Six(input(inputs, middle - 1u, inside && column_x > 0u), input(inputs, middle, inside), input(inputs, middle + 1u, inside),
                  input(inputs, middle + 2u, inside), input(inputs, middle + 3u, inside),
                  input(inputs, middle + 4u, inside && column_x + 4u < params.w));
    accumulate_taps(&acc0, six, columns);
    accumulate_taps(&acc1, turned(six, lane ^ 1u), columns);
    accumulate_taps(&acc2, turned(six, lane ^ 2u), columns);
    accumulate_taps(&acc3, turned(six, lane ^ 3u), columns);
  }
  let there = half == 0u && column < breadth;
  let to = group * breadth + column;
  write_taps(wid.z, ky, quad, to, there, &acc0, lane);
  write_taps(wid.z, ky, quad ^ 1u, to, there, &acc1, lane);
  write_taps(wid.z, ky, quad ^ 2u, to, there, &acc2, lane);
  write_taps(wid.z, ky, quad ^ 3u, to, there, &acc3, lane);
}
