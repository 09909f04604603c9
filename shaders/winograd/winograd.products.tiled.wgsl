// As naive, for c_out a multiple of 4, on GPUs: the 24 products in one dispatch, each in tiles of TILE_M tiles x TILE_N output
// channels that a workgroup owns, with the stages and registers of conv2d.forward.tiled. An invocation fetches four channels
// of four tiles, 64 bytes in a row that belong to no other, and transposes them in registers.
// Grid: x = ceil(c_out / TILE_N), y = ceil(tiles / TILE_M), z = 24.
// include common/register_tile.wgsl
// include common/winograd.wgsl
// include conv2d/multiply_tiles.wgsl
// include conv2d/write_tile.wgsl
alias Y = f32;
@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

const TILE_M: u32 = 128u; // knob 64 128
const TILE_N: u32 = 128u; // knob 64 128
const BUFFERS: u32 = 1u; // knob 1 2

// Where the first channels of four tiles begin in v, of four output channels in u; NOTHING beyond the last.
alias Left = u32;
alias Right = u32;
const NOTHING: u32 = 0xffffffffu;

fn rows_at(place: u32, tile: u32) -> u32 {
  let at = (tile / 32u * 24u + place) * (params.c_in / 4u) * 32u + tile % 32u;
  return select(NOTHING, at, tile < (tiles(params) + 31u) / 32u * 32u);
}

fn columns_at(place: u32, column: u32) -> u32 {
  let at = (column / 16u * 24u + place) * (params.c_in / 4u) * 16u + column % 16u;
  return select(NOTHING, at, column < params.c_out);
}

fn left_place(i: u32) -> vec2<u32> {
  return vec2<u32>(i % (TILE_M / 4u), i / (TILE_M / 4u));
}

fn right_place(i: u32) -> vec2<u32> {
  return vec2<u32>(i % (TILE_N / 4u), i / (TILE_N / 4u));
}

fn fetch_left(rows: u32, k: u32) -> mat4x4<f32> {
  let inside = rows != NOTHING && k < params.c_in / 4u;
  let at = select(0u, rows + k * 32u, inside);
  let zero = vec4<f32>(0.0);
  return transpose(mat4x4<f32>(select(zero, v[at], inside), select(zero, v[at + 1u], inside),
                               select(zero, v[at + 2u], inside), select(zero, v[at + 3u], inside)));
}

fn fetch_right(columns: u32, k: u32) -> mat4x4<f32> {
  let inside = columns != NOTHING && k < params.c_in / 4u;
  let at = select(0u, columns + k * 16u, inside);
  let zero = vec4<f32>(0.0);
  return transpose(mat4x4<f32>(select(zero, u[at], inside), select(zero, u[at + 1u], inside),
                               select(zero, u[at + 2u], inside), select(zero, u[at + 3u], inside)));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile_m = wid.y * TILE_M;
  let tile_n = wid.x * TILE_N;
  let first = wid.z * tiles(params); // row of y
  var acc: RegisterTile;
  multiply_tiles(&acc, lane, rows_at(wid.z, tile_m + left_place(lane).x * 4u),
                 columns_at(wid.z, tile_n + first_right(lane).x * 4u),
                 columns_at(wid.z, tile_n + second_right(lane).x * 4u), params.c_in);
  write_tile(&acc, first + tiles(params), first + tile_m, tile_n / 4u, owned_block(lane, TILE_N / 8u));
}
