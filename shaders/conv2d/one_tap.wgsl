// The entry point of the variants of lanes that load what each tap reads.
// include conv2d/subgroup_64x16.wgsl if NARROW else conv2d/subgroup_32x32.wgsl
