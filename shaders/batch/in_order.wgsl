// Sample n of the batch is image n.
fn image(n: u32) -> u32 {
  return n;
}
