// As batchnorm.accumulate.naive, four channels per invocation: c is a multiple of 4. Grid: ceil(c / 256) workgroups.
// include entry/each.wgsl
struct Params { c: u32, weight: f32, deviation: u32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> average_mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> average_variance: array<vec4<f32>>;

fn each(i: u32) {
  if i < params.c / 4u {
    average_mean[i] += params.weight * mean[i];
    let spread = select(variance[i], sqrt(variance[i] + params.eps), params.deviation == 1u);
    average_variance[i] += params.weight * spread;
  }
}
