// What a network says of a picture by several crops of it. With `softmax` 1: y = log of the mean over the crops of
// p_j = exp(o_j) / sum over k of exp(o_k) (Krizhevsky et al. 2012, section 4.1, of ten), so that softmax(y) is that mean; a mean below
// the smallest normal number counts as that. With `softmax` 0: y = the mean of o. Sums are in the order of the crops.
// One invocation owns one picture. logits (o): [n, crops, classes], at most 16 crops; y: [n, classes].
// Grid: ceil(n / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/rank.wgsl
struct Params { n: u32, crops: u32, classes: u32, softmax: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
const SMALLEST: f32 = 1.17549435e-38;

fn each(i: u32) {
  if i >= params.n {
    return;
  }
  let first = i * params.crops * params.classes;
  // Of each crop the largest logit, which is subtracted so that no exponential overflows, and the sum of exponentials.
  var largest: array<f32, 16>;
  var sum: array<f32, 16>;
  for (var k = 0u; k < params.crops * params.softmax; k++) {
    let crop = first + k * params.classes;
    largest[k] = logits[crop];
    for (var j = 0u; j < params.classes; j++) {
      largest[k] = max(largest[k], logits[crop + j]);
    }
    sum[k] = 0.0;
    for (var j = 0u; j < params.classes; j++) {
      sum[k] += exp(logits[crop + j] - largest[k]);
    }
  }
  for (var j = 0u; j < params.classes; j++) {
    var total = 0.0;
    for (var k = 0u; k < params.crops; k++) {
      let o = logits[first + k * params.classes + j];
      if params.softmax == 1u {
        total += exp(o - largest[k]) / sum[k];
      } else {
        total += o;
      }
    }
    var mean = total / f32(params.crops);
    if params.softmax == 1u && !is_nan(mean) {
      mean = log(max(mean, SMALLEST));
    }
    y[i * params.classes + j] = mean;
  }
}
