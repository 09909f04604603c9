// A standard normal number from one random word, by inversion in plain products and sums: no log, sin or cos, whose
// precision WGSL leaves open. The same function as src/projection/normal.rs, which says how it is made: |error| < 1e-5.
fn normal(x: vec4<u32>) -> vec4<f32> {
  // Tail probability r 2^-24 in (0, 1/2), an odd r; L = -log2 of it in (1, 24].
  let r = bitcast<vec4<u32>>(vec4<f32>(((x >> vec4<u32>(8u)) & vec4<u32>(0x7fffffu)) | vec4<u32>(1u)));
  let d = bitcast<vec4<f32>>((r & vec4<u32>(0x7fffffu)) | vec4<u32>(0x3f800000u)) - 1.5;
  var log2_m = d * 0.014778721 - 0.025123203;
  log2_m = log2_m * d + 0.03746294;
  log2_m = log2_m * d - 0.07058968;
  log2_m = log2_m * d + 0.14252637;
  log2_m = log2_m * d - 0.32063234;
  log2_m = log2_m * d + 0.961796;
  log2_m = log2_m * d + 0.5849628;
  let l = vec4<f32>(vec4<u32>(151u) - (r >> vec4<u32>(23u))) - log2_m;
  // The quantile over three ranges of L.
  let near = l < vec4<f32>(3.0);
  let far = l >= vec4<f32>(9.0);
  let t = l - by_range(near, far, 2.0, 6.0, 16.5);
  var z = by_range(near, far, 0.00089879456, 5.079571e-7, 5.034123e-10);
  z = z * t + by_range(near, far, -0.002016845, -3.4497812e-6, -9.633228e-9);
  z = z * t + by_range(near, far, 0.003119648, 1.6356385e-5, 1.4264879e-7);
  z = z * t + by_range(near, far, -0.008497373, -0.00013570584, -3.2703158e-6);
  z = z * t + by_range(near, far, 0.025851592, 0.0012652696, 8.418509e-5);
  z = z * t + by_range(near, far, -0.08880048, -0.013597228, -0.0025895077);
  z = z * t + by_range(near, far, 0.5453039, 0.27613133, 0.1553282);
  z = z * t + by_range(near, far, 0.6744928, 2.1538785, 4.2478933);
  return select(z, -z, (x >> vec4<u32>(31u)) == vec4<u32>(1u));
}

fn by_range(near: vec4<bool>, far: vec4<bool>, a: f32, b: f32, c: f32) -> vec4<f32> {
  return select(select(vec4<f32>(b), vec4<f32>(c), far), vec4<f32>(a), near);
}
