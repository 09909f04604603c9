// The entry point of the gradient of the weights on software Vulkan: eight lanes of a subgroup own 32 rows (of the kh kw c_in rows of the
// weights) x 32 output channels of one group and split (common/rotated.wgsl), two output pixels at a time. dy is a texture, so that a load is a
// vector gather. The file around it chooses the layout of dy (common/layout_by_row.wgsl), and gives `weight_rows`, what four rows are known
// by, `input`, what they read for a pixel, and `write_four`, which writes them for four output channels.
// include common/rotated.wgsl
// include common/walk.wgsl
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
  for (var p = wid.z * run; p < end; p += 2u) {
    let a = input(r, at);
    let e = textureLoad(dy, texel_of(own, p, true));
    at = next(params, at);
    let both = p + 1u < end;
    let b = input(r, at);
    let f = select(vec4<f32>(0.0), textureLoad(dy, texel_of(own, p + 1u, both)), both);
    at = next(params, at);
    products(&acc, lane, a, e, b, f);
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
