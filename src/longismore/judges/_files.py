"""Judge files: a judge with its settings in a small YAML file, to be named, copied, changed and kept.

    judge: openai/gpt-4.1-mini
    protocol: choice
    max_tokens: 16
    prompt: my_prompt.txt        # optional: the protocol's instructions in other words, with @CODE@ in them

Every setting of a judge may stand there, except keys. What the user says on the command line wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longismore.errors import ConfigError, DataError, SchemaError

if TYPE_CHECKING:
    from longismore.judges._options import JudgeOptions

__all__ = ["JudgeFile", "file_names", "find_file", "read_file"]

_ENDINGS = (".yaml", ".yml")
_OWN_FIELDS = ("judge", "description", "prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFile:
    """What such a file says."""

    path: Path
    judge: str
    settings: Mapping[str, Any]
    prompt: str | None

    def fill(self, options: JudgeOptions) -> JudgeOptions:
        """*options*, with the file's settings where the user has named none.

        Raises:
            ConfigError: A setting is unknown or of the wrong kind; the message names the file.
        """
        try:
            filled = options.with_defaults(self.settings)
        except ConfigError as error:
            raise ConfigError([f"{self.path}: {problem}" for problem in error.problems]) from error
        # Named by the file, they stand above what a provider would choose by itself.
        filled = replace(filled, given=options.given | set(self.settings))
        return filled if self.prompt is None else replace(filled, prompt=self.prompt)


def _folder() -> Path:
    with as_file(files("longismore.judges").joinpath("files")) as folder:
        return folder


def file_names() -> list[str]:
    """The names of the files that come with longismore, sorted."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def find_file(spec: str) -> Path | None:
    """The file that *spec* names: a path with the ending of YAML, or the name of one of ours."""
    if spec.endswith(_ENDINGS):
        return Path(spec)
    return _folder() / f"{spec}.yaml" if spec in file_names() else None


def read_file(path: Path) -> JudgeFile:
    """Read a judge file.

    Raises:
        DataError: It cannot be read; ``SchemaError`` where it is no such file.
    """
    import yaml  # only needed where a judge is named by a file

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the judge file cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise SchemaError(str(path), f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("judge"), str):
        raise SchemaError(str(path), 'a judge file needs the field "judge", e.g. judge: openai/gpt-4.1')
    if str(document["judge"]).endswith(_ENDINGS) or document["judge"] in file_names():
        raise SchemaError(str(path), f'"judge" must name a provider and a model, found "{document["judge"]}"')
    _refuse_keys(path, document)
    return JudgeFile(
        path=path,
        judge=document["judge"],
        settings={str(name): value for name, value in document.items() if name not in _OWN_FIELDS},
        prompt=_prompt(path, document.get("prompt")),
    )


def _refuse_keys(path: Path, document: Mapping[Any, Any]) -> None:
    for name in document:
        if str(name).lower().endswith(("key", "secret", "password")):
            raise SchemaError(
                str(path), f'"{name}": keys are read from the environment only; name the variable with api_key_env'
            )


def _prompt(path: Path, name: object) -> str | None:
    if name is None:
        return None
    file = path.parent / str(name)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the prompt {file} cannot be read: {error}") from error
    if "@CODE@" not in text:
        raise SchemaError(
            str(file),
            "a prompt must say which code marks the quoted texts: put @CODE@ where the code of the call shall stand",
        )
    return text
