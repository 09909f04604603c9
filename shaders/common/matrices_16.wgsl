// Matrices of 16 x 16 x 16: the operands of a product, and the sums that it adds to.
enable f16;
enable wgpu_cooperative_matrix;
alias LeftMatrix = coop_mat16x16<f16, A>;
alias RightMatrix = coop_mat16x16<f16, B>;
alias SumMatrix = coop_mat16x16<f32, C>;
