"""Configurations: documented options that become JSON and come back checked.

Types and limits stand beside each option, and ``msgspec`` checks them: a value of another type, one beyond its limits
or an option nobody knows is refused with a message that says where it stands.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec

__all__ = ["Config", "Count", "Size"]

Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 17)]
"""How large something is: channels, codewords, tokens."""
Count = Annotated[int, msgspec.Meta(ge=0, le=256)]
"""How often something is built, or how far it reaches. Every repetition is an object, so limits are narrow."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configurations. Subclasses are declared like dataclasses; every option has a default or is needed."""

    def to_json(self) -> str:
        """Serialise to compact JSON with sorted keys."""
        return msgspec.json.encode(self, order="sorted").decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Restore a configuration from :meth:`to_json`; options that are missing get their defaults.

        Raises
        ------
        ValueError
            If the text is not JSON, names unknown options or holds values beyond their limits.
        """
        return msgspec.json.decode(text, type=cls)

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> Self:
        """Build a configuration from nested options, as TOML and JSON files hold them: lists stand for tuples.

        Raises
        ------
        ValueError
            See :meth:`from_json`.
        """
        return msgspec.convert(options, cls)

    def replaced(self, **changes: Any) -> Self:
        """The same configuration with some options changed."""
        return msgspec.structs.replace(self, **changes)

    def checked(self) -> Self:
        """Return the configuration if its values are within their limits, which constructors do not look at.

        Raises
        ------
        ValueError
            If one is not.
        """
        return self.from_json(self.to_json())
