// The entry point of the variants of winograd.input for GPUs: a workgroup makes four fours of channels of a block of 32 tiles. Four
// invocations in a row read 64 bytes of a pixel, eight fours of them write 128 bytes of a place: whole sectors of memory both ways.
// Grid: ceil(c_in / 16) * blocks of 32 tiles, rows of equal length beyond 65,535.
// include common/grid.wgsl
// include winograd/expand_input.wgsl
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count);
  let across = (params.c_in + 15u) / 16u;
  let quad = i % across * 4u + local % 4u;
  let block = i / across;
  if quad < params.c_in / 4u && block < (tiles(params) + 31u) / 32u {
    expand(block * 32u + local / 4u, quad);
  }
}
