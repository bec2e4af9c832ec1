"""``affekt deploy``: put a registered version into a running server without losing a request, or try it there first."""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from affekt.counted import counted
from affekt.errors import NO_FILE, AffektError, DataError, UsageError
from affekt.home import home
from affekt.pipelines.cli.remarks import remark
from affekt.progress import told_when_slow
from affekt.registry import Tracking, resolve, version_of
from affekt.registry.models import champion_of, digest_of, find
from affekt.serving.rollout import begin_trial, deploy_ensemble, manage
from affekt.serving.running import RunningServer, find_server

#: Sample clips that a version is tried with, where none are given.
_SAMPLES = 2
#: How long a deployment waits for another change of the server's versions, seconds.
_BUSY_SECONDS = 300.0


def main(options: argparse.Namespace) -> int:
    """Swap the version that the server answers with, begin or end a trial, or tell how the versions do."""
    if refused := _refused(options):
        raise UsageError(refused, code="usage")
    for clip in options.trial:
        if not Path(clip).is_file():
            raise DataError(NO_FILE, code="missing_file", where=clip)
    server = server_at(options.url)
    if options.do == "status":
        _tell(manage(server, "GET", "/versions"), as_json=options.json)
    elif options.do == "promote":
        version = manage(server, "POST", "/promote", {})["version"]
        _say(options, f"{options.url} now answers with version {version}", "default", version)
    elif options.do == "abort":
        version = manage(server, "POST", "/abort", {})["version"]
        _say(options, f"version {version} was taken away", "aborted", version)
    else:
        _put(options, server)
    return 0


def server_at(url: str) -> RunningServer:
    """The server of this home at an address.

    Raises:
        AffektError: there is none.
    """
    server = find_server(url, home())
    if server is None:
        raise AffektError(
            f"no server that was started below {home()} answers there; start one with affekt serve",
            code="no_server",
            where=url,
        )
    return server


def deploy_promoted(url: str, name: str, version: int) -> bool:
    """Let a server answer with a version that has become the champion.

    Returns:
        Whether it does; not where another version is the champion by now, which stays where it is.

    Raises:
        AffektError: it does not; the message says that the version is the champion all the same.
    """
    tracking, ends = Tracking(), time.monotonic() + _BUSY_SECONDS
    champion = champion_of(name, tracking)
    if champion is None or champion.version != version:
        remark(
            f"affekt: {name}/{version} is not the champion any more"
            f"{f', {champion.reference} is' if champion else ''}; {url} is left as it is"
        )
        return False
    while True:
        try:
            answer_with(champion.reference, tracking, server_at(url))
        except AffektError as error:
            if error.code == "busy" and time.monotonic() < ends:
                time.sleep(1.0)
                continue
            raise AffektError(
                f"{champion.reference} is the champion, and the server does not answer with it: {error.message}; once "
                f"that is mended, affekt deploy --model {name}@champion --url {url}",
                code=error.code,
                where=url,
            ) from error
        return True


def answer_with(reference: str, tracking: Tracking, server: RunningServer) -> None:
    """Let a server answer with a version; one that answers already is left as it is, one on trial is promoted.

    Raises:
        AffektError: it does not, for the reasons of :func:`affekt.serving.rollout.deploy_ensemble`.
    """
    meant, folder = find(reference, tracking), resolve(reference, tracking)
    status, digest = manage(server, "GET", "/versions"), digest_of(folder)
    there = next((name for name, known in status["versions"].items() if known.get("digest") == digest), "")
    if there and there == status["default"]:
        return
    if there and there in (status["canary"], status["shadow"]):
        manage(server, "POST", "/promote", {})
        return
    if there:
        raise AffektError(f"version {there} answered before, and is being taken away; try again later", code="busy")
    name = name_beside(status, str(meant.version), meant.name, digest, server.url)
    with trials_of(folder, []) as trials:
        deploy_ensemble(folder, server, version=name, trials=trials)


def _refused(options: argparse.Namespace) -> str:
    """Why these flags cannot be used together; empty where they can."""
    if options.canary is not None and options.shadow:
        return "--canary answers callers and --shadow does not; choose one"
    said = {
        "--model": options.model, "--canary": options.canary, "--shadow": options.shadow, "--trial": options.trial
    }  # fmt: skip
    if options.do and (flag := next((name for name, value in said.items() if value), "")):
        return f"{flag} says how a version is put in, and {options.do} puts none in; leave one of them out"
    return ""


def _say(options: argparse.Namespace, sentence: str, role: str, version: str) -> None:
    """What was done, as a sentence or as the document."""
    print(json.dumps({"url": options.url, "version": version, "role": role}, indent=2) if options.json else sentence)


def _put(options: argparse.Namespace, server: RunningServer) -> None:
    model = options.model or "affekt@champion"
    tracking = Tracking()
    if version_of(model, tracking) is None:
        raise AffektError("only a registered version can be deployed; see affekt models list", where=model)
    folder = resolve(model, tracking)
    meant, status = find(model, tracking), manage(server, "GET", "/versions")
    # Before any clip is tried.
    version = name_beside(status, str(meant.version), meant.name, digest_of(folder), options.url)
    with (
        told_when_slow(f"loading {model} beside what answers, and trying it"),
        trials_of(folder, options.trial) as trials,
    ):
        if options.canary is None and not options.shadow:
            deploy_ensemble(folder, server, version=version, trials=trials)
            _say(options, f"{options.url} now answers with {model} (version {version})", "default", version)
            return
        begin_trial(folder, server, version=version, percent=options.canary or 0, shadow=options.shadow, trials=trials)
    what = "copies of the requests" if options.shadow else f"{options.canary:g} % of the callers"
    said = f"version {version} gets {what}; see affekt deploy status, then affekt deploy promote or abort"
    _say(options, said, "shadow" if options.shadow else "canary", version)


def name_beside(status: Mapping[str, Any], number: str, model: str, digest: str, url: str) -> str:
    """What a version is called in a server: its number, or ``NAME-NUMBER`` where another model's has that number.

    Args:
        status: of the server.
        number: in the registry.
        model: its name there.
        digest: of its ensemble.
        url: of the server.

    Raises:
        AffektError: ``already_deployed``: it is there.
    """
    versions = status["versions"]
    for name, known in versions.items():
        # Of a server that tells no digests the number is all there is to go by.
        if known["digest"] == digest if "digest" in known else name == number:
            raise _present(status, name, url)
    return number if number not in versions else f"{model}-{number}"


def _present(status: Mapping[str, Any], version: str, url: str) -> AffektError:
    role = next((role for role in ("default", "canary", "shadow") if status[role] == version), "")
    what = {"default": ", and answers", "canary": " as the canary", "shadow": " as the shadow"}.get(role, "")
    return AffektError(f"version {version} is there already{what}", code="already_deployed", where=url)


@contextlib.contextmanager
def trials_of(folder: Path, given: list[str]) -> Iterator[list[dict[str, Any]]]:
    """The clips with the answers that a version has to give: the given ones with those of this process; else what the
    version carries from its training; else, where it was stored without, samples that are made here.
    """
    from affekt.ensemble import Ensemble  # PyTorch, which status needs not
    from affekt.serving.rollout import carried_trials, trial_of  # as above

    if not given and (carried := carried_trials(folder)):
        yield carried
        return
    with tempfile.TemporaryDirectory(prefix="affekt-trial-") as temporary:
        clips = [Path(name) for name in given]
        if not clips:
            try:
                from affekt.samples import write_samples  # an extra

                write_samples(Path(temporary) / "clips", clips_per_label=1, progress=False)
                clips = sorted(Path(temporary).rglob("*.mp4"))[:_SAMPLES]
            except ModuleNotFoundError as error:
                remark(f"{error.name} is not installed, so no sample clip was tried; name some with --trial")
        loaded = Ensemble.load(folder)
        yield [trial_of(loaded, clip) for clip in clips]


def _tell(status: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(status, indent=2))
        return
    for name, tally in status["versions"].items():
        roles = {status["default"]: "default", status["canary"]: f"canary, {status['percent']:g} %"}
        role = roles.get(name, "shadow" if name == status["shadow"] else "waits")
        p50 = (
            ""
            if tally["p50_seconds"] is None
            else f", p50 {tally['p50_seconds']:.2f} s, p95 {tally['p95_seconds']:.2f} s"
        )
        again = f", {tally['again']} asked again after a failure" if tally.get("again") else ""
        print(
            f"version {name} ({role}): {counted(tally['requests'], 'requests')}, {tally['failed']} failed{again}{p50}"
        )
    if compared := status["comparison"]:
        agreed = (
            "none yet"
            if compared["agreement"] is None
            else (
                f"{compared['agreement']:.0%} agree, a probability moves by {compared['mean_shift']:.3f} on average, "
                f"{compared['largest_shift']:.3f} at most"
            )
        )
        print(f"shadow: {compared['requests']} compared: {agreed}; {compared['passed_over']} passed over")
    if status["said"]:
        print(status["said"])
