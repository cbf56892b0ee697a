"""Names of the arrays that numerics take and return; importing them imports no numpy."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from numpy import bool_, float32, float64, int8, int64, uint32, uint64
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[float64]"
Vectors: TypeAlias = "NDArray[float32]"
Numbers: TypeAlias = "NDArray[int64]"
Flags: TypeAlias = "NDArray[bool_]"
Grades: TypeAlias = "NDArray[int8]"
Words: TypeAlias = "NDArray[uint32]"
Digests: TypeAlias = "NDArray[uint64]"
