// What the variants lanes_any and narrow_any of conv2d.forward multiply: what the taps of a row read of a pixel is a run of x, kw c_in values, and the
// sum goes through them four at a time, whatever tap they belong to and wherever in a texel they begin.
struct Term { ky: u32, t: u32 } // row of taps, and which four of its values

// Turns for a row of taps.
fn steps() -> u32 {
  return (params.kw * params.c_in + 3u) / 4u;
}

fn start(tile: u32) -> Term {
  return Term();
}

fn turns(tile: u32) -> u32 {
  return params.kh * steps();
}

fn next(tile: u32, k: Term) -> Term {
  let t = k.t + 1u;
  let row_done = t >= steps();
  return Term(k.ky + select(0u, 1u, row_done), select(t, 0u, row_done));
}

fn value(texel_of: i32) -> vec4<f32> {
  let last = params.n * params.h * params.w * params.c_in / 4u - 1u;
  return textureLoad(x, texel(u32(clamp(texel_of, 0, i32(last)))));
}

// Four values of what the taps of a row read of a pixel; zeros outside the image and beyond the last.
fn left_of(p: Pixel, group: u32, k: Term) -> vec4<f32> {
  // Negative before the first image.
  let first = i32(((p.n * params.h + p.y + k.ky) * params.w + p.x) * params.c_in + 4u * k.t);
  let low = value(first >> 2u);
  let high = value((first >> 2u) + 1);
  let odd = (first & 1) != 0;
  let low_odd = select(low, vec4<f32>(low.yzw, high.x), odd);
  let high_odd = select(high.xy, high.yz, odd);
  let all = select(low_odd, vec4<f32>(low_odd.zw, high_odd), (first & 2) != 0);
  let e = vec4<u32>(4u * k.t) + vec4<u32>(0u, 1u, 2u, 3u);
  let column = vec4<u32>(p.x) + e / params.c_in;
  let inside = (column < vec4<u32>(params.w)) & vec4<bool>(p.y + k.ky < params.h);
  return select(vec4<f32>(0.0), all, inside & (e < vec4<u32>(params.kw * params.c_in)));
}

// The lane's four columns for each of these values, or for the last.
fn right_of(own: Stored, k: Term) -> mat4x4<f32> {
  return mat4x4<f32>(row(own, k, 0u), row(own, k, 1u), row(own, k, 2u), row(own, k, 3u));
}

fn row(own: Stored, k: Term, i: u32) -> vec4<f32> {
  let run = params.kw * params.c_in;
  return weights_row(own, k.ky * run + min(4u * k.t + i, run - 1u));
}
