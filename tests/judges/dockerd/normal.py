"""Brings what two daemons say to words they have in common: ids, times and places differ in every run."""

import re

TIMES = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} [A-Z]+"), "<time>"),
]

# In this order, behind the names that are known: the first that matches takes its place.
PATTERNS = [
    (re.compile(r"\b[0-9a-f]{64}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "<short id>"),
    (re.compile(r"\b(Up )?(Less than a second|About a minute|\d+ (second|minute)s?)( ago)?\b"), "<duration>"),
    (re.compile(r"\b\d+(\.\d+)?[kKM]?i?B\b"), "<size>"),
    (re.compile(r"^(Docker|Sprat)/\S+ "), "<server> "),
    (re.compile(r"\b172\.17\.0\.([2-9]|\d\d+)\b"), "<address>"),
    (re.compile(r"\b02:42:ac:11:00:(0[2-9a-f]|[1-9a-f].)\b"), "<hardware address>"),
]

# Seconds and nanoseconds since 1970 of any day on which this runs, until 2049.
SECONDS, NANOSECONDS = range(17 * 10**8, 25 * 10**8), range(17 * 10**17, 25 * 10**17)

# Fields that hold words for people: their upper and lower case is not compared, Docker changed it between versions.
SAID = ("message", "error", "stderr")

# What Go prints for "never" says something and stays.
NEVER = "0001-01-01T00:00:00Z"


def ordered(key, value):
    """Mounts and ports in an order of their own."""
    if key == "Mounts" and isinstance(value, list):
        return sorted(value, key=lambda mount: mount.get("Destination", mount.get("Target", "")))
    if key == "Ports" and isinstance(value, list):
        return sorted(value, key=lambda port: (port["PrivatePort"], port["Type"]))
    return value


class Names:
    """Ids that a daemon gave to what the script made."""

    def __init__(self, folder):
        self.known = {folder: "<folder>"}

    def add(self, text, word):
        if not text:
            raise AssertionError(f"{word} has no name")
        self.known[text] = f"<{word}>"
        plain = text.removeprefix("sha256:")
        if re.fullmatch("[0-9a-f]{64}", plain):
            self.known[plain] = f"<{word}>"
            self.known[plain[:12]] = f"<short {word}>"

    def text(self, text):
        if text == NEVER:
            return text
        # A time may contain what is a name elsewhere.
        for pattern, word in TIMES:
            text = pattern.sub(word, text)
        for known in sorted(self.known, key=len, reverse=True):
            text = text.replace(known, self.known[known])
        for pattern, word in PATTERNS:
            text = pattern.sub(word, text)
        return text

    def value(self, value):
        """A JSON value in common words."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            # Docker gives these in any order.
            value = {key: ordered(key, item) for key, item in value.items()}
            return {self.text(key): self.said(key, self.value(item)) for key, item in value.items()}
        if isinstance(value, int) and (value in SECONDS or value in NANOSECONDS):
            return "<time>"
        return value

    @staticmethod
    def said(key, value):
        if key not in SAID:
            return value
        if isinstance(value, list):
            return [line.lower() for line in value]
        return value.lower() if isinstance(value, str) else value
