// As naive, for one group, c_in and c_out multiples of 4, on subgroups of 8 lanes (software Vulkan), operands in
// textures. Eight lanes own 32 input pixels x 32 input channels (common/exchange.wgsl).
// Grid: x = ceil(c_in / 32), y and z = ceil(pixels / 32) in rows of at most 32,768.
// include common/exchange.wgsl
// include common/texels.wgsl
// include conv2d/grad_input_pixels.wgsl
// include conv2d/put_rows.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(subgroup_invocation_id) lane: u32) {
  let tile = (wid.z * count.y + wid.y) * 32u;
  let column = wid.x * 8u + lane;
  let own = min(column, params.c_in / 4u - 1u) * 4u;
  let depth = params.c_out / 4u;
  let p0 = padded(tile + lane);
  let p1 = padded(tile + 8u + lane);
  let p2 = padded(tile + 16u + lane);
  let p3 = padded(tile + 24u + lane);
  var acc0: Rows;
  var acc1: Rows;
  var acc2: Rows;
  var acc3: Rows;
  // One loop for all three: entering and leaving a loop costs as much as a turn of it.
  var ky = 0u;
  var kx = 0u;
  var c = 0u;
  for (var i = 0u; i < params.kh * params.kw * (params.c_out / 4u); i++) {
    // Four output channels of each of the lane's four input channels: the transpose of what accumulate wants.
    let at = ((ky * params.kw + kx) * params.c_in + own) * depth + c / 4u;
    let t = transpose(mat4x4<f32>(textureLoad(w, texel(at)), textureLoad(w, texel(at + depth)),
                                  textureLoad(w, texel(at + 2u * depth)), textureLoad(w, texel(at + 3u * depth))));
    accumulate(&acc0, load(p0, ky, kx, c), t[0], t[1], t[2], t[3], lane);
    accumulate(&acc1, load(p1, ky, kx, c), t[0], t[1], t[2], t[3], lane);
    accumulate(&acc2, load(p2, ky, kx, c), t[0], t[1], t[2], t[3], lane);
    accumulate(&acc3, load(p3, ky, kx, c), t[0], t[1], t[2], t[3], lane);
    c += 4u;
    let tap_done = c >= params.c_out;
    c = select(c, 0u, tap_done);
    kx += select(0u, 1u, tap_done);
    let line_done = kx >= params.kw;
    kx = select(kx, 0u, line_done);
    ky += select(0u, 1u, line_done);
  }
  put_all(tile, column, lane, &acc0);
  put_all(tile + 8u, column, lane, &acc1);
  put_all(tile + 16u, column, lane, &acc2);
  put_all(tile + 24u, column, lane, &acc3);
}
