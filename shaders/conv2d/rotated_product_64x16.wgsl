// The entry point of the variant narrow of conv2d.grad_weight: as conv2d/rotated_product.wgsl, for few columns: eight lanes own 64 rows x 16
// output channels. Lane l holds two fours of rows, `low` and, 32 rows further on, `high`, and the four columns 4 (l % 4) ...; in turn d,
// d = 0 .. 3, it takes the rows of lane l ^ d. Elements 8 d .. 8 d + 3 of the tile are rows of `low` there, the next four of `high`.
// include common/texels.wgsl
// include common/walk.wgsl
alias Tile = array<vec4<f32>, 32>;

// Two terms of the sum at a time: an element is loaded and stored once for both.
fn products(acc: ptr<function, Tile>, lane: u32, low_a: vec4<f32>, high_a: vec4<f32>, columns_a: vec4<f32>,
            low_b: vec4<f32>, high_b: vec4<f32>, columns_b: vec4<f32>) {
  let low_a0 = low_a;
  let low_b0 = low_b;
  (*acc)[0] = fma(vec4<f32>(low_b0.x), columns_b, fma(vec4<f32>(low_a0.x), columns_a, (*acc)[0]));
  (*acc)[1] = fma(vec4<f32>(low_b0.y), columns_b, fma(vec4<f32>(low_a0.y), columns_a, (*acc)[1]));
  (*acc)[2] = fma(vec4<f32>(low_b0.z), columns_b, fma(vec4<f32>(low_a0.z), columns_a, (*acc)[2]));
  (*acc)[3] = fma(vec4<f32>(low_b0.w), columns_b, fma(vec4<f32>(low_a0.w), columns_a, (*acc)[3]));
  let high_a0 = high_a;
  let high_b0 = high_b;
  (*acc)[4] = fma(vec4<f32>(high_b0.x), columns_b, fma(vec4<f32>(high_a0.x), columns_a, (*acc)[4]));
  (*acc)[5] = fma(vec4<f32>(high_b0.y), columns_b, fma(vec4<f32>(high_a0.y), columns_a, (*acc)[5]));
  (*acc)[6] = fma(vec4<f32>(high_b0.z), columns_b, fma(vec4<f32>(high_a0.z), columns_a, (*acc)[6]));
  (*acc)[7] = fma(vec4<f32>(high_b0.w), columns_b, fma(vec4<f32>(high_a0.w), columns_a, (*acc)[7]));
  let low_a1 = subgroupShuffle(low_a, lane ^ 1u);
  let low_b1 = subgroupShuffle(low_b, lane ^ 1u);
  (*acc)[8] = fma(vec4<f32>(low_b1.x), columns_b, fma(vec4<f32>(low_a1.x), columns_a, (*acc)[8]));
  (*acc)[9] = fma(vec4<f32>(low_b1.y), columns_b, fma(vec4<f32>(low_a1.y), columns_a, (*acc)[9]));
  (*acc)[10] = fma(vec4<f32>(low_b1.z), columns_b, fma(vec4<f32>(low_a1.z), columns_a, (*acc)[10]));
  (*acc)[11] = fma(vec4<f32>(low_b1.w), columns_b, fma(vec4<f32>(low_a1.w), columns_a, (*acc)[11]));
  let high_a1 = subgroupShuffle(high_a, lane ^ 1u);
  let high_b1 = subgroupShuffle(high_b, lane ^ 1u);
  (*acc)[12] = fma(vec4<f32>(high_b1.x), columns_b, fma(vec4<f32>(high_a1.x), columns_a, (*acc)[12]));
  (*acc)[13] = fma(vec4<f32>(high_b1.y), columns_b, fma(vec4<f32>(high_a1.y), columns_a, (*acc)[13]));
  (*acc)[14] = fma(vec4<f32>(high_b1.z), columns_b, fma(vec4<f32>(high_a1.z), columns_a, (*acc)[14]));
  (*acc)[15] = fma(vec4<f32>(high_b1.w), columns_b, fma(vec4<f32>(high_a1.w), columns_a, (*acc)[15]));
  let low_a2 = subgroupShuffle(low_a, lane ^ 2u);
  let low_b2 = subgroupShuffle(low_b, lane ^ 2u);
  (*acc)[16] = fma(vec4<f32>(low_b2.x), columns_b, fma(vec4<f32>(low_a2.x), columns_a, (*acc)[16]));
  (*acc)[17] = fma(vec4<f32>(low_b2.y), columns_b, fma(vec4<f32>(low_a2.y), columns_a, (*acc)[17]));
  (*acc)[18] = fma(vec4<f32>(low_b2.z), columns_b, fma(vec4<f32>(low_a2.z), columns_a, (*acc)[18]));
  (*acc)[19] = fma(vec4<f32>(low_b2.w), columns_b, fma(vec4<f32>(low_a2.w), columns_a, (*acc)[19]));
  let high_a2 = subgroupShuffle(high_a, lane ^ 2u);
  let high_b2 = subgroupShuffle(high_b, lane ^ 2u);
  (*acc)[20] = fma(vec4<f32>(high_b2.x), columns_b, fma(vec4<f32>(high_a2.x), columns_a, (*acc)[20]));
  (*acc)[21] = fma(vec4<f32>(high_b2.y), columns_b, fma(vec4<f32>(high_a2.y), columns_a, (*acc)[21]));
  (*acc)[22] = fma(vec4<f32>(high_b2.z), columns_b, fma(vec4<f32>(high_a2.z), columns_a, (*acc)[22]));
  (*acc)[23] = fma(vec4<f32>(high_b2.w), columns_b, fma(vec4<f32>(high_a2.w), columns_a, (*acc)[23]));
  let low_a3 = subgroupShuffle(low_a, lane ^ 3u);
  let low_b3 = subgroupShuffle(low_b, lane ^ 3u);
  (*acc)[24] = fma(vec4<f32>(low_b3.x), columns_b, fma(vec4<f32>(low_a3.x), columns_a, (*acc)[24]));
  (*acc)[25] = fma(vec4<f32>(low_b3.y), columns_b, fma(vec4<f32>(low_a3.y), columns_a, (*acc)[25]));
  (*acc)[26] = fma(vec4<f32>(low_b3.z), columns_b, fma(vec4<f32>(low_a3.z), columns_a, (*acc)[26]));
  (*acc)[27] = fma(vec4<f32>(low_b3.w), columns_b, fma(vec4<f32>(low_a3.w), columns_a, (*acc)[27]));
  let high_a3 = subgroupShuffle(high_a, lane ^ 3u);
  let high_b3 = subgroupShuffle(high_b, lane ^ 3u);
  (*acc)[28] = fma(vec4<f32>(high_b3.x), columns_b, fma(vec4<f32>(high_a3.x), columns_a, (*acc)[28]));
  (*acc)[29] = fma(vec4<f32>(high_b3.y), columns_b, fma(vec4<f32>(high_a3.y), columns_a, (*acc)[29]));
  (*acc)[30] = fma(vec4<f32>(high_b3.z), columns_b, fma(vec4<f32>(high_a3.z), columns_a, (*acc)[30]));
  (*acc)[31] = fma(vec4<f32>(high_b3.w), columns_b, fma(vec4<f32>(high_a3.w), columns_a, (*acc)[31]));
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let breadth = params.c_out / 4u;
  let quads = params.groups * breadth;
  let across = (breadth + 3u) / 4u;
  let group = wid.y / across;
  let tile = wid.x * 16u;
  let column = wid.y % across * 4u + lane % 4u;
  let first = group * breadth;
  let own = first + min(column, breadth - 1u);
  let low = weight_rows(group, tile + lane);
  let high = weight_rows(group, tile + 8u + lane);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let end = min((wid.z + 1u) * run, pixels);
  var at = pixel(params, wid.z * run);
  var acc: Tile;
  for (var p = wid.z * run; p < end; p += 2u) {
    let low_a = input(low, at);
    let high_a = input(high, at);
    let columns_a = textureLoad(dy, texel(p * quads + own));
    at = next(params, at);
    let both = p + 1u < end;
    let low_b = input(low, at);
    let high_b = input(high, at);
    let columns_b = select(vec4<f32>(0.0), textureLoad(dy, texel(select(own, (p + 1u) * quads + own, both))), both);
    at = next(params, at);
    products(&acc, lane, low_a, high_a, columns_a, low_b, high_b, columns_b);
  }
  if column < breadth {
    write_four(wid.z, tile + lane, first + column, mat4x4<f32>(acc[0], acc[1], acc[2], acc[3]));
    write_four(wid.z, tile + 8u + lane, first + column, mat4x4<f32>(acc[4], acc[5], acc[6], acc[7]));
    write_four(wid.z, tile + (lane ^ 1u), first + column, mat4x4<f32>(acc[8], acc[9], acc[10], acc[11]));
    write_four(wid.z, tile + 8u + (lane ^ 1u), first + column, mat4x4<f32>(acc[12], acc[13], acc[14], acc[15]));
    write_four(wid.z, tile + (lane ^ 2u), first + column, mat4x4<f32>(acc[16], acc[17], acc[18], acc[19]));
    write_four(wid.z, tile + 8u + (lane ^ 2u), first + column, mat4x4<f32>(acc[20], acc[21], acc[22], acc[23]));
    write_four(wid.z, tile + (lane ^ 3u), first + column, mat4x4<f32>(acc[24], acc[25], acc[26], acc[27]));
    write_four(wid.z, tile + 8u + (lane ^ 3u), first + column, mat4x4<f32>(acc[28], acc[29], acc[30], acc[31]));
  }
}
