"""The batches of the next iterations, loaded by other threads, and on their way to the device before they are asked."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from affekt import machine
from affekt.models.hardware import Hardware
from affekt.training.batches import Batch, Batches


@contextlib.contextmanager
def upcoming(
    batches: Batches, first: int, end: int, hardware: Hardware, items: Sequence[int] | None
) -> Iterator[Iterator[Batch]]:
    """The batches of the iterations in order, or their given items, loaded by other threads a few iterations ahead.

    On CUDA each is copied to the device while the one before it is learned from.
    """
    cuda = hardware.device.type == "cuda"
    threads = min(8, machine.whole_cores()) if cuda else 1

    def load(iteration: int) -> Batch:
        batch = batches.load(iteration) if items is None else batches.load(iteration, items)
        return batch.pinned() if cuda else batch

    def in_order() -> Iterator[Batch]:
        queue: collections.deque[Future[Batch]] = collections.deque()
        for iteration in range(first, end):
            queue.append(pool.submit(load, iteration))
            if len(queue) > threads:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")
    try:
        yield _travelling(in_order(), hardware.device) if cuda else in_order()
    finally:
        pool.shutdown(cancel_futures=True)


def _travelling(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Each batch on the device; the copy of the next one has begun when it is handed out."""
    stream = torch.cuda.Stream(device)
    under_way: collections.deque[tuple[Batch, torch.cuda.Event]] = collections.deque()

    def arrived() -> Batch:
        batch, event = under_way.popleft()
        current = torch.cuda.current_stream(device)
        current.wait_event(event)
        for tensor in batch.tensors():
            tensor.record_stream(current)  # its memory is not given to the copy of another while it is read
        return batch

    for batch in batches:
        with torch.cuda.stream(stream):
            moved = batch.on(device)
        under_way.append((moved, stream.record_event()))
        if len(under_way) > 1:
            yield arrived()
    while under_way:
        yield arrived()
