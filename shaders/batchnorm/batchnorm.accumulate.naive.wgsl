// average_mean += weight mean, average_variance += weight variance, or where `deviation` is 1 weight sqrt(variance + eps):
// with weight = 1 / batches, the average of the moments of many batches. All arrays: [c]. One invocation owns one channel.
// Grid: ceil(c / 64) workgroups.
// include entry/each.wgsl
struct Params { c: u32, weight: f32, deviation: u32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read_write> average_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> average_variance: array<f32>;

fn each(i: u32) {
  if i < params.c {
    average_mean[i] += params.weight * mean[i];
    let spread = select(variance[i], sqrt(variance[i] + params.eps), params.deviation == 1u);
    average_variance[i] += params.weight * spread;
  }
}
