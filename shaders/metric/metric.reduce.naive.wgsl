// metrics[slot] = (loss, top-1 count, top-5 count, valid samples): the sums of rows [n, 3] = (part of the loss, top-1,
// top-5), written to row step.slot of metrics [slots, 4]; the other rows stay. halt [2]: if halt[0] is 0 and the loss
// or one of maxima (largest weight of each chunk, infinite where the last update was not finite) is not finite,
// halt[0] = 1 and halt[1] = step_lo; nothing resets it, so it names the first bad step.
// Lane l adds rows l, l + 64, ...; then the first lane adds the 64 sums in order. Grid: one workgroup.
// include common/finite.wgsl
// include common/step.wgsl
struct Params { n: u32, slots: u32, chunks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> maxima: array<f32>;
@group(0) @binding(4) var<storage, read_write> metrics: array<f32>;
@group(0) @binding(5) var<storage, read_write> halt: array<u32>;

var<workgroup> part: array<vec3<f32>, 64>;
var<workgroup> unsound: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec3<f32>(0.0);
  for (var i = lane; i < params.n; i += 64u) {
    sum += vec3<f32>(rows[3u * i], rows[3u * i + 1u], rows[3u * i + 2u]);
  }
  part[lane] = sum;
  var flagged = 0u;
  for (var i = lane; i < params.chunks; i += 64u) {
    flagged |= select(1u, 0u, is_finite(maxima[i]));
  }
  unsound[lane] = flagged;
  workgroupBarrier();
  if lane == 0u {
    var total = part[0];
    for (var l = 1u; l < 64u; l++) {
      total += part[l];
      flagged |= unsound[l];
    }
    if step.slot < params.slots {
      let at = step.slot * 4u;
      metrics[at] = total.x;
      metrics[at + 1u] = total.y;
      metrics[at + 2u] = total.z;
      metrics[at + 3u] = f32(min(step.valid, params.n));
    }
    if halt[0] == 0u && (flagged != 0u || !is_finite(total.x)) {
      halt[0] = 1u;
      halt[1] = step.step_lo;
    }
  }
}
