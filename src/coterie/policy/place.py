"""From the path of a policy file to the policy: YAML rules, or Cedar."""

from __future__ import annotations

from pathlib import Path

from coterie.errors import BadInput
from coterie.ports import Policy


def policy_at(path: str | Path) -> Policy:
    """The policy of a file: rules in YAML, or Cedar policies (`.cedar`).

    Raises:
        BadInput: if the file cannot be read, or is no policy; the message names each line that is wrong.
        MissingExtra: for Cedar without its extra.
    """
    file = Path(path)
    try:
        body = file.read_bytes()
    except OSError as error:
        raise BadInput(f"no policy can be read at {str(file)!r}: {error.strerror}") from error
    if file.suffix == ".cedar":
        from coterie.policy.cedar import cedar

        return cedar(body.decode("utf-8", "replace"), str(file))
    from coterie.policy.file import read

    return read(body, str(file))
