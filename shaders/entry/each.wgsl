// The entry point of a kernel whose invocations have nothing to do with each other: invocation i does `each(i)`, which the file around
// it gives, and which asks whether there is work for it. 64 to a workgroup, in rows (common/grid.wgsl).
// include common/grid.wgsl
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  each(linear_workgroup(wid, count) * 64u + lane);
}
