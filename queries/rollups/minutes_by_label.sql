-- Minutes by label: by each value of each column of the lists that is not an id.
-- Grain: one row for each (name, value); value null where the cell is blank, both null for participants
-- whose list row has no labels or who are of no list. Unit: minutes.
-- Reads: participants, peer_events, labels.
-- A participant belongs to the first list row that asked for it. The values of one name add up; two names
-- count the same minutes twice.
SELECT
    name,
    value,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        NULLIF(labels.name, '') AS name,
        NULLIF(labels.value, '') AS value,
        participants,
        connections,
        duration_minutes,
        minutes_consumed
    FROM (
        SELECT
            list_file,
            row_number,
            SUM(participants) AS participants,
            SUM(connections) AS connections,
            CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
            CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
        FROM (
            SELECT
                MAX(list_file) AS list_file,
                MAX(row_number) AS row_number,
                SUM(participants) AS participants,
                SUM(connections) AS connections,
                CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
                CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
            FROM (
                SELECT
                    session_id,
                    participant_id,
                    list_file,
                    row_number,
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
        GROUP BY list_file, row_number
    ) AS per_row
    LEFT JOIN labels ON labels.list_file = per_row.list_file AND labels.row_number = per_row.row_number
) AS labelled
GROUP BY name, value
ORDER BY name NULLS LAST, value NULLS LAST
