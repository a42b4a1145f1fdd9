"""Compares two recordings field by field."""

import json
import re
from fnmatch import translate


class Difference:
    """One place where the daemons differ."""

    def __init__(self, step, path, kind, docker, sprat):
        self.step, self.path, self.kind, self.docker, self.sprat = step, path, kind, docker, sprat

    def __str__(self):
        return f"{self.step}: {self.path}: {self.kind}\n    docker {show(self.docker)}\n    sprat  {show(self.sprat)}"


class Rule:
    """A difference that is meant: where (patterns of step and path), of what kind, and why.

    Kinds: `value` (same type, another value), `type`, `missing` (only Docker has it), `extra` (only Sprat has it), `length`
    (of a list), `any`.
    """

    def __init__(self, steps, paths, kind, reason):
        self.steps, self.paths, self.kind, self.reason = steps, paths, kind, reason
        compiled = [[re.compile(translate(one)) for one in text.split("|")] for text in (steps, paths)]
        self.step_patterns, self.path_patterns = compiled
        self.used = 0

    def covers(self, difference):
        return (
            self.kind in ("any", difference.kind)
            and any(pattern.match(difference.step) for pattern in self.step_patterns)
            and any(pattern.match(difference.path) for pattern in self.path_patterns)
        )


def show(value):
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) < 1500 else text[:1500] + " …"


def compare(docker, sprat):
    """The differences between two recordings (step name to value)."""
    found = []
    for step in docker:
        if step in sprat:
            found.extend(walk(step, "", docker[step], sprat[step]))
        else:
            found.append(Difference(step, "", "missing", docker[step], None))
    found.extend(Difference(step, "", "extra", None, sprat[step]) for step in sprat if step not in docker)
    return found


def kind_of(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def walk(step, path, docker, sprat):
    if kind_of(docker) != kind_of(sprat):
        yield Difference(step, path, "type", docker, sprat)
    elif isinstance(docker, dict):
        for key in docker:
            inner = f"{path}.{key}" if path else key
            if key in sprat:
                yield from walk(step, inner, docker[key], sprat[key])
            else:
                yield Difference(step, inner, "missing", docker[key], None)
        for key in sprat:
            if key not in docker:
                yield Difference(step, f"{path}.{key}" if path else key, "extra", None, sprat[key])
    elif isinstance(docker, list):
        if len(docker) != len(sprat):
            yield Difference(step, path, "length", docker, sprat)
        else:
            for index, pair in enumerate(zip(docker, sprat)):
                yield from walk(step, f"{path}.{index}", *pair)
    elif docker != sprat:
        yield Difference(step, path, "value", docker, sprat)


def judge(differences, rules):
    """Differences that no rule covers, and rules that cover none."""
    new = []
    for difference in differences:
        covering = [rule for rule in rules if rule.covers(difference)]
        for rule in covering:
            rule.used += 1
        if not covering:
            new.append(difference)
    return new, [rule for rule in rules if not rule.used]
