// histogram[tensor][d] += elements of the chunk whose |w| begins with the bits found so far and goes on with the digit d,
// the eight bits at `shift`. Integer sums: the order of the atomics does not matter.
// One workgroup owns one chunk (common/parameters.wgsl). weight: flat, from element `base` on.
// Grid: one workgroup per chunk of the window, in rows.
// include common/grid.wgsl
// include common/parameters.wgsl
const SIZE: u32 = 256u; // knob 64 128 256

struct Params { first_chunk: u32, chunks: u32, base: u32, shift: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> search: array<u32>;
@group(0) @binding(5) var<storage, read_write> histogram: array<atomic<u32>>;

var<workgroup> counts: array<atomic<u32>, 256>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = linear_workgroup(wid, count);
  if index >= params.chunks {
    return;
  }
  let chunk = chunks[params.first_chunk + index];
  let segment = segments[chunk.segment];
  let found = search[2u * chunk.segment];
  let known = select(~0u << (params.shift + 8u), 0u, params.shift == 24u); // mask of the bits found
  for (var i = lane; i < 256u; i += SIZE) {
    atomicStore(&counts[i], 0u);
  }
  workgroupBarrier();
  let size = min(CHUNK, segment.len - chunk.start);
  let at = segment.offset + chunk.start - params.base;
  for (var i = lane; i < size; i += SIZE) {
    let bits = bitcast<u32>(weight[at + i]) & 0x7fffffffu;
    if (bits & known) == found {
      atomicAdd(&counts[(bits >> params.shift) & 255u], 1u);
    }
  }
  workgroupBarrier();
  for (var i = lane; i < 256u; i += SIZE) {
    let n = atomicLoad(&counts[i]);
    if n > 0u {
      atomicAdd(&histogram[256u * chunk.segment + i], n);
    }
  }
}
