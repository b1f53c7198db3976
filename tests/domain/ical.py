"""A small reader of iCalendar, line by line as RFC 5545 says; it knows nothing of who writes."""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"(?P<name>[A-Z-]+)(?P<params>(?:;[A-Z-]+=[^;:]+)*):(?P<value>.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "N": "\n"}


@dataclass
class Component:
    """A component: its properties, each once, and the components in it."""

    kind: str
    values: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    parts: list["Component"] = field(default_factory=list)

    def all(self, kind: str) -> list["Component"]:
        """Return those of its components that are of one kind."""
        return [part for part in self.parts if part.kind == kind]

    def text(self, name: str) -> str | None:
        """Return a property whose value is a text, as it was meant."""
        value = self.values.get(name)
        return value and _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), value)


def read(text: str) -> Component:
    """Read a calendar, and refuse what no line of one may be."""
    octets = text.encode()
    assert octets.endswith(b"\r\n")
    lines = octets[:-2].split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert max(map(len, lines)) <= 75
    # Each of them is UTF-8 by itself: no character is cut in two.
    whole = "\n".join(line.decode() for line in lines).replace("\n ", "")
    stack = [Component("")]
    for line in whole.split("\n"):
        found = _LINE.fullmatch(line)
        assert found, line
        name, value = found["name"], found["value"]
        if name == "BEGIN":
            stack.append(Component(value))
        elif name == "END":
            done = stack.pop()
            assert done.kind == value
            stack[-1].parts.append(done)
        else:
            assert name not in stack[-1].values, line
            stack[-1].values[name] = value
            stack[-1].params[name] = found["params"].removeprefix(";")
    [calendar] = stack[0].parts
    return calendar
