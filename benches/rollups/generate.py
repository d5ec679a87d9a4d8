"""Makes an export of so many peer events: generate.py EVENTS DIRECTORY [--spread].

The tables have the types that rtk-export writes, the manifest is one that it reads. Ids are hashes of
counters, so the same number of events gives the same rows each time. About 3.3 events a participant,
10 participants a session, 2 labels a participant. The participants of a session follow on each other, as in an
export; with --spread all sessions come once before one comes again, as from a list in any order.
"""

import hashlib
import json
import os
import sys

import duckdb

EVENTS, EXPORT, SPREAD = int(sys.argv[1]), sys.argv[2], sys.argv[3:] == ["--spread"]
PARTICIPANTS = EVENTS * 3 // 10
SESSIONS = max(PARTICIPANTS // 10, 1)
ROW_GROUP = 122_880

SESSION_OF = f"(participant * 7919) % {SESSIONS}" if SPREAD else f"least(participant // 10, {SESSIONS - 1})"

MACROS = f"""
CREATE MACRO uuid_of(kind, n) AS CAST(CAST(md5(kind || n) AS UUID) AS VARCHAR);
CREATE MACRO session_of(participant) AS {SESSION_OF};
CREATE MACRO moment(second) AS make_timestamptz(CAST((1790000000 + second) * 1000000 AS BIGINT));
"""
FETCHED = "make_timestamptz(1795430400000000) AS fetched_at"

TABLES = {
    "participants": f"""
        SELECT uuid_of('session', session_of(n)) AS session_id, uuid_of('participant', n) AS participant_id,
            uuid_of('user', n % 200000) AS user_id,
            CASE WHEN n % 20 > 0 THEN 'user-' || (n % 150000) END AS custom_participant_id,
            'Participant ' || n AS display_name, 'preset_' || (n % 12) AS preset_name,
            moment(session_of(n) * 60 + n % 3000) AS joined_at,
            CASE WHEN n % 500 > 0 THEN moment(session_of(n) * 60 + n % 3000 + n % 5400) END AS left_at,
            CAST((n % 5400) / CAST(60 AS DECIMAL(18, 9)) AS DECIMAL(18, 9)) AS duration_minutes,
            CAST((n % 5333) / CAST(60 AS DECIMAL(18, 9)) AS DECIMAL(38, 9)) AS minutes_consumed,
            CAST(3 + n % 2 AS BIGINT) AS peer_event_count, moment(session_of(n) * 60) AS created_at,
            moment(session_of(n) * 60 + 9000) AS updated_at, CAST(NULL AS VARCHAR) AS extra,
            'pairs.csv' AS list_file, CAST(n + 2 AS BIGINT) AS row_number, {FETCHED}
        FROM range({PARTICIPANTS}) AS t(n)""",
    "peer_events": f"""
        SELECT uuid_of('session', session_of(p)) AS session_id, uuid_of('participant', p) AS participant_id,
            CAST(n % 4 AS BIGINT) AS event_index, uuid_of('event', n) AS event_id,
            CASE n % 4 WHEN 0 THEN 'PEER_CREATED' WHEN 1 THEN 'PEER_JOINING' WHEN 2 THEN 'PEER_LEAVING'
                ELSE 'PEER_JOINING' END AS event_name,
            CASE WHEN n % 4 = 2 THEN CAST((p % 5333) / CAST(60 AS DECIMAL(18, 9)) AS DECIMAL(18, 9)) END
                AS minutes_consumed,
            uuid_of('peer', p) AS peer_id,
            CASE WHEN n % 4 > 0 THEN ['GROUP_CALL', 'WEBINAR', 'AUDIO_ROOM', 'LIVESTREAM'][1 + p % 4] END
                AS preset_view_type,
            uuid_of('socket', p) AS socket_session_id, uuid_of('session', session_of(p)) AS reported_session_id,
            uuid_of('participant', p) AS reported_participant_id,
            moment(session_of(p) * 60 + p % 3000 + n % 4) AS created_at,
            moment(session_of(p) * 60 + p % 3000 + n % 4) AS updated_at, CAST(NULL AS VARCHAR) AS extra, {FETCHED}
        FROM (SELECT n, CAST(floor(n * 3 / 10) AS BIGINT) AS p FROM range({EVENTS}) AS t(n))""",
    "sessions": f"""
        SELECT uuid_of('session', n) AS session_id, uuid_of('meeting', n % 5000) AS meeting_id,
            'Meeting ' || (n % 5000) AS meeting_display_name, 'meeting' AS type, 'ENDED' AS status,
            moment(n * 60) AS started_at, moment(n * 60 + 9000) AS ended_at, moment(n * 60) AS created_at,
            moment(n * 60 + 9000) AS updated_at, CAST(n % 900 AS DECIMAL(18, 9)) AS minutes_consumed,
            CAST(8 AS BIGINT) AS max_concurrent_participants, CAST(0 AS BIGINT) AS live_participants,
            'app' AS organization_id, CAST(NULL AS VARCHAR) AS extra, {FETCHED}
        FROM range({SESSIONS}) AS t(n)""",
    "id_list": f"""
        SELECT 'pairs.csv' AS list_file, CAST(n + 2 AS BIGINT) AS row_number,
            uuid_of('session', session_of(n)) AS session_id, uuid_of('participant', n) AS participant_id,
            'exported' AS status, 'participant_id' AS matched_by
        FROM range({PARTICIPANTS}) AS t(n)""",
    "labels": f"""
        SELECT 'pairs.csv' AS list_file, CAST(floor(n / 2) + 2 AS BIGINT) AS row_number,
            CASE n % 2 WHEN 0 THEN 'customer' ELSE 'cost_centre' END AS name,
            CASE n % 2 WHEN 0 THEN 'Customer ' || (n % 10007) ELSE 'CC-' || (n % 401) END AS value
        FROM range({PARTICIPANTS * 2}) AS t(n)""",
    "failures": f"""
        SELECT '' AS session_id, '' AS participant_id, '' AS list_file, CAST(0 AS BIGINT) AS row_number, '' AS reason,
            CAST(0 AS BIGINT) AS http_status, CAST(0 AS BIGINT) AS api_code, '' AS message,
            CAST(0 AS BIGINT) AS attempts, '' AS cf_ray, {FETCHED.replace("fetched_at", "failed_at")}, '' AS labels
        WHERE false""",
}


def described(name, path, rows):
    full = os.path.join(EXPORT, path)
    digest = hashlib.sha256()
    with open(full, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    file = {"path": path, "rows": rows, "bytes": os.path.getsize(full), "sha256": digest.hexdigest()}
    return {"name": name, "rows": rows, "files": [file]}


def main():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
    for macro in MACROS.strip().splitlines():
        connection.execute(macro)
    tables = []
    for name, sql in TABLES.items():
        os.makedirs(os.path.join(EXPORT, name), exist_ok=True)
        path = f"{name}/part-00000.parquet"
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
        rows = connection.execute(f"COPY ({sql}) TO '{EXPORT}/{path}' ({options})").fetchone()[0]
        tables.append(described(name, path, rows))
        print(f"{name}: {rows} rows", file=sys.stderr)
    manifest = {
        "schema_version": 1, "tool": {"name": "rtk-export", "version": "0.1.0"}, "export_id": "generated",
        "started_at": "2026-11-23T00:00:00.000000Z", "finished_at": "2026-11-23T00:00:00.000000Z",
        "source": {"lists": [], "since": None, "until": None},
        "api": {"base_url": "sandbox", "account_id": "sandbox", "app_id": "sandbox", "filters": []},
        "requests": {"sent": 0, "ok": 0, "retried": 0, "rate_limited": 0, "saved_by_listing": 0},
        "tables": tables,
        "totals": {
            "participants": PARTICIPANTS, "peer_events": EVENTS, "duration_minutes": None, "minutes_consumed": None,
        },
        "failures": {"total": 0, "by_reason": {}}, "warnings": [],
    }
    with open(os.path.join(EXPORT, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)


main()
