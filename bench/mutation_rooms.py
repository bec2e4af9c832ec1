"""The rooms whose code is changed by ``bench/mutation.py``: modules that decide something, and the tests of each."""

from __future__ import annotations

from dataclasses import dataclass

#: Installed below ``affekt``; the copied tree has them there.
BELOW_AFFEKT = ("components", "pipelines", "serving")


@dataclass(frozen=True)
class Room:
    """Modules whose logic is changed, and the tests that have to notice.

    Attributes:
        modules: paths in the repository; ``path:name,Class.name`` where only these functions count.
        tests: paths of the room's own tests.
        without: names of tests, or parts of names, that take a second and more and need not be run a hundred times:
            what they would notice has quick tests, too.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()


ROOMS = {
    "registry": Room(
        tuple(
            f"affekt/registry/{name}.py"
            for name in (
                "gate",
                "decision",
                "first_champion",
                "replacement",
                "score_vectors",
                "spending",
                "held_against",
            )
        ),
        tuple(
            f"tests/registry/test_{name}.py"
            for name in (
                "gate",
                "guards",
                "unseen_clips",
                "spending",
                "what_a_decision_tells",
                "first_champion",
                "guard_bounds",
            )
        ),
    ),
    "guards": Room(
        ("affekt/registry/guards.py",),
        tuple(f"tests/registry/test_{name}.py" for name in ("guards", "guard_bounds", "gate", "unseen_clips")),
    ),
    "statistics": Room(
        tuple(f"affekt/statistics/{name}.py" for name in ("intervals", "metrics", "paired", "pairs")),
        ("tests/statistics",),
        without=("test_power",),
    ),
    "power": Room(("affekt/statistics/power.py",), ("tests/statistics/test_power.py",)),
    "dataset": Room(
        tuple(f"affekt/dataset/{name}.py" for name in ("splits", "image_splits", "clips", "problems")),
        tuple(
            f"tests/dataset/test_{name}.py"
            for name in ("splits_and_folds", "image_splits", "clip_tables", "manifests", "several")
        ),
    ),
    "tables": Room(
        ("affekt/dataset/manifest.py", "affekt/dataset/tables.py"),
        ("tests/dataset", "tests/storage/test_s3_data_sets.py"),
    ),
    "protocols": Room(("affekt/dataset/protocols.py",), ("tests/dataset/test_protocols.py",)),
    "labels": Room(("affekt/dataset/labels.py",), ("tests/dataset/test_label_names.py",)),
    "checks": Room(
        tuple(f"affekt/checks/{name}.py" for name in ("inspection", "findings", "leaks", "before")),
        ("tests/checks",),
    ),
    "score_table": Room(("affekt/score_table.py",), ("tests/test_score_table.py",)),
    "functionals": Room(
        ("affekt/media/functionals.py",),
        tuple(
            f"tests/media/test_{name}.py" for name in ("functionals", "feature_sets", "level_and_silence", "deadline")
        ),
    ),
    "shots": Room(("affekt/media/shots.py",), ("tests/media/test_shots.py",)),
    "training": Room(
        ("affekt/training/augmentation.py", "affekt/training/loop.py:learning_rate"),
        ("tests/training/test_augmentation.py", "tests/training/test_learning_rate.py"),
    ),
    "out_of_fold": Room(("affekt/training/out_of_fold.py",), ("tests/training/test_out_of_fold.py",)),
    "models": Room(("affekt/models/crops.py",), ("tests/models/test_crops.py",)),
    "fusion_rules": Room(
        (
            *(
                f"affekt/fusion/methods/{name}.py"
                for name in ("average", "weighted_average", "maximum", "highest_confidence")
            ),
            "affekt/fusion/vectors.py",
            "affekt/fusion/weights.py",
        ),
        ("tests/fusion/test_weights_and_vectors.py",),  # the others fit classifiers, and take a hundred times as long
    ),
    "selected": Room(
        ("affekt/fusion/methods/selected.py", "affekt/statistics/standard_error.py"),
        ("tests/fusion/test_selected.py",),
        without=("test_on_over_fitted_scores_of_afew_the_answer_is_not_below_the_best_model",),
    ),
    "depth": Room(
        ("affekt/ensemble/depth.py",),
        ("tests/ensemble/test_depth.py",),
        without=("test_a_clip_unlike_what_was_learned_from_is_answered_with_a_warning_and_less_sure",),
    ),
    "scoring": Room(
        tuple(f"affekt/scoring/{name}.py" for name in ("score", "kept", "table", "answering")),
        ("tests/scoring/test_score.py",),
        without=("killed_again", "processes_of_a_real_ensemble", "the_command", "a_loaded_models_flags"),
    ),
    "fusion": Room(
        ("affekt/fusion/fusion.py", "affekt/fusion/estimator.py"),
        ("tests/fusion/test_fit_and_store.py",),
    ),
    "fusion_tables": Room(
        tuple(f"affekt/fusion/{name}.py" for name in ("tables", "rows", "cross_validation", "figures", "overfitting")),
        (
            "tests/fusion/test_fuse_table.py",
            "tests/fusion/test_parts_of_a_table.py",
            "tests/fusion/test_overfitting.py",
        ),
        without=(
            "test_on_afew_fusions_of_other_val_clips_reach_what_the_overfitted_train_rows_gave",
            "test_all_methods_are_fitted_on_train_and_evaluated_on_val",
            "test_a_method_whose_time_grows_faster_than_the_rows_is_left_out_of_many_with_a_word",
            "test_on_votes_of_unseen_speakers_stacking_beats_the_papers_svm_and_both_the_models",
            "test_random_labels_stay_at_chance_in_cross_validation",
        ),
    ),
    "fusion_person": Room(
        ("affekt/fusion/person.py", "affekt/fusion/key.py"),
        ("tests/fusion/test_adaptation_to_a_person.py", "tests/fusion/test_fusion_key.py"),
    ),
    "run_gate": Room(
        ("affekt/steps/run_gate.py",),
        ("tests/steps/test_run_gate.py",),
        without=("test_a_challenger_is_held_against_the_champions_own_answers",),
    ),
    "handler": Room(("serving/handler.py",), ("tests/serving/test_handler.py",)),
    "store_keys": Room(
        (
            "affekt/store/entries.py:content_digest,content_name,Store.key,Store.key_of",
            "affekt/store/contents.py",
            "affekt/store/origins.py",
        ),
        tuple(f"tests/store/test_{name}.py" for name in ("entries", "contents", "origins")),
    ),
    "store": Room(
        tuple(f"affekt/store/{name}.py" for name in ("entries", "shard", "shelf")),
        tuple(
            f"tests/store/test_{name}.py"
            for name in ("entries", "shards", "shelf", "origins", "prepared_store", "remote_store")
        ),
    ),
}


def path_of(module: str) -> str:
    """The path of an entry of :data:`ROOMS`, without the names of functions."""
    return module.partition(":")[0]


def label_of(module: str) -> str:
    """An entry of :data:`ROOMS` as the report says it."""
    return module.replace(":", ": ").replace(",", ", ")


def installed(module: str) -> str:
    """Where a module is in the tree as installed."""
    return f"affekt/{module}" if module.split("/")[0] in BELOW_AFFEKT else module


def patterns_of(room: Room) -> list[str]:
    """Names of mutants for mutmut, where only some functions of a module count; none means all."""
    if not any(":" in module for module in room.modules):
        return []
    found = []
    for module in room.modules:
        path, _, names = module.partition(":")
        dotted = installed(path).removesuffix(".py").replace("/", ".")
        for name in names.split(","):
            held_by, _, own = name.rpartition(".")
            mangled = f"xǁ{held_by}ǁ{own}" if held_by else f"x_{own}"
            found.append(f"{dotted}.{mangled}__mutmut_*" if name else f"{dotted}.x*")
    return found
