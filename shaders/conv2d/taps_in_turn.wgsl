// The terms (ky, kx, channel) of a convolution, four channels of one tap after the other: division is slow on a software driver.
struct Term { ky: u32, kx: u32, c: u32 }

// The four after these, of `channels` in a tap. The taps of a row begin with `first` and are `step` apart in both directions.
fn after(t: Term, channels: u32, first: u32, step: vec2<u32>) -> Term {
  let c = t.c + 4u;
  let tap_done = c >= channels;
  let kx = t.kx + select(0u, step.x, tap_done);
  let line_done = kx >= params.kw;
  return Term(t.ky + select(0u, step.y, line_done), select(kx, first, line_done), select(c, 0u, tap_done));
}
