// Philox4x32-10 (Salmon et al. 2011): four random words as a pure function of a counter and a key. The same function as
// src/philox.rs, so that host, adapters and variants draw the same numbers.
// include common/mul_hi_lo.wgsl

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
