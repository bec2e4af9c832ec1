"""Arguments of the commands that tell about affekt: ``settings``, ``doctor``, ``completion``."""

from __future__ import annotations

from affekt.pipelines.cli.arguments.kinds import AddCommand, add_json, add_overrides, add_preset


def add_settings(command: AddCommand) -> None:
    """``affekt settings``."""
    settings = command("settings", "every setting: value, origin, default of each preset, limits and meaning")
    settings.add_argument("key", nargs="?", default="", metavar="KEY", help="a setting, a group, or how keys begin")
    add_preset(settings)
    add_overrides(settings, "show the value with this override")
    add_json(settings)


def add_doctor(command: AddCommand) -> None:
    """``affekt doctor``."""
    doctor = command("doctor", "what works here, and how to get what is missing; exit 1 where training needs it")
    doctor.add_argument(
        "--imports", action="store_true",
        help="also import each package, in half a minute; without it their files are looked at",
    )  # fmt: skip
    add_json(doctor)


def add_completion(command: AddCommand) -> None:
    """``affekt completion``."""
    completion = command("completion", "a script that completes commands, options, models and settings in a shell")
    completion.add_argument(
        "shell", choices=("bash", "zsh", "fish"),
        help='for bash and zsh: eval "$(affekt completion bash)"; for fish: affekt completion fish | source',
    )  # fmt: skip
