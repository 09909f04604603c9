// What conv2d.forward_statistics.naive and conv2d.forward_normalised_statistics.naive share. The file around it binds w, y and
// partial, and gives `input`: the element of channel ci behind element `at` of x.
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

var<workgroup> block: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count);
  let pixels = params.n * params.oh * params.ow;
  let b = i / params.c_out;
  let co = i % params.c_out;
  let p = b * 64u + lane;
  if p < pixels {
    let stored = Y(output(p, co)); // the moments are those of what lies in y
    y[p * params.c_out + co] = stored;
    block[lane] = f32(stored);
  }
  workgroupBarrier();
  if lane == 0u && p < pixels {
    let rows = min(pixels - p, 64u);
    var sum = 0.0;
    for (var r = 0u; r < rows; r++) {
      sum += block[r];
    }
    let mean = sum / f32(rows);
    var off = 0.0;
    var squares = 0.0;
    for (var r = 0u; r < rows; r++) {
      let d = block[r] - mean;
      off += d;
      squares = fma(d, d, squares);
    }
    partial[2u * b * params.c_out + co] = mean + off / f32(rows);
    partial[(2u * b + 1u) * params.c_out + co] = max(squares - off * off / f32(rows), 0.0);
  }
}
