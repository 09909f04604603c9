// What a forward pass in tiles multiplies: a matrix of pixels x (ky, kx, ci), gathered from x while it is read, with the weights,
// (ky, kx, ci) x c_out; `splits` partial sums of it, each of a run of the terms. The file around it binds y and gives TILE_M and TILE_N.
// include common/split_k.wgsl
// include conv2d/windows.wgsl
alias Left = Pixels; // four rows of the left operand

// First row and first four columns of the tile of a workgroup, the rows that there are, the terms of its sums, which of the splits it
// adds up, and of which group.
struct Tile { m: u32, n: u32, rows: u32, start: u32, end: u32, split: u32, group: u32 }

fn tile_of(wid: vec3<u32>, count: vec3<u32>) -> Tile {
  let across = (params.c_out + TILE_N - 1u) / TILE_N;
  let part = select(wid.x / across, 0u, params.splits * params.groups == 1u); // a constant for one
  let split = part / params.groups;
  let run = split_run(params);
  return Tile((wid.z * count.y + wid.y) * TILE_M, (wid.x - part * across) * (TILE_N / 4u), params.n * params.oh * params.ow,
              split * run, min(split * run + run, params.kh * params.kw * params.c_in), split, part % params.groups);
}

fn left_of(t: Tile, quad: u32) -> Left {
  return pixels(t.m + 4u * quad, t.group);
}

// Four columns of a row, as far as they are inside.
fn write(t: Tile, row: u32, column: u32, v: vec4<f32>) {
  let columns = params.c_out / 4u;
  if row < t.rows && column < columns {
    y[((t.split * t.rows + row) * params.groups + t.group) * columns + column] = vec4<Y>(v);
  }
}
