"""Random forests and AdaBoost as flattened trees that numpy walks for all trees at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

#: Rows that are walked together; bounds the memory of scoring a large table to about 50 MB for 500 trees.
_BLOCK = 4096


@dataclass(frozen=True)
class TreeEnsemble:
    """T decision trees over F features with V nodes in all, and L labels.

    Attributes:
        roots: int32 ``[T]``, the node at which each tree starts.
        feature: int32 ``[V]``, the feature that a node looks at (0 in a leaf).
        threshold: float64 ``[V]``; a value up to it goes to the first child.
        children: int32 ``[V, 2]``; a leaf is its own child, so that trees of any depth are walked equally often.
        value: float64 ``[V, L]``, what a leaf says for each label; zeros in inner nodes.
        depth: int ``[]``, the steps from the root to the deepest leaf.
        softmax: bool ``[]``; the summed leaves are logits (AdaBoost) and not shares of votes (forest).
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    value: np.ndarray
    depth: np.ndarray
    softmax: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for features ``[N, F]``; compares in float32 as scikit-learn's trees do."""
        rows = np.ascontiguousarray(x, dtype=np.float32)
        summed = np.concatenate([self._sum(rows[i : i + _BLOCK]) for i in range(0, len(rows), _BLOCK)] or [rows[:, :0]])
        if not len(rows):
            return np.zeros((0, self.value.shape[1]))
        if self.softmax:
            summed = np.exp(summed - summed.max(axis=1, keepdims=True))
        probabilities: np.ndarray = summed / summed.sum(axis=1, keepdims=True)
        return probabilities

    def _sum(self, rows: np.ndarray) -> np.ndarray:
        flat = rows.ravel()
        offset = (np.arange(len(rows), dtype=np.intp) * rows.shape[1])[:, None]
        node = np.broadcast_to(self.roots.astype(np.intp), (len(rows), len(self.roots)))
        children = self.children.ravel()
        for _ in range(int(self.depth)):
            right = flat[self.feature[node] + offset] > self.threshold[node]
            node = children[2 * node + right]
        if len(rows) == 1:
            total: np.ndarray = self.value[node[0]].sum(axis=0, keepdims=True)
            return total
        # Label by label: the gathered leaves of all labels at once would be L times the memory.
        return np.stack([self.value[:, k][node].sum(axis=1) for k in range(self.value.shape[1])], axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes by name, for storage."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> TreeEnsemble:
        """The ensemble whose :meth:`arrays` these are."""
        return cls(**{item.name: arrays[item.name] for item in fields(cls)})


def fit_forest(
    x: np.ndarray, y: np.ndarray, labels: int, *, trees: int, min_samples_split: int = 2, seed: int = 0
) -> TreeEnsemble:
    """A random forest (paper.md, section 4.2.2) on features ``[N, F]`` and label numbers ``[N]`` below ``labels``.

    A label that does not occur in ``y`` gets the probability 0.
    """
    from sklearn.ensemble import RandomForestClassifier  # heavy: sklearn

    forest = RandomForestClassifier(n_estimators=trees, min_samples_split=min_samples_split, random_state=seed)
    forest.fit(x, y)
    leaves = [tree.tree_.value[:, 0, :] for tree in forest.estimators_]
    return _flatten(forest.estimators_, leaves, forest.classes_, labels, softmax=False)


def fit_adaboost(
    x: np.ndarray, y: np.ndarray, labels: int, *, trees: int, depth: int, learning_rate: float = 1.0, seed: int = 0
) -> TreeEnsemble:
    """Multi-class AdaBoost (SAMME) of trees of the given depth (paper.md, section 4.4).

    A label that does not occur in ``y`` gets the probability 0.
    """
    from sklearn.ensemble import AdaBoostClassifier  # heavy: sklearn
    from sklearn.tree import DecisionTreeClassifier  # heavy: sklearn

    tree = DecisionTreeClassifier(max_depth=depth)
    boost = AdaBoostClassifier(tree, n_estimators=trees, learning_rate=learning_rate, random_state=seed)
    boost.fit(x, y)
    classes = len(boost.classes_)
    weights = boost.estimator_weights_[: len(boost.estimators_)]
    total = boost.estimator_weights_.sum()
    leaves = []
    for tree, weight in zip(boost.estimators_, weights, strict=True):
        chosen = tree.classes_[np.argmax(tree.tree_.value[:, 0, :], axis=1)]
        # The vote of one tree and the softmax of scikit-learn's SAMME: weight for its class, -weight/(K-1) for others.
        votes = np.where(chosen[:, None] == boost.classes_[None, :], weight, -weight / (classes - 1))
        leaves.append(votes / total / (classes - 1))
    return _flatten(boost.estimators_, leaves, boost.classes_, labels, softmax=True)


def _flatten(
    estimators: Sequence[Any], leaves: Sequence[np.ndarray], classes: np.ndarray, labels: int, *, softmax: bool
) -> TreeEnsemble:
    roots, feature, threshold, children, values = [], [], [], [], []
    first = 0
    for estimator, leaf_values in zip(estimators, leaves, strict=True):
        tree = estimator.tree_
        own = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        roots.append(first)
        feature.append(np.where(leaf, 0, tree.feature))
        threshold.append(np.where(leaf, 0.0, tree.threshold))
        left, right = np.where(leaf, own, tree.children_left), np.where(leaf, own, tree.children_right)
        children.append(np.stack([left, right], axis=1) + first)
        # With softmax a label that never occurred has no vote at all: minus infinity, not the 0 of a tie.
        value = np.full((tree.node_count, labels), -np.inf if softmax else 0.0)
        value[:, classes.astype(int)] = leaf_values
        values.append(np.where(leaf[:, None], value, 0.0))
        first += tree.node_count
    return TreeEnsemble(
        np.array(roots, dtype=np.int32),
        np.concatenate(feature).astype(np.int32),
        np.concatenate(threshold),
        np.concatenate(children).astype(np.int32),
        np.concatenate(values),
        np.array(max(estimator.tree_.max_depth for estimator in estimators), dtype=np.int32),
        np.array(softmax),
    )
