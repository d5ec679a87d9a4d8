-- Minutes by meeting, the room that sessions are held in.
-- Grain: one row for each meeting_id; null for sessions of which no details were fetched (sessions is
-- filled by discovery or --with-sessions). Unit: minutes.
-- Reads: participants, peer_events, sessions.
-- A session of which no participant was exported counts nowhere.
-- Participants and their events are a union, not a join: there are many. Sessions are few, and are joined.
SELECT
    meeting_id,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        NULLIF(sessions.meeting_id, '') AS meeting_id,
        per_session.participants AS participants,
        per_session.connections AS connections,
        per_session.duration_minutes AS duration_minutes,
        per_session.minutes_consumed AS minutes_consumed
    FROM (
        SELECT
            session_id,
            SUM(participants) AS participants,
            SUM(connections) AS connections,
            CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
            CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
        FROM (
            SELECT session_id, 1 AS participants, 0 AS connections, duration_minutes, minutes_consumed
            FROM participants
            UNION ALL
            SELECT session_id, 0, 1, CAST(NULL AS DECIMAL(18, 9)), CAST(NULL AS DECIMAL(38, 9))
            FROM peer_events
            WHERE event_name = 'PEER_JOINING'
        ) AS facts
        GROUP BY session_id
    ) AS per_session
    LEFT JOIN sessions ON sessions.session_id = per_session.session_id
) AS placed
GROUP BY meeting_id
ORDER BY meeting_id NULLS LAST
