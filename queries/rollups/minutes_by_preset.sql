-- Minutes by preset.
-- Grain: one row for each preset_name; null where a participant has none. Unit: minutes.
-- Reads: participants, peer_events.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    preset_name,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        MAX(preset_name) AS preset_name,
        SUM(participants) AS participants,
        SUM(connections) AS connections,
        CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
        CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
    FROM (
        SELECT
            session_id,
            participant_id,
            NULLIF(preset_name, '') AS preset_name,
            1 AS participants,
            0 AS connections,
            duration_minutes,
            minutes_consumed
        FROM participants
        UNION ALL
        SELECT
            session_id,
            participant_id,
            NULL,
            0,
            1,
            CAST(NULL AS DECIMAL(18, 9)),
            CAST(NULL AS DECIMAL(38, 9))
        FROM peer_events
        WHERE event_name = 'PEER_JOINING'
    ) AS facts
    GROUP BY session_id, participant_id
) AS per_participant
GROUP BY preset_name
ORDER BY preset_name NULLS LAST
