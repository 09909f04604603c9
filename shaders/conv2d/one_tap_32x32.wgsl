    // What a turn of conv2d/subgroup_32x32.wgsl does: four terms of one tap.
    let w = right_of(own, t);
    accumulate(&acc0, left_of(p0, group, t), w, lane);
    accumulate(&acc1, left_of(p1, group, t), w, lane);
    accumulate(&acc2, left_of(p2, group, t), w, lane);
    accumulate(&acc3, left_of(p3, group, t), w, lane);
