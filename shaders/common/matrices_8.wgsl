// Matrices of 8 x 8 x 8: the operands of a product, and the sums that it adds to.
enable f16;
enable wgpu_cooperative_matrix;
alias LeftMatrix = coop_mat8x8<f16, A>;
alias RightMatrix = coop_mat8x8<f16, B>;
alias SumMatrix = coop_mat8x8<f32, C>;
