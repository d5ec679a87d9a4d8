-- Minutes by view type of the preset, which decides what a minute costs.
-- Grain: one row for each preset_view_type; null where no event of a participant tells one. Unit: minutes.
-- Reads: participants, peer_events.
-- A participant's view type is the last non-null one by event_index. Events are grouped by participant and
-- view type first, so that only few rows a participant have to be put in order.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    preset_view_type,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        MAX(CASE WHEN place = 1 THEN preset_view_type END) AS preset_view_type,
        SUM(participants) AS participants,
        SUM(connections) AS connections,
        CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
        CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
    FROM (
        SELECT
            session_id,
            participant_id,
            preset_view_type,
            participants,
            connections,
            duration_minutes,
            minutes_consumed,
            ROW_NUMBER() OVER (
                PARTITION BY session_id, participant_id
                ORDER BY CASE WHEN preset_view_type IS NULL THEN 1 ELSE 0 END, last_index DESC
            ) AS place
        FROM (
            SELECT
                session_id,
                participant_id,
                NULLIF(preset_view_type, '') AS preset_view_type,
                MAX(event_index) AS last_index,
                0 AS participants,
                SUM(CASE WHEN event_name = 'PEER_JOINING' THEN 1 ELSE 0 END) AS connections,
                CAST(NULL AS DECIMAL(18, 9)) AS duration_minutes,
                CAST(NULL AS DECIMAL(38, 9)) AS minutes_consumed
            FROM peer_events
            GROUP BY session_id, participant_id, NULLIF(preset_view_type, '')
            UNION ALL
            SELECT session_id, participant_id, NULL, -1, 1, 0, duration_minutes, minutes_consumed
            FROM participants
        ) AS facts
    ) AS placed
    GROUP BY session_id, participant_id
) AS per_participant
GROUP BY preset_view_type
ORDER BY preset_view_type NULLS LAST
