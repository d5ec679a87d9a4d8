-- Session minutes: sessions whose own minutes are not the sum of their participants'.
-- Grain: one row for each such session_id. Unit: minutes.
-- Reads: sessions, participants.
-- Only sessions of which details were fetched (sessions is filled by discovery or --with-sessions); of a
-- session of which only some participants were asked for, the sum is of those. difference is the sum of
-- minutes_consumed less the session's own minutes, null where one of them is not known.
SELECT
    session_id,
    CAST(participants AS BIGINT) AS participants,
    duration_minutes,
    minutes_consumed,
    session_minutes,
    CAST(
        CAST(minutes_consumed AS DECIMAL(37, 9)) - CAST(session_minutes AS DECIMAL(37, 9)) AS DECIMAL(38, 9)
    ) AS difference
FROM (
    SELECT
        session_id,
        SUM(is_session) AS is_session,
        SUM(participants) AS participants,
        CAST(SUM(duration_minutes) AS DECIMAL(38, 9)) AS duration_minutes,
        CAST(SUM(minutes_consumed) AS DECIMAL(38, 9)) AS minutes_consumed,
        CAST(SUM(session_minutes) AS DECIMAL(38, 9)) AS session_minutes
    FROM (
        SELECT
            session_id,
            1 AS is_session,
            0 AS participants,
            CAST(NULL AS DECIMAL(18, 9)) AS duration_minutes,
            CAST(NULL AS DECIMAL(38, 9)) AS minutes_consumed,
            minutes_consumed AS session_minutes
        FROM sessions
        UNION ALL
        SELECT session_id, 0, 1, duration_minutes, minutes_consumed, CAST(NULL AS DECIMAL(18, 9))
        FROM participants
    ) AS facts
    GROUP BY session_id
) AS per_session
WHERE
    is_session > 0
    AND (
        minutes_consumed <> session_minutes
        OR (minutes_consumed IS NULL AND session_minutes IS NOT NULL)
        OR (minutes_consumed IS NOT NULL AND session_minutes IS NULL)
    )
ORDER BY session_id NULLS LAST
