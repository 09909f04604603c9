// Every projection, chosen by its position in the table of kinds (src/kernels/projections/rows.rs).
// include project/sign.wgsl
// include project/round.wgsl
// include project/power.wgsl
// include project/stoch.wgsl
// include project/stochm.wgsl
// include project/stochm_literal.wgsl
// include project/stochm3.wgsl
// include project/addnorm.wgsl
// include project/multunif.wgsl
// include project/he_sign.wgsl
// include project/bitflip.wgsl
// include project/stuck.wgsl
// include project/quant.wgsl
// include project/drift.wgsl
// include project/prune.wgsl

// `kinds` has a bit for every kind that may come: where that is a constant, nothing of the others is compiled. Software
// drivers execute every branch for masked lanes, so that the rest would cost more than the projection itself.
fn project(kinds: u32, kind: u32, w: vec4<f32>, c: Context) -> vec4<f32> {
  var p = w;
  if (kinds & (1u << 1u)) != 0u && kind == 1u { p = project_sign(w, c); }
  if (kinds & (1u << 2u)) != 0u && kind == 2u { p = project_round(w, c); }
  if (kinds & (1u << 3u)) != 0u && kind == 3u { p = project_power(w, c); }
  if (kinds & (1u << 4u)) != 0u && kind == 4u { p = project_stoch(w, c); }
  if (kinds & (1u << 5u)) != 0u && kind == 5u { p = project_stochm(w, c); }
  if (kinds & (1u << 6u)) != 0u && kind == 6u { p = project_stochm_literal(w, c); }
  if (kinds & (1u << 7u)) != 0u && kind == 7u { p = project_stochm3(w, c); }
  if (kinds & (1u << 8u)) != 0u && kind == 8u { p = project_addnorm(w, c); }
  if (kinds & (1u << 9u)) != 0u && kind == 9u { p = project_multunif(w, c); }
  if (kinds & (1u << 10u)) != 0u && kind == 10u { p = project_he_sign(w, c); }
  if (kinds & (1u << 11u)) != 0u && kind == 11u { p = project_bitflip(w, c); }
  if (kinds & (1u << 12u)) != 0u && kind == 12u { p = project_stuck(w, c); }
  if (kinds & (1u << 13u)) != 0u && kind == 13u { p = project_quant(w, c); }
  if (kinds & (1u << 14u)) != 0u && kind == 14u { p = project_drift(w, c); }
  if (kinds & (1u << 15u)) != 0u && kind == 15u { p = project_prune(w, c); }
  return p;
}
