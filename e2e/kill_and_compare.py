#!/usr/bin/env python3
"""Kills a run with SIGKILL at random instants, starts it again each time, and compares its output byte for byte with
that of an undisturbed run of the same command.

    kill_and_compare.py --kills 50 --seed 1 -- logloom run -f tenants/x --input app=app.log --out {out}

`{out}` in the command is replaced by the output folder. Exits with 1 when any file differs.
"""

import argparse
import filecmp
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def command_for(words, out):
    return [word.replace("{out}", out) for word in words]


def start(words, out):
    return subprocess.Popen(command_for(words, out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process, what):
    _, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{what} ended with {process.returncode}:\n{errors.decode(errors='replace')}")


def outputs(folder):
    names = sorted(name for name in os.listdir(folder) if name.endswith((".jsonl", ".json")))
    return {name: os.path.join(folder, name) for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figures", help="write flat JSON here")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    draw = random.Random(arguments.seed)
    work = tempfile.mkdtemp(prefix="logloom-kill-")
    try:
        calm, torn = os.path.join(work, "calm"), os.path.join(work, "torn")
        begun = time.monotonic()
        finish(start(words, calm), "the undisturbed run")
        whole = time.monotonic() - begun
        kills = attempts = 0
        while kills < arguments.kills:
            attempts += 1
            if attempts > 20 * arguments.kills:
                sys.exit(f"only {kills} of {arguments.kills} kills hit a running process: the run is too short")
            process = start(words, torn)
            # Long enough to make progress now and then, short enough to hit every phase, start-up included.
            time.sleep(draw.uniform(0, whole * draw.choice([0.02, 0.1, 0.3])))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
                continue
            finish(process, "a restarted run")
            # It ran to its end: begin anew, so that the next kill hits something.
            compare(calm, torn)
            shutil.rmtree(torn)
        finish(start(words, torn), "the last run")
        names = compare(calm, torn)
        print(f"{kills} kills in {attempts} starts, {len(names)} files byte-identical: {', '.join(names)}")
        if arguments.figures:
            os.makedirs(os.path.dirname(arguments.figures) or ".", exist_ok=True)
            with open(arguments.figures, "w", encoding="utf-8") as file:
                json.dump({"kills": kills, "files": len(names), "different": 0, "undisturbed_s": round(whole, 3)}, file)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def compare(calm, torn):
    left, right = outputs(calm), outputs(torn)
    if set(left) != set(right):
        sys.exit(f"files differ: {sorted(left)} and {sorted(right)}")
    for name, path in left.items():
        if not filecmp.cmp(path, right[name], shallow=False):
            digest = [hashlib.sha256(open(file, "rb").read()).hexdigest()[:16] for file in (path, right[name])]
            sizes = [os.path.getsize(file) for file in (path, right[name])]
            keep = tempfile.mkdtemp(prefix="logloom-differs-")
            shutil.copy(path, os.path.join(keep, f"calm-{name}"))
            shutil.copy(right[name], os.path.join(keep, f"torn-{name}"))
            sys.exit(f"{name} differs: {sizes[0]} and {sizes[1]} bytes, {digest[0]} and {digest[1]}; kept in {keep}")
    return sorted(left)


if __name__ == "__main__":
    main()
