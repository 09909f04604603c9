// As lanes, for any number of input channels (the first layer): the sum runs over what a row of taps reads, four values at a
// time, whatever tap they belong to.
// Grid: as lanes.
// include common/exchange.wgsl
// include conv2d/read_runs.wgsl
// include conv2d/put_outputs.wgsl
// include conv2d/put_rows.wgsl
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(subgroup_invocation_id) lane: u32) {
  let tile = (wid.z * count.y + wid.y) * 32u;
  let column = wid.x * 8u + lane;
  let own = min(column, params.c_out / 4u - 1u);
  let p0 = origin(params, tile + lane);
  let p1 = origin(params, tile + 8u + lane);
  let p2 = origin(params, tile + 16u + lane);
  let p3 = origin(params, tile + 24u + lane);
  var acc0: Rows;
  var acc1: Rows;
  var acc2: Rows;
  var acc3: Rows;
  // One loop for both: entering and leaving a loop costs as much as a turn of it.
  let steps = (params.kw * params.c_in + 3u) / 4u;
  var ky = 0u;
  var t = 0u;
  for (var i = 0u; i < params.kh * steps; i++) {
    let w0 = weight(ky, 4u * t, own);
    let w1 = weight(ky, 4u * t + 1u, own);
    let w2 = weight(ky, 4u * t + 2u, own);
    let w3 = weight(ky, 4u * t + 3u, own);
    accumulate(&acc0, load(p0, ky, t), w0, w1, w2, w3, lane);
    accumulate(&acc1, load(p1, ky, t), w0, w1, w2, w3, lane);
    accumulate(&acc2, load(p2, ky, t), w0, w1, w2, w3, lane);
    accumulate(&acc3, load(p3, ky, t), w0, w1, w2, w3, lane);
    t += 1u;
    let row_done = t >= steps;
    t = select(t, 0u, row_done);
    ky += select(0u, 1u, row_done);
  }
  put_all(tile, column, lane, &acc0);
  put_all(tile + 8u, column, lane, &acc1);
  put_all(tile + 16u, column, lane, &acc2);
  put_all(tile + 24u, column, lane, &acc3);
}
