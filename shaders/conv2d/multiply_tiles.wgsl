// The product of a tile of TILE_M rows x TILE_N columns, in stages of 16 terms that pass through workgroup memory: what
// variants of the register-tiled family share. The file around it gives the knobs TILE_M, TILE_N and BUFFERS and says where
// the operands lie:
//   Left, Right                      what an invocation keeps of the four rows, or four columns, that it fetches
//   left_place(i), right_place(i)    block i of a stage: x = which four rows or columns of the tile, y = which four terms
//   fetch_left(l, k), fetch_right(r, k)   terms 4 k .. 4 k + 3 of them: a column of the matrix holds one term, zeros where there
//                                    is nothing
const THREADS: u32 = TILE_M * TILE_N / 64u;
const SPAN: u32 = (TILE_M + TILE_N) / 4u; // words in a row of a stage: the rows of the tile, then its columns
var<workgroup> stages: array<vec4<f32>, BUFFERS * 16u * SPAN>;

// Stores a block in a stage: `column` counts words, `k` blocks.
fn put(base: u32, column: u32, k: u32, block: mat4x4<f32>) {
  let at = base + k * 4u * SPAN + (column ^ (k * 2u));
  stages[at] = block[0];
  stages[at + SPAN] = block[1];
  stages[at + 2u * SPAN] = block[2];
  stages[at + 3u * SPAN] = block[3];
}

// The blocks to fetch: TILE_M of the left operand, then TILE_N of the right. Every invocation fetches one or two, the second
// of the right operand. `left` is of left_place(lane), `first` and `second` are of these places:
fn first_right(lane: u32) -> vec2<u32> {
  return right_place(lane - TILE_M);
}

fn second_right(lane: u32) -> vec2<u32> {
  return right_place(lane + THREADS - TILE_M);
}

// Adds the products of `terms` terms to acc. Call it in uniform control flow.
fn multiply_tiles(acc: ptr<function, RegisterTile>, lane: u32, left: Left, first: Right, second: Right, terms: u32) {
  let of_left = lane < TILE_M;
  let has_second = lane + THREADS - TILE_M < TILE_N;
  let place = select(first_right(lane) + vec2<u32>(TILE_M / 4u, 0u), left_place(lane), of_left);
  let place_second = second_right(lane);
  let block = owned_block(lane, TILE_N / 8u);
  var a: mat4x4<f32>;
  var b: mat4x4<f32>;
  if of_left {
    a = fetch_left(left, place.y);
  } else {
    a = fetch_right(first, place.y);
  }
  if has_second {
    b = fetch_right(second, place_second.y);
  }
  for (var s = 0u; s * 16u < terms; s++) {
    let base = s % BUFFERS * (16u * SPAN);
    if BUFFERS == 1u {
      workgroupBarrier();
    }
    put(base, place.x, place.y, a);
    if has_second {
      put(base, TILE_M / 4u + place_second.x, place_second.y, b);
    }
    workgroupBarrier();
    if (s + 1u) * 16u < terms {
      if of_left {
        a = fetch_left(left, s * 4u + 4u + place.y);
      } else {
        a = fetch_right(first, s * 4u + 4u + place.y);
      }
      if has_second {
        b = fetch_right(second, s * 4u + 4u + place_second.y);
      }
    }
    for (var k = 0u; k < 4u; k++) {
      let row = base + k * 4u * SPAN;
      let l = row + (block.y ^ (k * 2u));
      let r = row + TILE_M / 4u + (block.x ^ (k * 2u));
      outer_product(acc, stages[l], stages[l + TILE_M / 8u], stages[r], stages[r + TILE_N / 8u]);
      let l1 = l + SPAN;
      let r1 = r + SPAN;
      outer_product(acc, stages[l1], stages[l1 + TILE_M / 8u], stages[r1], stages[r1 + TILE_N / 8u]);
      let l2 = l1 + SPAN;
      let r2 = r1 + SPAN;
      outer_product(acc, stages[l2], stages[l2 + TILE_M / 8u], stages[r2], stages[r2 + TILE_N / 8u]);
      let l3 = l2 + SPAN;
      let r3 = r2 + SPAN;
      outer_product(acc, stages[l3], stages[l3 + TILE_M / 8u], stages[r3], stages[r3 + TILE_N / 8u]);
    }
  }
}
