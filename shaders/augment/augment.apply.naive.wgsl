// y = x augmented, every image of the batch by draws of its own (augment/source.wgsl); a pixel that comes from nowhere is
// filled, with `levels` with random ones of its values, else with 0.
// One invocation owns one pixel of y. x, y [batch, h, w, c], the images from `first` on of those of the pass.
// Grid: ceil(batch h w / 64) workgroups, in rows.
// include entry/each.wgsl
// include augment/fill_random.wgsl if levels else augment/fill_zero.wgsl
// include augment/each.wgsl
struct Params { batch: u32, first: u32, h: u32, w: u32, c: u32, values: u32, flip: u32, crop: u32, cutout: u32 }
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn write_from(i: u32, n: u32, image: u32, origin: Pixel) {
  let pixel = (n * params.h + origin.row) * params.w + origin.column;
  for (var c = 0u; c < params.c; c++) {
    y[i * params.c + c] = x[pixel * params.c + c];
  }
}
