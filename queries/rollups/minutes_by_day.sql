-- Minutes by day.
-- Grain: one row for each day. Unit: minutes.
-- Reads: participants, peer_events.
-- A participant's day is the UTC date of joined_at, else of created_at, else null; it is never split,
-- so a connection counts on the day of its participant. The session's time zone must be UTC.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    day,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        MAX(day) AS day,
        SUM(participants) AS participants,
        SUM(connections) AS connections,
        CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
        CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
    FROM (
        SELECT
            session_id,
            participant_id,
            CAST(COALESCE(joined_at, created_at) AS DATE) AS day,
            1 AS participants,
            0 AS connections,
            duration_minutes,
            minutes_consumed
        FROM participants
        UNION ALL
        SELECT
            session_id,
            participant_id,
            CAST(NULL AS DATE),
            0,
            1,
            CAST(NULL AS DECIMAL(18, 9)),
            CAST(NULL AS DECIMAL(38, 9))
        FROM peer_events
        WHERE event_name = 'PEER_JOINING'
    ) AS facts
    GROUP BY session_id, participant_id
) AS per_participant
GROUP BY day
ORDER BY day NULLS LAST
