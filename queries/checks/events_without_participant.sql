-- Events without a participant: rows of peer_events whose participant is not in participants.
-- Grain: one row for each such (session_id, participant_id). Unit: minutes.
-- Reads: peer_events, participants.
-- An export has none: a row here means that files were changed, or put together from several exports.
SELECT
    session_id,
    participant_id,
    CAST(SUM(events) AS BIGINT) AS events,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT session_id, participant_id, 0 AS participants, 1 AS events, minutes_consumed
    FROM peer_events
    UNION ALL
    SELECT session_id, participant_id, 1, 0, CAST(NULL AS DECIMAL(18, 9))
    FROM participants
) AS facts
GROUP BY session_id, participant_id
HAVING SUM(participants) = 0
ORDER BY session_id NULLS LAST, participant_id NULLS LAST
