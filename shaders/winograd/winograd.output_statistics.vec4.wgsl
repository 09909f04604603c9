// As naive, for c_out a multiple of 4, an even number of rows of 4, 8, 16 or 32 pixels: eight tiles in a row are a block then. On GPUs:
// a workgroup owns 32 channels of a block, an invocation four channels of a tile. From the registers, so that nobody reads y again
// for its moments. Sums go over the eight outputs of a tile, then over the eight tiles in order.
// Grid: ceil(c_out / 32) * blocks, rows of equal length beyond 65,535.
// include common/grid.wgsl
// include winograd/output_tile.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

// The sum of one number per tile over the tiles of the block.
fn add_up(local: u32, own: vec4<f32>) -> vec4<f32> {
  workgroupBarrier();
  sums[local] = own;
  workgroupBarrier();
  var sum = sums[local % 8u];
  for (var tile = 1u; tile < 8u; tile++) {
    sum += sums[tile * 8u + local % 8u];
  }
  return sum;
}

fn sum_of(v: mat4x4<f32>) -> vec4<f32> {
  return v[0] + v[1] + (v[2] + v[3]);
}

fn squares_of(v: mat4x4<f32>) -> vec4<f32> {
  return fma(v[3], v[3], fma(v[2], v[2], fma(v[1], v[1], v[0] * v[0])));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count);
  let quads = params.c_out / 4u;
  let across = (quads + 7u) / 8u;
  let block = i / across;
  let quad = i % across * 8u + local % 8u;
  let tile = block * 8u + local / 8u;
  let inside = quad < quads && tile < tiles(params);
  var own: Outputs;
  if inside {
    own = outputs(tile, quad);
    put_tile(tile, quad, own);
  }
  // Tiles beyond the last are zeros, and the others are whole.
  let rows = f32(min(tiles(params) - min(block * 8u, tiles(params)), 8u) * 8u);
  let mean = add_up(local, sum_of(own.upper) + sum_of(own.lower)) / max(rows, 1.0);
  let keep = select(0.0, 1.0, inside);
  let means = mat4x4<f32>(mean, mean, mean, mean);
  let upper = keep * (own.upper - means);
  let lower = keep * (own.lower - means);
  let off = add_up(local, sum_of(upper) + sum_of(lower));
  let squares = add_up(local, squares_of(upper) + squares_of(lower));
  if inside && local < 8u {
    let to = block * 2u * quads + quad;
    partial[to] = mean + off / rows;
    partial[to + quads] = max(squares - off * off / rows, vec4<f32>(0.0));
  }
}
