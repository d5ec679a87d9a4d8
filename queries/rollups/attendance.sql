-- Attendance: who was in which session, from when to when.
-- Grain: one row for each (session_id, person_id, identified_by). Units: minutes, UTC times.
-- Reads: participants, peer_events.
-- A person is known as in minutes_by_person; people whom nobody knows are one row of a session. Each join
-- from another device, or after a leave, can be a participant of its own: first_joined_at is the earliest of
-- their joined_at, last_left_at the latest of their left_at, null unless all of them are known to have left.
-- A union instead of a join: grouping spills to disk, a join's build side may not.
SELECT
    session_id,
    person_id,
    CASE kind WHEN 2 THEN 'custom_participant_id' WHEN 1 THEN 'user_id' END AS identified_by,
    MIN(joined_at) AS first_joined_at,
    CASE WHEN SUM(participants) = COUNT(left_at) THEN MAX(left_at) END AS last_left_at,
    CAST(SUM(participants) AS BIGINT) AS participants,
    CAST(SUM(connections) AS BIGINT) AS connections,
    CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
    CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed
FROM (
    SELECT
        session_id,
        MAX(person_id) AS person_id,
        MAX(kind) AS kind,
        MAX(joined_at) AS joined_at,
        MAX(left_at) AS left_at,
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
            joined_at,
            left_at,
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
GROUP BY session_id, person_id, kind
ORDER BY session_id NULLS LAST, person_id NULLS LAST, identified_by NULLS LAST
