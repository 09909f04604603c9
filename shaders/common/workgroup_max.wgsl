// Largest of one value >= 0 per invocation of a workgroup of `size` invocations, at most 256. Two barriers instead of a
// tree of log2(size): on software drivers a barrier costs more than a few more comparisons.
// Call it once, in uniform control flow.
var<workgroup> workgroup_values: array<f32, 256>;

fn workgroup_max(value: f32, lane: u32, size: u32) -> f32 {
  workgroup_values[lane] = value;
  workgroupBarrier();
  var most = 0.0;
  if lane < 8u {
    for (var i = lane; i < size; i += 8u) {
      most = max(most, workgroup_values[i]);
    }
    workgroup_values[lane] = most;
  }
  workgroupBarrier();
  most = 0.0;
  for (var i = 0u; i < 8u; i++) {
    most = max(most, workgroup_values[i]);
  }
  return most;
}
