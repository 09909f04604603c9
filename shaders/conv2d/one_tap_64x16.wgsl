    // What a turn of conv2d/subgroup_64x16.wgsl does: four terms of one tap.
    let w = right_of(own, t);
    accumulate_pair(&acc0, left_of(p0, group, t), left_of(p1, group, t), w, lane);
    accumulate_pair(&acc1, left_of(p2, group, t), left_of(p3, group, t), w, lane);
    accumulate_pair(&acc2, left_of(p4, group, t), left_of(p5, group, t), w, lane);
    accumulate_pair(&acc3, left_of(p6, group, t), left_of(p7, group, t), w, lane);
