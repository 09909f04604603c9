// What is added to every pixel of an image: normal numbers times the principal components of the colours, [3, 3], a component in a
// row (Krizhevsky et al. 2012, section 4.1). They are those of philox(counter (image of the batch, 0, step_lo, step_hi), key
// (seed, stream COLOR)).
// include common/normal.wgsl
@group(0) @binding(5) var<storage, read> components: array<f32>;
const COLOR: u32 = 8u; // src/philox.rs: stream

fn jitter(image: u32) -> vec3<f32> {
  let counter = vec4<u32>(image, 0u, step.step_lo, step.step_hi);
  let z = normal(philox4x32(counter, stream_key(step.seed_lo, step.seed_hi, COLOR)));
  var sum = vec3<f32>(0.0);
  for (var k = 0u; k < 3u; k++) {
    sum += z[k] * vec3<f32>(components[3u * k], components[3u * k + 1u], components[3u * k + 2u]);
  }
  return sum;
}
