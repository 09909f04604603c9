// As naive, for c_in and c_out multiples of 4, on GPUs: a workgroup owns TILE_M input x TILE_N output channels of one place of one
// split, with the stages and registers of conv2d.forward.tiled, and goes through the tiles of the split. An invocation fetches four
// channels of four tiles, which lie side by side in memory and go to workgroup memory as they are.
// Grid: x = ceil(c_out / TILE_N), y = ceil(c_in / TILE_M), z = 24 splits.
// include common/register_tile.wgsl
// include common/winograd_sums.wgsl
// include conv2d/multiply_tiles.wgsl
// include conv2d/write_tile.wgsl
alias Y = f32;
@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> e: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2

// Four channels of one place: where tile 0 lies, how far a block of 32 tiles is, and which tiles to go through: none beyond the last
// channel.
struct Channels { at: u32, step: u32, first: u32, end: u32 }
alias Left = Channels;
alias Right = Channels;

fn channels(place: u32, quad: u32, quads: u32, split: u32) -> Channels {
  let first = first_tile(params, split);
  return Channels((place * quads + quad) * 32u, 24u * quads * 32u, first,
                  select(first, first_tile(params, split + 1u), quad < quads));
}

struct Four { at: vec4<u32>, inside: vec4<bool> }

fn four_tiles(c: Channels, k: u32) -> Four {
  let tile = vec4<u32>(c.first + k * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
  let inside = tile < vec4<u32>(c.end);
  return Four(select(vec4<u32>(0u), c.at + tile / 32u * c.step + tile % 32u, inside), inside);
}

// Four invocations in a row read 256 bytes.
fn left_place(i: u32) -> vec2<u32> {
  return vec2<u32>(i / 4u, i % 4u);
}

fn right_place(i: u32) -> vec2<u32> {
  return vec2<u32>(i / 4u, i % 4u);
}

fn fetch_left(c: Channels, k: u32) -> mat4x4<f32> {
  let f = four_tiles(c, k);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, v[f.at.x], f.inside.x), select(zero, v[f.at.y], f.inside.y),
                     select(zero, v[f.at.z], f.inside.z), select(zero, v[f.at.w], f.inside.w));
}

fn fetch_right(c: Channels, k: u32) -> mat4x4<f32> {
  let f = four_tiles(c, k);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, e[f.at.x], f.inside.x), select(zero, e[f.at.y], f.inside.y),
                     select(zero, e[f.at.z], f.inside.z), select(zero, e[f.at.w], f.inside.w));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let place = wid.z % 24u;
  let split = wid.z / 24u;
  let tile_m = wid.y * TILE_M;
  let tile_n = wid.x * (TILE_N / 4u);
  let left = channels(place, tile_m / 4u + left_place(lane).x, params.c_in / 4u, split);
  let first = channels(place, tile_n + first_right(lane).x, params.c_out / 4u, split);
  let second = channels(place, tile_n + second_right(lane).x, params.c_out / 4u, split);
  let row = wid.z * params.c_in;
  var acc: RegisterTile;
  multiply_tiles(&acc, lane, left, first, second, first_tile(params, split + 1u) - first_tile(params, split));
  write_tile(&acc, row + params.c_in, row + tile_m, tile_n, owned_block(lane, TILE_N / 8u));
}
