// Philox4x32-10 (Salmon et al. 2011): four random words as a pure function of a counter and a key. The same function as
// src/philox.rs, so that host, adapters and variants draw the same numbers.

// High and low word of a b: WGSL has no 64-bit product, so from 16-bit halves.
fn mul_hi_lo(a: u32, b: u32) -> vec2<u32> {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let low = a0 * b0;
  let mid = a1 * b0 + (low >> 16u);
  let cross = a0 * b1 + (mid & 0xffffu);
  return vec2<u32>(a1 * b1 + (mid >> 16u) + (cross >> 16u), (cross << 16u) | (low & 0xffffu));
}

fn philox4x32(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let p = mul_hi_lo(0xD2511F53u, c.x);
    let q = mul_hi_lo(0xCD9E8D57u, c.z);
    c = vec4<u32>(q.x ^ c.y ^ k.x, q.y, p.x ^ c.w ^ k.y, p.y);
    k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}

// The key of one stream (src/philox.rs: stream) of the run's seed.
fn stream_key(seed_lo: u32, seed_hi: u32, stream: u32) -> vec2<u32> {
  return vec2<u32>(seed_lo ^ (stream * 0x9E3779B9u), seed_hi);
}
