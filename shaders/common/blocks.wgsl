// A channel, or four of them, of a block of rows: its number, the channel, the first row, and the one behind the last.
struct Block { number: u32, channel: u32, first: u32, last: u32 }

// Number i of those of a map [rows, channels] in blocks of `block` rows. Behind the last block, rows that are not.
fn block_of(i: u32, rows: u32, channels: u32, block: u32) -> Block {
  let b = i / channels;
  return Block(b, i % channels, b * block, min(b * block + block, rows));
}
