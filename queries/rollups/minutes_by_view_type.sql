-- Minutes by view type of the preset, which decides what a minute costs.
-- Grain: one row for each preset_view_type; null where no event of a participant tells one. Unit: minutes.
-- Reads: participants, peer_events.
-- A participant's view type is the last non-null one by event_index: the greatest text of the index in 19
-- digits, then the type. So grouping finds it, and no sorting of all events has to. 10^18 plus an index, which
-- is never null, has 19 digits up to an index of 8 * 10^18.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    preset_view_type,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        SUBSTRING(MAX(placed_view_type), 20) AS preset_view_type,
        SUM(participants) AS participants,
        SUM(connections) AS connections,
        CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
        CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
    FROM (
        SELECT
            session_id,
            participant_id,
            CASE
                WHEN NULLIF(preset_view_type, '') IS NOT NULL
                THEN CONCAT(1000000000000000000 + event_index, preset_view_type)
            END AS placed_view_type,
            0 AS participants,
            CASE WHEN event_name = 'PEER_JOINING' THEN 1 ELSE 0 END AS connections,
            CAST(NULL AS DECIMAL(18, 9)) AS duration_minutes,
            CAST(NULL AS DECIMAL(38, 9)) AS minutes_consumed
        FROM peer_events
        UNION ALL
        SELECT session_id, participant_id, NULL, 1, 0, duration_minutes, minutes_consumed
        FROM participants
    ) AS facts
    GROUP BY session_id, participant_id
) AS per_participant
-- Participants of events that joined nothing and are of nobody are no row.
WHERE participants > 0 OR connections > 0
GROUP BY preset_view_type
ORDER BY preset_view_type NULLS LAST
