"""A graph in ONNX Runtime's own file format: its arrays, and which of them each operation takes.

A flatbuffer by the schema ``ort.fbs`` of ONNX Runtime, of which a few tables are read here. It is not checked for being
well formed: only files whose digest is known are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table

#: The fields that are read, by their number in their table.
_MODEL, _GRAPH, _INITIALIZERS, _NODES = 1, 7, 0, 2
_NAME, _DIMENSIONS, _TYPE, _DATA = 0, 2, 3, 4
_OPERATION, _INPUTS, _OUTPUTS = 5, 8, 9
#: The types of arrays by ONNX's numbers.
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}


@dataclass(frozen=True)
class OrtGraph:
    """What is read of a graph.

    Attributes:
        arrays: the constants by name.
        nodes: of each operation what it does, the names that it takes, and the first that it gives.
    """

    arrays: dict[str, np.ndarray]
    nodes: list[tuple[str, list[str], str]]

    @classmethod
    def read(cls, path: Path) -> OrtGraph:
        """Read a file whose digest is known."""
        content = path.read_bytes()

        def field(table: Table, number: int) -> int:
            offset: int = table.Offset(4 + 2 * number)
            return offset and offset + table.Pos

        def table_at(place: int) -> Table:
            return Table(content, place + Table(content, 0).Get(number_types.UOffsetTFlags, place))

        def vector(table: Table, number: int) -> Iterator[int]:
            """Where the elements of a vector of tables or strings are."""
            offset = table.Offset(4 + 2 * number)
            first = table.Vector(offset) if offset else 0
            return (first + 4 * element for element in range(table.VectorLen(offset) if offset else 0))

        def text(table: Table, number: int) -> str:
            return str(table.String(field(table, number)).decode())

        def array(tensor: Table) -> np.ndarray:
            kind = _TYPES[tensor.Get(number_types.Int32Flags, field(tensor, _TYPE))]
            shape = tensor.GetVectorAsNumpy(number_types.Int64Flags, tensor.Offset(4 + 2 * _DIMENSIONS))
            data = tensor.GetVectorAsNumpy(number_types.Uint8Flags, tensor.Offset(4 + 2 * _DATA))
            return np.frombuffer(data.tobytes(), kind).reshape(shape)

        graph = table_at(0)
        for number in (_MODEL, _GRAPH):
            graph = table_at(field(graph, number))
        initializers = [table_at(place) for place in vector(graph, _INITIALIZERS)]
        nodes = [table_at(place) for place in vector(graph, _NODES)]
        return cls(
            {text(tensor, _NAME): array(tensor) for tensor in initializers},
            [
                (
                    text(node, _OPERATION),
                    [node.String(place).decode() for place in vector(node, _INPUTS)],
                    next((node.String(place).decode() for place in vector(node, _OUTPUTS)), ""),
                )
                for node in nodes
            ],
        )
