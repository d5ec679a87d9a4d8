-- Minutes by person.
-- Grain: one row for each (person_id, identified_by). Unit: minutes.
-- Reads: participants, peer_events.
-- A person is known by custom_participant_id, the caller's own id, which is the same in all meetings; where
-- there is none, by user_id, which is made anew for each enrolment; where there is neither, nobody knows
-- who it was: null. identified_by names the column, for an id of the one can be another's of the other.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    person_id,
    CASE kind WHEN 2 THEN 'custom_participant_id' WHEN 1 THEN 'user_id' END AS identified_by,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        MAX(person_id) AS person_id,
        MAX(kind) AS kind,
        SUM(participants) AS participants,
        SUM(connections) AS connections,
        CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
        CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
    FROM (
        SELECT
            session_id,
            participant_id,
            COALESCE(NULLIF(custom_participant_id, ''), NULLIF(user_id, '')) AS person_id,
            CASE
                WHEN NULLIF(custom_participant_id, '') IS NOT NULL THEN 2
                WHEN NULLIF(user_id, '') IS NOT NULL THEN 1
            END AS kind,
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
GROUP BY person_id, kind
ORDER BY person_id NULLS LAST, identified_by NULLS LAST
