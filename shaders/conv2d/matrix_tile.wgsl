// A tile of TILE_M x TILE_N results, the knobs of the file around it, by matrices of 16 x 16 x 16. The subgroups of a workgroup
// lie in two rows: each owns TILE_M / 2 x 32 results in 2 x 2 or 4 x 2 matrices. They leave through `result`, [row][column]: a row
// of matrices of the upper half of the tile, then one of the lower.
const MATRIX: u32 = 16u; // rows and columns of a matrix
const LANES: u32 = 32u; // invocations of a subgroup
const STAGE: u32 = 2u * MATRIX; // terms of the sum at a time
const THREADS: u32 = TILE_N / MATRIX * LANES;
const TALL: bool = TILE_M == 8u * MATRIX; // four matrices per subgroup and column instead of two
const RESULT: u32 = TILE_N / 4u + 1u; // words of four in a row of `result`
var<workgroup> result: array<vec4<f32>, 2u * MATRIX * RESULT>;
