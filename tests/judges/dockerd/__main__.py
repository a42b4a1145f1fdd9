"""Asks a real dockerd and Sprat the same, and compares the answers field by field.

Usage: python dockerd DOCKER_SOCKET DOCKER_PROBE SPRAT_SOCKET SPRAT_PROBE FOLDER

PROBE is the compiled guest of `tests/guests/probe.rs`, for Linux and for WASI. It ends with "ok" and how much was compared, or
with the differences that `allowed.py` does not know; the recordings are left in FOLDER.
"""

import json
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import steps
from allowed import RULES
from compare import compare, judge
from side import API, CannotRun, Side


def record(name, socket, probe, folder):
    """All steps, asked of one daemon."""
    home = Path(folder) / name
    home.mkdir(parents=True, exist_ok=True)
    side = Side(name, socket, str(home))
    side.probe = probe
    side.name_it(side.ask("GET", "/info").body["DockerRootDir"], "root")
    for run in steps.ALL:
        try:
            run(side)
        except CannotRun:
            raise
        except Exception:
            side.keep(f"{run.__module__} broke off", traceback.format_exc().splitlines()[-1])
            traceback.print_exc()
    common = {step: side.names.value(value) for step, value in side.records.items()}
    (home / "record.json").write_text(json.dumps(common, indent=1, sort_keys=True))
    return common


def main(docker_socket, docker_probe, sprat_socket, sprat_probe, folder):
    asked = Side("docker", docker_socket, folder).ask("GET", "!/version").body["ApiVersion"]
    if f"/v{asked}" != API:
        print(f"skipped: this dockerd speaks {asked} of the API; its answers are known for {API[2:]}")
        return 0
    try:
        docker = record("docker", docker_socket, docker_probe, folder)
    except CannotRun as why:
        print(f"skipped: this dockerd can't run containers here: {why}")
        return 0
    sprat = record("sprat", sprat_socket, sprat_probe, folder)
    differences = compare(docker, sprat)
    new, idle = judge(differences, RULES)
    for difference in new:
        print(difference)
    for rule in idle:
        print(f"a rule covers nothing any more: {rule.steps} {rule.paths} {rule.kind}: {rule.reason}")
    if new or idle:
        print(f"{len(new)} new differences, {len(idle)} idle rules")
        return 1
    print(f"ok: {len(docker)} answers, {len(differences)} known differences")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
