// L = mean over the step.valid samples of the whole batch of -log p_label, p_j = exp(o_j) / sum over k of exp(o_k);
// dL/do_j = (p_j - [j = label]) / valid.
// The largest logit is subtracted first, so that no exponential overflows.
// One invocation owns one sample. logits (o), dlogits: [n, classes]; labels: [n], below classes; rows: [n, 3] = the
// sample's part of L, 1 if its label has the largest logit, 1 if it is among the five largest (common/rank.wgsl).
// Samples from step.valid on are padding: all zero. Of a shard, n is less than step.valid. Grid: ceil(n / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
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
  let share = select(0.0, 1.0 / f32(max(step.valid, 1u)), counted);
  let label = min(labels[i], params.classes - 1u);
  let target_logit = logits[first + label];
  var largest = logits[first];
  var before = 0u;
  for (var j = 0u; j < params.classes; j++) {
    let o = logits[first + j];
    largest = max(largest, o);
    before += select(0u, 1u, outranks(o, j, target_logit, label));
  }
  var sum = 0.0;
  for (var j = 0u; j < params.classes; j++) {
    sum += exp(logits[first + j] - largest);
  }
  for (var j = 0u; j < params.classes; j++) {
    let p = exp(logits[first + j] - largest) / sum;
    dlogits[first + j] = select(0.0, (p - select(0.0, 1.0, j == label)) * share, counted);
  }
  let ranked = counted && !is_nan(target_logit);
  rows[3u * i] = select(0.0, (log(sum) + (largest - target_logit)) * share, counted);
  rows[3u * i + 1u] = select(0.0, 1.0, ranked && before == 0u);
  rows[3u * i + 2u] = select(0.0, 1.0, ranked && before < 5u);
}
