-- Peak concurrency: the most participants who were in a session at one time.
-- Grain: one row for each session_id. Units: participants at one time, minutes.
-- Reads: participants, peer_events.
-- A participant is there from joined_at until just before left_at, or to the end where left_at is null; one
-- without joined_at, or who left before joining, is never there. So who leaves in the microsecond in which
-- another joins was not there together with them: leaving, -1, is counted first, so that within a microsecond
-- the count may be too low for a moment, never too high.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    session_id,
    CAST(COALESCE(MAX(present), 0) AS BIGINT) AS peak_participants,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        session_id,
        SUM(change) OVER (
            PARTITION BY session_id
            ORDER BY changed_at, change
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS present,
        0 AS participants,
        0 AS connections,
        CAST(NULL AS DECIMAL(18, 9)) AS duration_minutes,
        CAST(NULL AS DECIMAL(38, 9)) AS minutes_consumed
    FROM (
        SELECT session_id, joined_at AS changed_at, 1 AS change
        FROM participants
        WHERE joined_at IS NOT NULL AND (left_at IS NULL OR left_at >= joined_at)
        UNION ALL
        SELECT session_id, left_at, -1
        FROM participants
        WHERE left_at >= joined_at
    ) AS changes
    UNION ALL
    SELECT session_id, NULL, 1, 0, duration_minutes, minutes_consumed
    FROM participants
    UNION ALL
    SELECT session_id, NULL, 0, 1, CAST(NULL AS DECIMAL(18, 9)), CAST(NULL AS DECIMAL(38, 9))
    FROM peer_events
    WHERE event_name = 'PEER_JOINING'
) AS facts
GROUP BY session_id
ORDER BY session_id NULLS LAST
