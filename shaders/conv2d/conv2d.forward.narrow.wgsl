// As lanes, for few output channels: eight lanes own 64 output pixels x 16 output channels.
// Grid: x = ceil(c_out / 16), y and z = ceil(pixels / 64) in rows of at most 32,768.
// include common/exchange.wgsl
// include conv2d/read_taps.wgsl
// include conv2d/put_outputs.wgsl
// include conv2d/put_row_pairs.wgsl
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(subgroup_invocation_id) lane: u32) {
  let tile = (wid.z * count.y + wid.y) * 64u;
  let column = wid.x * 4u + lane % 4u;
  let own = min(column, params.c_out / 4u - 1u);
  let p0 = origin(params, tile + lane);
  let p1 = origin(params, tile + 8u + lane);
  let p2 = origin(params, tile + 16u + lane);
  let p3 = origin(params, tile + 24u + lane);
  let p4 = origin(params, tile + 32u + lane);
  let p5 = origin(params, tile + 40u + lane);
  let p6 = origin(params, tile + 48u + lane);
  let p7 = origin(params, tile + 56u + lane);
  var acc0: Rows;
  var acc1: Rows;
  var acc2: Rows;
  var acc3: Rows;
  // One loop for all three: entering and leaving a loop costs as much as a turn of it.
  var ky = 0u;
  var kx = 0u;
  var c = 0u;
  for (var i = 0u; i < params.kh * params.kw * (params.c_in / 4u); i++) {
    let w0 = weight(ky, kx, c, own);
    let w1 = weight(ky, kx, c + 1u, own);
    let w2 = weight(ky, kx, c + 2u, own);
    let w3 = weight(ky, kx, c + 3u, own);
    accumulate_pair(&acc0, load(p0, ky, kx, c), load(p1, ky, kx, c), w0, w1, w2, w3, lane);
    accumulate_pair(&acc1, load(p2, ky, kx, c), load(p3, ky, kx, c), w0, w1, w2, w3, lane);
    accumulate_pair(&acc2, load(p4, ky, kx, c), load(p5, ky, kx, c), w0, w1, w2, w3, lane);
    accumulate_pair(&acc3, load(p6, ky, kx, c), load(p7, ky, kx, c), w0, w1, w2, w3, lane);
    c += 4u;
    let tap_done = c >= params.c_in;
    c = select(c, 0u, tap_done);
    kx += select(0u, 1u, tap_done);
    let line_done = kx >= params.kw;
    kx = select(kx, 0u, line_done);
    ky += select(0u, 1u, line_done);
  }
  put_all(tile, column, lane, &acc0);
  put_all(tile + 16u, column, lane, &acc1);
  put_all(tile + 32u, column, lane, &acc2);
  put_all(tile + 48u, column, lane, &acc3);
}
