// What the forward pass multiplies, from the textures x and w, for any number of input channels: what the taps of row ky read of a
// pixel is a run of x, kw * c_in values, and they are taken four at a time, wherever in a texel they begin.
// include common/texels.wgsl
// include common/origin.wgsl

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
