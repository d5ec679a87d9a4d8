"""What an export of a list must hold, worked out from the API's replies without any of the exporter's code.

Asks the sandbox for the details of every pair, or page by page for a session-only row. Minutes are taken
from the digits of the JSON text. Prints tables as JSON: rows of column and text, times in microseconds.
For a world without messy values; columns that a run may change are left out.
"""

import csv
import datetime
import decimal
import json
import sys
import urllib.request

BASE, TOKEN, LIST = sys.argv[1:]
PLACE = f"{BASE}/accounts/account/realtime/kit/app"
NINE_PLACES = decimal.Decimal("1e-9")
decimal.getcontext().prec = 60


def ask(path):
    request = urllib.request.Request(f"{PLACE}/{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read(), parse_float=decimal.Decimal, parse_int=decimal.Decimal)


def minutes(value):
    if value is None:
        return None
    return format(value.quantize(NINE_PLACES, rounding=decimal.ROUND_HALF_EVEN), "f")


def micros(text):
    if text is None:
        return None
    since = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.datetime(
        1970, 1, 1, tzinfo=datetime.timezone.utc
    )
    return str(since // datetime.timedelta(microseconds=1))


def participant_row(session, record, list_file, row_number):
    consumed = [event["minutes_consumed"] for event in record["peer_events"]]
    # Each value is rounded, then summed: the sum of a column is the sum of what the column shows.
    total = sum(decimal.Decimal(minutes(value)) for value in consumed) if consumed else None
    return {
        "session_id": session,
        "participant_id": record["id"],
        "user_id": record["user_id"],
        "custom_participant_id": record["custom_participant_id"],
        "display_name": record["display_name"],
        "preset_name": record["preset_name"],
        "joined_at": micros(record["joined_at"]),
        "left_at": micros(record.get("left_at")),
        "duration_minutes": minutes(record["duration"]),
        "minutes_consumed": minutes(total),
        "peer_event_count": str(len(consumed)),
        "created_at": micros(record["created_at"]),
        "updated_at": micros(record["updated_at"]),
        "extra": None,
        "list_file": list_file,
        "row_number": str(row_number),
    }


def event_rows(session, record):
    for index, event in enumerate(record["peer_events"]):
        yield {
            "session_id": session,
            "participant_id": record["id"],
            "event_index": str(index),
            "event_id": event["id"],
            "event_name": event["event_name"],
            "minutes_consumed": minutes(event["minutes_consumed"]),
            "peer_id": event["peer_id"],
            "preset_view_type": event["preset_view_type"],
            "socket_session_id": event["socket_session_id"],
            "reported_session_id": event["session_id"],
            "reported_participant_id": event["participant_id"],
            "created_at": micros(event["created_at"]),
            "updated_at": micros(event["updated_at"]),
            "extra": None,
        }


def session_row(session):
    record = ask(f"sessions/{session}")["data"]
    return {
        "session_id": session,
        "meeting_id": record["associated_id"],
        "meeting_display_name": record["meeting_display_name"],
        "type": record["type"],
        "status": record["status"],
        "started_at": micros(record["started_at"]),
        "ended_at": micros(record.get("ended_at")),
        "created_at": micros(record["created_at"]),
        "updated_at": micros(record["updated_at"]),
        "minutes_consumed": minutes(record["minutes_consumed"]),
        "max_concurrent_participants": str(record["max_concurrent_participants"]),
        "live_participants": str(record["live_participants"]),
        "organization_id": record["organization_id"],
        "extra": None,
    }


def everyone(session):
    page = 1
    while True:
        records = ask(f"sessions/{session}/participants?include_peer_events=true&per_page=100&page_no={page}")
        records = records["data"]["participants"]
        yield from records
        if len(records) < 100:
            return
        page += 1


def rollup(records, key):
    """One group of participants: distinct participants, PEER_JOINING events, sums."""
    groups = {}
    for session, record in records:
        group = groups.setdefault(key(session, record), [0, 0, decimal.Decimal(0), decimal.Decimal(0)])
        group[0] += 1
        group[1] += sum(event["event_name"] == "PEER_JOINING" for event in record["peer_events"])
        group[2] += decimal.Decimal(minutes(record["duration"]))
        group[3] += sum(decimal.Decimal(minutes(event["minutes_consumed"])) for event in record["peer_events"])
    names = ["participants", "connections", "duration_minutes", "minutes_consumed"]
    return [
        dict(zip(["key"] + names, [*[name], str(g[0]), str(g[1]), minutes(g[2]), minutes(g[3])]))
        for name, g in sorted(groups.items())
    ]


def main():
    tables = {name: [] for name in ["participants", "peer_events", "sessions", "id_list", "labels"]}
    records = []
    with open(LIST, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sessions = []
    for number, row in enumerate(rows, 2):
        session, participant = row["session_id"], row.get("participant_id")
        if session not in sessions:
            sessions.append(session)
        if participant:
            query = f"sessions/{session}/participants/{participant}?include_peer_events=true"
            found = [ask(query)["data"]["participant"]]
        else:
            found = list(everyone(session))
        for record in found:
            records.append((session, record))
            tables["participants"].append(participant_row(session, record, LIST, number))
            tables["peer_events"].extend(event_rows(session, record))
        tables["id_list"].append({
            "list_file": LIST,
            "row_number": str(number),
            "session_id": session,
            "participant_id": participant,
            "status": "exported" if participant else "expanded",
            "matched_by": "participant_id" if participant else None,
        })
        for name, value in row.items():
            if name not in ("session_id", "participant_id"):
                tables["labels"].append(
                    {"list_file": LIST, "row_number": str(number), "name": name, "value": value}
                )
    tables["sessions"] = [session_row(session) for session in sessions]
    tables["failures"] = []
    tables["by_session"] = rollup(records, lambda session, _: session)
    tables["by_day"] = rollup(records, lambda _, record: record["joined_at"][:10])
    json.dump(tables, sys.stdout)


main()
