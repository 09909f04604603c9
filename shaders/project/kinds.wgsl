// Every projection, chosen by its position in the table of kinds (src/projection/rows.rs).
// include project/context.wgsl
// include project/sign.wgsl // kind 1
// include project/round.wgsl // kind 2
// include project/power.wgsl // kind 3
// include project/stoch.wgsl // kind 4
// include project/stochm.wgsl // kind 5
// include project/stochm_literal.wgsl // kind 6
// include project/stochm3.wgsl // kind 7
// include project/addnorm.wgsl // kind 8
// include project/multunif.wgsl // kind 9
// include project/he_sign.wgsl // kind 10
// include project/bitflip.wgsl // kind 11
// include project/stuck.wgsl // kind 12
// include project/quant.wgsl // kind 13
// include project/drift.wgsl // kind 14
// include project/prune.wgsl // kind 15
// include project/bwn.wgsl // kind 16
// include project/ternary.wgsl // kind 17
// functions of users

// Where the kinds that may come are constants, only their lines are there: software drivers execute every branch for
// masked lanes, so that the rest would cost more than the projection itself.
fn project(kind: u32, w: vec4<f32>, c: Context) -> vec4<f32> {
  var p = w;
  if kind == 1u { p = project_sign(w, c); } // kind 1
  if kind == 2u { p = project_round(w, c); } // kind 2
  if kind == 3u { p = project_power(w, c); } // kind 3
  if kind == 4u { p = project_stoch(w, c); } // kind 4
  if kind == 5u { p = project_stochm(w, c); } // kind 5
  if kind == 6u { p = project_stochm_literal(w, c); } // kind 6
  if kind == 7u { p = project_stochm3(w, c); } // kind 7
  if kind == 8u { p = project_addnorm(w, c); } // kind 8
  if kind == 9u { p = project_multunif(w, c); } // kind 9
  if kind == 10u { p = project_he_sign(w, c); } // kind 10
  if kind == 11u { p = project_bitflip(w, c); } // kind 11
  if kind == 12u { p = project_stuck(w, c); } // kind 12
  if kind == 13u { p = project_quant(w, c); } // kind 13
  if kind == 14u { p = project_drift(w, c); } // kind 14
  if kind == 15u { p = project_prune(w, c); } // kind 15
  if kind == 16u { p = project_bwn(w, c); } // kind 16
  if kind == 17u { p = project_ternary(w, c); } // kind 17
  // calls of them
  return p;
}
