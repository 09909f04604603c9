// What winograd.output.vec4 and winograd.output_statistics.vec4 share: four channels of the eight outputs of a tile, A^T m D / 15. The
// file around it binds m, and params as a uniform, so that nobody knows `fifteen` (common/fifteenth.wgsl).
// include common/winograd.wgsl

// The outputs of two rows.
struct Outputs { upper: mat4x4<f32>, lower: mat4x4<f32> }

// One column of places times A^T.
struct Two { upper: vec4<f32>, lower: vec4<f32> }

fn column(tile: u32, j: u32, quad: u32) -> Two {
  let step = 6u * tiles(params) * (params.c_out / 4u);
  let at = (j * tiles(params) + tile) * (params.c_out / 4u) + quad;
  let b = m[at + step];
  let c = m[at + 2u * step];
  return Two(m[at] + b + c, b - c - m[at + 3u * step]);
}

// Six columns times D.
fn outputs_of_row(t0: vec4<f32>, t1: vec4<f32>, t2: vec4<f32>, t3: vec4<f32>, t4: vec4<f32>, t5: vec4<f32>) -> mat4x4<f32> {
  let fifteen = f32(15u + params.flip / 2u);
  return mat4x4<f32>(fifteenths(t0 + (t1 + t2) + (t3 + t4), fifteen),
                     fifteenths((t1 - t2) + (0.5 * t3 - 2.0 * t4), fifteen),
                     fifteenths((t1 + t2) + (0.25 * t3 + 4.0 * t4), fifteen),
                     fifteenths((t1 - t2) + (0.125 * t3 - 8.0 * t4) + t5, fifteen));
}

fn outputs(tile: u32, quad: u32) -> Outputs {
  let c0 = column(tile, 0u, quad);
  let c1 = column(tile, 1u, quad);
  let c2 = column(tile, 2u, quad);
  let c3 = column(tile, 3u, quad);
  let c4 = column(tile, 4u, quad);
  let c5 = column(tile, 5u, quad);
  return Outputs(outputs_of_row(c0.upper, c1.upper, c2.upper, c3.upper, c4.upper, c5.upper),
                 outputs_of_row(c0.lower, c1.lower, c2.lower, c3.lower, c4.lower, c5.lower));
}

fn put_row(p: Place, row: u32, quad: u32, outputs: mat4x4<f32>) {
  let quads = params.c_out / 4u;
  let oy = p.y * 2u + row;
  let ox = p.x * 4u;
  let at = ((p.n * params.oh + oy) * params.ow + ox) * quads + quad;
  if oy < params.oh {
    y[at] = outputs[0];
    if ox + 1u < params.ow { y[at + quads] = outputs[1]; }
    if ox + 2u < params.ow { y[at + 2u * quads] = outputs[2]; }
    if ox + 3u < params.ow { y[at + 3u * quads] = outputs[3]; }
  }
}

fn put_tile(tile: u32, quad: u32, outputs: Outputs) {
  let p = place(params, tile);
  put_row(p, 0u, quad, outputs.upper);
  put_row(p, 1u, quad, outputs.lower);
}
