// L = mean over the step.valid samples of the whole batch and classes of max(0, 1 - t o)^2, t = +1 for the labelled class and -1 for every other;
// dL/do = -2 t max(0, 1 - t o) / (valid classes).
// One invocation owns one sample. logits (o), dlogits: [n, classes]; labels: [n], below classes; rows: [n, 3] = the
// sample's part of L, 1 if its label has the largest logit, 1 if it is among the five largest (common/rank.wgsl).
// A logit that is not finite makes its sample's part of L infinite: max(NaN, 0) would hide it.
// Samples from step.valid on are padding: all zero. Of a shard, n is less than step.valid. Grid: ceil(n / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/finite.wgsl
// include common/rank.wgsl
// include common/step.wgsl
struct Params { n: u32, classes: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(5) var<storage, read_write> rows: array<f32>;

fn each(i: u32) {
  if i >= params.n {
    return;
  }
  let first = i * params.classes;
  let counted = i < step.valid;
  let share = select(0.0, 1.0 / f32(max(step.valid * params.classes, 1u)), counted);
  let label = min(labels[i], params.classes - 1u);
  let target_logit = logits[first + label];
  var sum = 0.0;
  var sound = true;
  var before = 0u;
  for (var j = 0u; j < params.classes; j++) {
    let o = logits[first + j];
    let t = select(-1.0, 1.0, j == label);
    let slack = max(1.0 - t * o, 0.0);
    sum = fma(slack, slack, sum);
    sound = sound && is_finite(o);
    dlogits[first + j] = select(0.0, -2.0 * t * slack * share, counted);
    before += select(0u, 1u, outranks(o, j, target_logit, label));
  }
  let ranked = counted && !is_nan(target_logit);
  rows[3u * i] = select(0.0, select(infinity(i), sum * share, sound), counted);
  rows[3u * i + 1u] = select(0.0, 1.0, ranked && before == 0u);
  rows[3u * i + 2u] = select(0.0, 1.0, ranked && before < 5u);
}
