"""Labels that an item could not have had count nothing in its loss; where all are possible it is PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from affekt.training.possible import Masked, loss_of, packed, shown

LOGITS = torch.tensor([[0.3, -1.0, 2.0, 0.5], [1.0, 0.2, -0.4, 0.0], [0.0, 3.0, 1.0, -2.0]])
FEWER = (True, True, False, True)
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.7])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_the_loss_is_that_over_the_labels_which_are_possible(weight, smoothing):
    labels, three = torch.tensor([0, 1, 3]), [0, 1, 3]
    everything = loss_of(LOGITS, labels, torch.ones(3, 4, dtype=torch.bool), weight, smoothing)
    how = {"label_smoothing": smoothing, "reduction": "none"}
    torch.testing.assert_close(everything, F.cross_entropy(LOGITS, labels, weight=weight, **how))
    torch.testing.assert_close(loss_of(LOGITS, labels, None, weight, smoothing), everything)
    fewer = loss_of(LOGITS, labels, torch.tensor([FEWER] * 3), weight, smoothing)
    left = None if weight is None else weight[three]
    torch.testing.assert_close(fewer, F.cross_entropy(LOGITS[:, three], torch.tensor([0, 1, 2]), weight=left, **how))


def test_a_label_that_is_not_possible_gets_no_gradient_and_is_never_answered():
    logits = LOGITS.clone().requires_grad_()
    possible = torch.tensor([FEWER] * 3)
    loss_of(logits, torch.tensor([0, 1, 3]), possible, WEIGHTS, 0.1).sum().backward()
    assert logits.grad is not None and (logits.grad[:, 2] == 0).all() and (logits.grad[:, 0] != 0).all()
    assert shown(LOGITS, possible).argmax(1).tolist() == [3, 0, 1]


def test_targets_name_label_and_set_and_are_taken_apart_again():
    cpu = torch.device("cpu")
    targets, sets = packed([0, 1, 3], [None, FEWER, (False, True, True, True)])
    labels, possible = Masked(sets, cpu).apart(torch.tensor(targets))
    assert possible is not None and labels.tolist() == [0, 1, 3]
    assert possible.tolist() == [[True] * 4, list(FEWER), [False, True, True, True]]
    targets, sets = packed([2, 0], [None, None])
    assert (targets, sets) == ([2, 0], ())
    assert Masked(sets, cpu).apart(torch.tensor(targets))[1] is None
