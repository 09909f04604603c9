// Largest of one value >= 0 per invocation of a workgroup of SIZE (a constant of the file that includes this one). Two
// barriers instead of a tree of log2(SIZE): on software drivers a barrier costs more than eight additions.
// Call it in uniform control flow, once.
var<workgroup> workgroup_values: array<f32, SIZE>;

fn workgroup_max(value: f32, lane: u32) -> f32 {
  workgroup_values[lane] = value;
  workgroupBarrier();
  var most = 0.0;
  if lane < 8u {
    for (var i = lane; i < SIZE; i += 8u) {
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
