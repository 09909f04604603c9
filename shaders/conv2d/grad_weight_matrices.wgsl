// What conv2d/grad_weight_coop.wgsl and conv2d/grad_weight_coop_split.wgsl share: how the operands lie in workgroup memory, and where the
// results go.
// include conv2d/matrix_tile.wgsl
// include conv2d/grad_weight_operands.wgsl

// Words of four in a row of workgroup memory: left [k][row], right [k][column].
const LEFT: u32 = TILE_M / 4u + 2u;
const RIGHT: u32 = TILE_N / 4u + 2u;
var<workgroup> left: array<vec4<f16>, STAGE * LEFT>;
var<workgroup> right: array<vec4<f16>, STAGE * RIGHT>;

// Writes the rows of one matrix per subgroup, as far as they are inside.
fn copy_out(split: u32, band: u32, tile_m: u32, tile_n: u32, lane: u32) {
  let rows = params.kh * params.kw * params.c_in;
  let columns = params.c_out / 4u;
  let unscale = 1.0 / gradient_scale(params);
  for (var i = lane; i < 2u * MATRIX * (TILE_N / 4u); i += THREADS) {
    let row = i / (TILE_N / 4u);
    let column = tile_n + i % (TILE_N / 4u);
    let own = tile_m + row / MATRIX * (TILE_M / 2u) + band * MATRIX + row % MATRIX;
    if own < rows && column < columns {
      dw[(split * rows + own) * columns + column] = unscale * result[row * RESULT + i % (TILE_N / 4u)];
    }
  }
}
