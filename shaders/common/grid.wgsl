// Index of a workgroup in a grid of one row, or of rows of equal length where one row would exceed 65,535 workgroups.
// The host makes such grids with `linear_grid`; the last row may be longer than the work, so check the range.
fn linear_workgroup(id: vec3<u32>, count: vec3<u32>) -> u32 {
  return id.y * count.x + id.x;
}
