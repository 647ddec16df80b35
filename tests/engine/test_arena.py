"""Records in compiled code."""

import numpy as np
import pytest
from numba import from_dtype

from lockstep.engine.arena import INTERPRETED, record_type
from lockstep.engine.compile import kernel

INNER = np.dtype([("value", "<f8"), ("n", "<i8")])
OUTER = np.dtype([("inner", INNER), ("x", "<f8")])


def test_a_flat_record_does_not_read_like_numbas_own():
    for dtype in (INNER, OUTER):
        assert repr(record_type(dtype)) != repr(from_dtype(dtype))
    assert repr(record_type(OUTER).fields["inner"].type) == repr(record_type(INNER))
    assert record_type(OUTER).fields["inner"].type == record_type(INNER)


@pytest.mark.skipif(INTERPRETED, reason="about compiled kernels")
def test_a_kernel_serves_both_kinds_of_record():
    @kernel
    def bump(state):
        state.n += 1
        return state.n

    flat = record_type(INNER)
    bump.compile((flat,))
    states = np.zeros(1, INNER).view(np.recarray)
    assert [bump(states[0]), bump(states[0])] == [1, 2]  # with warnings as errors
    assert len(bump.overloads) == 2
