// As lanes, for any number of input channels (the first layer). What the taps of row ky read of a pixel lies side by side in
// x, kw * c_in values: they are taken four at a time, wherever in a texel they begin.
// Grid: as lanes.
// include common/exchange.wgsl
// include common/texels.wgsl
// include common/conv2d.wgsl
// include common/origin.wgsl
const LANES: u32 = 8u; // subgroup 8 16
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

fn value(texel_of: i32) -> vec4<f32> {
  let last = params.n * params.h * params.w * params.c_in / 4u - 1u;
  return textureLoad(x, texel(u32(clamp(texel_of, 0, i32(last)))));
}

// Values 4 t .. 4 t + 3 of what the taps of row ky read of a pixel; zeros outside the image and beyond the last.
fn load(p: Pixel, ky: u32, t: u32) -> vec4<f32> {
  // Negative before the first image.
  let first = i32(((p.n * params.h + p.y + ky) * params.w + p.x) * params.c_in + 4u * t);
  let low = value(first >> 2u);
  let high = value((first >> 2u) + 1);
  let odd = (first & 1) != 0;
  let low_odd = select(low, vec4<f32>(low.yzw, high.x), odd);
  let high_odd = select(high.xy, high.yz, odd);
  let all = select(low_odd, vec4<f32>(low_odd.zw, high_odd), (first & 2) != 0);
  let e = vec4<u32>(4u * t) + vec4<u32>(0u, 1u, 2u, 3u);
  let column = vec4<u32>(p.x) + e / params.c_in;
  let inside = (column < vec4<u32>(params.w)) & vec4<bool>(p.y + ky < params.h);
  return select(vec4<f32>(0.0), all, inside & (e < vec4<u32>(params.kw * params.c_in)));
}

// The lane's four columns of value e of row ky of the taps, or of the last.
fn weight(ky: u32, e: u32, own: u32) -> vec4<f32> {
  let run = params.kw * params.c_in;
  return textureLoad(w, texel((ky * run + min(e, run - 1u)) * (params.c_out / 4u) + own));
}

fn put(pixel: u32, column: u32, value: vec4<f32>) {
  if pixel < params.n * params.oh * params.ow && column < params.c_out / 4u {
    y[pixel * (params.c_out / 4u) + column] = vec4<Y>(value);
  }
}

fn put_all(pixel: u32, column: u32, lane: u32, acc: ptr<function, Rows>) {
  put(pixel + (lane ^ 0u), column, (*acc)[0]);
  put(pixel + (lane ^ 1u), column, (*acc)[1]);
  put(pixel + (lane ^ 2u), column, (*acc)[2]);
  put(pixel + (lane ^ 3u), column, (*acc)[3]);
  put(pixel + (lane ^ 4u), column, (*acc)[4]);
  put(pixel + (lane ^ 5u), column, (*acc)[5]);
  put(pixel + (lane ^ 6u), column, (*acc)[6]);
  put(pixel + (lane ^ 7u), column, (*acc)[7]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(subgroup_invocation_id) id: u32) {
  let lane = id % 8u;
  let tile = ((wid.z * count.y + wid.y) * (LANES / 8u) + id / 8u) * 32u;
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
    accumulate(&acc0, load(p0, ky, t), w0, w1, w2, w3, id);
    accumulate(&acc1, load(p1, ky, t), w0, w1, w2, w3, id);
    accumulate(&acc2, load(p2, ky, t), w0, w1, w2, w3, id);
    accumulate(&acc3, load(p3, ky, t), w0, w1, w2, w3, id);
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
