#!/usr/bin/env python3
"""Makes app.log and spans.jsonl: twelve minutes of a small web shop, the same bytes each time.

Six minutes in, for three minutes, the payment gateway is slow: `payment` takes about eight times as long, checkouts with it, and
some charges fail with an error that had not been seen before. One line of app.log is not JSON.

    python3 tenants/acme/samples/make.py
"""
import json
import pathlib
import random

START = 1793527200  # 2026-11-01T10:00:00Z
MINUTES, PER_MINUTE = 12, 38
FAULT = range(6, 9)
# What a shopper does, how often, and which service does the work: operation of the shop, weight, service, operation, ms.
WAYS = [
    ("GET /products", 5, "catalog", "find", 18.0),
    ("POST /cart", 3, "cart", "add", 9.0),
    ("POST /checkout", 4, "payment", "charge", 85.0),
]


def iso(micros):
    seconds, micros = divmod(micros, 1_000_000)
    minute, second = divmod(seconds - START, 60)
    return f"2026-11-01T10:{minute:02d}:{second:02d}.{micros // 1000:03d}Z"


def main():
    draw = random.Random(7)
    logs, spans = [], []
    for minute in range(MINUTES):
        for _ in range(PER_MINUTE):
            at = (START + minute * 60) * 1_000_000 + draw.randrange(60_000_000)
            trace = f"{draw.getrandbits(64):016x}"
            root, child = f"{draw.getrandbits(32):08x}", f"{draw.getrandbits(32):08x}"
            entry, _, service, operation, usual = draw.choices(WAYS, [way[1] for way in WAYS])[0]
            slow = service == "payment" and minute in FAULT
            inner = usual * draw.lognormvariate(0, 0.25) * (8 if slow else 1)
            failed = slow and draw.random() < 0.4
            outer = inner + 4 * draw.lognormvariate(0, 0.3)
            status = "error" if failed else "ok"
            order, user = draw.randrange(1000, 9999), draw.randrange(100, 999)
            for span, parent, who, what, begin, length in [
                (root, "", "shop", entry, at, outer),
                (child, root, service, operation, at + 2000, inner),
            ]:
                spans.append((begin, {"start": begin, "trace_id": trace, "span_id": span, "parent_id": parent, "service": who,
                                      "operation": what, "duration_ms": round(length, 3), "status": status}))
            if service == "catalog":
                message = f"found {draw.randrange(1, 60)} products in {draw.choice(['shoes', 'hats', 'bags'])}"
            elif service == "cart":
                message = f"added {draw.randrange(1, 4)} items to cart {order}"
            elif failed:
                message = f"charge of order {order} failed: gateway timeout after {inner:.0f} ms"
            else:
                message = f"charged order {order} of user-{user}@mail.example"
            done = at + int(outer * 1000)
            logs.append((done, {"ts": iso(done), "level": "ERROR" if failed else "INFO", "service": service, "trace_id": trace,
                                "msg": message}))
    lines = [json.dumps(log, separators=(",", ":")) for _, log in sorted(logs, key=lambda log: log[0])]
    lines.insert(len(lines) // 3, "fatal error: all goroutines are asleep - deadlock!")
    folder = pathlib.Path(__file__).parent
    (folder / "app.log").write_text("\n".join(lines) + "\n")
    # A span is exported when it ends.
    spans.sort(key=lambda span: span[0] + span[1]["duration_ms"] * 1000)
    (folder / "spans.jsonl").write_text("".join(json.dumps(span, separators=(",", ":")) + "\n" for _, span in spans))


if __name__ == "__main__":
    main()
