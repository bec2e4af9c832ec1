"""``affekt pipeline``: the pipelines as files, or a training handed to a cluster."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from affekt.errors import UsageError
from affekt.extensions import models_named
from affekt.pipelines.cli.outputs import check_output
from affekt.pipelines.kfp_without_client import import_kfp
from affekt.pipelines.profiles.profile import read_profile


def main(options: argparse.Namespace) -> int:
    """Compile a pipeline, or submit a training."""
    if options.action == "submit":
        return submit_to_cluster(options)
    if options.which == "scoring" and options.only:
        raise UsageError("--only says what is trained; leave it out for the scoring pipeline", code="usage")
    out = options.out or f"affekt-{options.which}.yaml"
    check_output(out)
    read_profile(options.profile)  # refuses what is none
    import_kfp()
    from affekt.pipelines.compile import compile_pipeline, compile_scoring  # heavy: kfp, after what may be refused

    if options.which == "scoring":
        compile_scoring(Path(out), profile=options.profile)
    else:
        compile_pipeline(Path(out), models_named(options.only), profile=options.profile)
    print(out)
    return 0


def submit_to_cluster(options: argparse.Namespace) -> int:
    """Hand a training to Kubeflow Pipelines, and say where it is seen."""
    from affekt.pipelines.job import job_of  # heavy: OpenCV and data sets, and `compile` needs none
    from affekt.pipelines.runners import check_reachable_from_pods, cluster_described  # heavy: as job_of
    from affekt.pipelines.submit_options import SubmitOptions  # heavy: as job_of

    labels = dict(label.partition("=")[::2] for label in options.labels if "=" in label)
    if len(labels) < len(options.labels):
        raise UsageError("--label is key=value, each key once", code="usage")
    job = job_of(
        options.data, faces=options.faces, only=options.only, name=options.name, preset=options.preset,
        overrides=options.overrides, elsewhere=True,
    )  # fmt: skip
    cluster = cluster_described()
    check_reachable_from_pods(cluster, data=job.data, faces=job.faces)
    given = SubmitOptions(options.pipeline_root, options.clips_per_shard, labels, options.tag, options.profile)
    given.check()
    read_profile(given.profile)  # refuses what is none
    from affekt.pipelines.run import submit_training  # heavy: kfp, after all that may be refused

    submitted = submit_training(job, cluster, given)
    print(json.dumps(submitted.to_dict(), indent=2) if options.json else f"run {submitted.run_id}: {submitted.url}")
    return 0
