"""Records in compiled code."""

import numpy as np
from numba import from_dtype

from lockstep.engine.arena import record_type

INNER = np.dtype([("value", "<f8"), ("n", "<i8")])
OUTER = np.dtype([("inner", INNER), ("x", "<f8")])


def test_a_flat_record_does_not_read_like_numbas_own():
    for dtype in (INNER, OUTER):
        assert repr(record_type(dtype)) != repr(from_dtype(dtype))
    assert repr(record_type(OUTER).fields["inner"].type) == repr(record_type(INNER))
    assert record_type(OUTER).fields["inner"].type == record_type(INNER)
