#!/usr/bin/env python3
"""Recomputes what Logloom must find in the TrainTicket data, with nothing of Logloom's code.

Reads the unpacked CSV files and the output folder of `logloom run -f tenants/trainticket`, and compares:

- lines: rows of the files = passed + dropped of the ledger, unaccounted 0, the malformed rows in the dead letters;
- events: one assembled event for each distinct trace id of the two streams;
- windows: for each minute, service and operation the count, sum, minimum and maximum of span durations (exact, or to
  the last bit that microseconds have), and the 50th, 90th and 99th percentile within the sketch's 1 %.

Prints a table, writes flat JSON to --figures, and exits with 1 on the first kind of difference.
"""

import argparse
import calendar
import csv
import glob
import json
import math
import os
import sys
from collections import defaultdict
from datetime import datetime

csv.field_size_limit(10**9)


def micros(text):
    """Microseconds of an RFC 3339 time in UTC; digits beyond are cut."""
    whole, _, fraction = text[:-1].partition(".")
    seconds = calendar.timegm(datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").timetuple())
    return seconds * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])


def service_of(pod):
    """ts-order-service-5b67c48447-mv5hb -> ts-order-service"""
    return pod.rsplit("-", 2)[0]


def rows(pattern, columns):
    """(row or None) for each line of the files; None where the number of columns is wrong. Headers are left out."""
    for path in sorted(glob.glob(pattern, recursive=True)):
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.reader(file):
                if row and row[0] in ("Timestamp", "TraceID"):
                    yield "header"
                elif len(row) != columns:
                    yield None
                else:
                    yield row


def read_sources(folder):
    logs = defaultdict(int)
    traces, windows = set(), defaultdict(list)
    for row in rows(f"{folder}/**/*_log.csv", 8):
        logs["lines"] += 1
        if row == "header":
            logs["header"] += 1
            continue
        text = row and row[7]
        try:
            json.loads(text or "")
        except ValueError:
            row = None
        if row is None:
            logs["malformed"] += 1
            continue
        traces.add(row[5])
    spans = defaultdict(int)
    for row in rows(f"{folder}/**/*_trace.csv", 8):
        spans["lines"] += 1
        if row == "header":
            spans["header"] += 1
            continue
        if row is None:
            spans["malformed"] += 1
            continue
        traces.add(row[0])
        minute = int(row[5]) // 60_000_000_000
        # The manifest scales by 0.001: the same product here, not the quotient, which may differ in the last bit.
        windows[(minute, service_of(row[3]), row[4])].append(int(row[7]) * 0.001)
    return logs, spans, traces, windows


def lines_of(folder, name):
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


class Report:
    def __init__(self):
        self.differences = 0
        self.figures = {}

    def check(self, name, found, expected):
        same = found == expected
        self.figures[name] = found
        print(f"{'ok  ' if same else 'DIFF'}  {name:<34} found {found}, expected {expected}")
        self.differences += not same


def compare_windows(report, expected, folder, rule):
    latest = {}
    for row in lines_of(folder, "aggregates.jsonl"):
        if row["rule"] != rule:
            continue
        key = (micros(row["start"]) // 60_000_000, row["scope"]["service"], row["scope"]["operation"])
        if key not in latest or latest[key]["revision"] < row["revision"]:
            latest[key] = row
    report.check("windows", len(latest), len(expected))
    wrong = worst = 0
    for key, values in expected.items():
        row = latest.get(key)
        if row is None:
            wrong += 1
            continue
        values.sort()
        found = row["values"]
        exact = [
            (row["count"], len(values)),
            (found["min"], values[0]),
            (found["max"], values[-1]),
        ]
        if any(a != b for a, b in exact) or not math.isclose(found["sum"], math.fsum(values), rel_tol=1e-9, abs_tol=1e-6):
            wrong += 1
            continue
        for name, q in (("p50", 0.50), ("p90", 0.90), ("p99", 0.99)):
            true = values[math.floor(q * (len(values) - 1))]
            error = abs(found[name] - true) / true if true else abs(found[name])
            worst = max(worst, error)
    report.check("windows_wrong", wrong, 0)
    report.check("quantile_error_within_1_percent", worst <= 0.0101, True)
    report.figures["worst_quantile_error"] = round(worst, 5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder with the unpacked CSV files")
    parser.add_argument("out", help="output folder of the run")
    parser.add_argument("--rule", default="operation_health", help="aggregation rule of the windows")
    parser.add_argument("--figures", help="write flat JSON here")
    arguments = parser.parse_args()

    logs, spans, traces, windows = read_sources(arguments.data)
    report = Report()
    with open(os.path.join(arguments.out, "ledger.json"), encoding="utf-8") as file:
        ledger = json.load(file)
    for name, counts in (("logs", logs), ("spans", spans)):
        source = ledger["sources"][name]
        report.check(f"{name}_lines", source["in"], counts["lines"])
        report.check(f"{name}_passed", source["passed"], counts["lines"] - counts["header"] - counts["malformed"])
        report.check(f"{name}_unaccounted", source["unaccounted"], 0)
    dead = sum(1 for _ in lines_of(arguments.out, "deadletter.jsonl"))
    report.check("dead_letters", dead, logs["malformed"] + spans["malformed"])
    keys = [event["key"] for event in lines_of(arguments.out, "events.jsonl")]
    report.check("events", len(keys), len(traces))
    report.check("distinct_trace_ids", len(set(keys)), len(traces))
    compare_windows(report, windows, arguments.out, arguments.rule)
    if arguments.figures:
        os.makedirs(os.path.dirname(arguments.figures) or ".", exist_ok=True)
        with open(arguments.figures, "w", encoding="utf-8") as file:
            json.dump({key: float(value) for key, value in report.figures.items()}, file, indent=1)
    print(f"{report.differences} differences")
    sys.exit(1 if report.differences else 0)


if __name__ == "__main__":
    main()
