-- Minutes by participant.
-- Grain: one row for each (session_id, participant_id). Unit: minutes.
-- Reads: participants, peer_events.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    session_id,
    participant_id,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT session_id, participant_id, 1 AS participants, 0 AS connections, duration_minutes, minutes_consumed
    FROM participants
    UNION ALL
    SELECT session_id, participant_id, 0, 1, CAST(NULL AS DECIMAL(18, 9)), CAST(NULL AS DECIMAL(38, 9))
    FROM peer_events
    WHERE event_name = 'PEER_JOINING'
) AS facts
GROUP BY session_id, participant_id
ORDER BY session_id NULLS LAST, participant_id NULLS LAST
