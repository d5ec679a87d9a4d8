-- Duration against event minutes: participants of whom the two differ.
-- Grain: one row for each such (session_id, participant_id). Unit: minutes.
-- Reads: participants.
-- duration_minutes is the time from joining to leaving as the API says, minutes_consumed the sum of what its
-- events say. The vendor does not say that they are equal; difference is the second less the first, null
-- where only one of them is known.
SELECT
    session_id,
    participant_id,
    duration_minutes,
    minutes_consumed,
    CAST(
        CAST(minutes_consumed AS DECIMAL(37, 9)) - CAST(duration_minutes AS DECIMAL(37, 9)) AS DECIMAL(38, 9)
    ) AS difference
FROM participants
WHERE
    duration_minutes <> minutes_consumed
    OR (duration_minutes IS NULL AND minutes_consumed IS NOT NULL)
    OR (duration_minutes IS NOT NULL AND minutes_consumed IS NULL)
ORDER BY session_id NULLS LAST, participant_id NULLS LAST
