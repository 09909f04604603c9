// What conv2d.forward_normalised.naive and the naive variants that leave statistics share: an output. The file around it binds w
// and gives `input`: the element of channel ci behind element `at` of x.
fn output(pixel: u32, co: u32) -> f32 {
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  var sum = 0.0;
  for (var ky = 0u; ky < params.kh; ky++) {
    let iy = oy * params.stride_h + ky - params.pad_h; // wraps far above h where it is negative
    if iy >= params.h { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let ix = ox * params.stride_w + kx - params.pad_w;
      if ix >= params.w { continue; }
      let from_x = ((n * params.h + iy) * params.w + ix) * params.c_in;
      let from_w = (ky * params.kw + kx) * params.c_in * params.c_out + co;
      for (var ci = 0u; ci < params.c_in; ci++) {
        sum = fma(input(from_x, ci), w[from_w + ci * params.c_out], sum);
      }
    }
  }
  return sum;
}
