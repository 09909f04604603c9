// What four channels of a filled pixel become: random ones of the values that images have, each as likely as another. Four
// channels from channel 4 four on take philox(counter (image, FILL + pixel and four, step_lo, step_hi)).
@group(0) @binding(4) var<storage, read> levels: array<f32>;
const FILL: u32 = 0x80000000u; // behind the numbers of the augmentations

fn fill(image: u32, pixel: u32, four: u32) -> vec4<f32> {
  let r = draws(image, FILL + pixel * ((params.c + 3u) / 4u) + four);
  let n = params.values;
  return vec4<f32>(levels[below(r.x, n)], levels[below(r.y, n)], levels[below(r.z, n)], levels[below(r.w, n)]);
}
