-- Unpaired events: connections that overlap, never end, or end without a beginning.
-- Grain: one row for each event that is out of place. Units: none.
-- Reads: peer_events, participants.
-- The PEER_JOINING and PEER_LEAVING events of each peer, in the order of created_at, should take turns:
--   overlapping         a PEER_JOINING after another without a PEER_LEAVING between them
--   leave_without_join  a PEER_LEAVING that no PEER_JOINING stands before
--   missing_leave       a last PEER_JOINING without a PEER_LEAVING, though the participant has left
SELECT session_id, participant_id, event_index, peer_id, event_name, created_at, problem
FROM (
    SELECT
        events.session_id,
        events.participant_id,
        events.event_index,
        events.peer_id,
        events.event_name,
        events.created_at,
        CASE
            WHEN events.event_name = 'PEER_JOINING' AND events.before_it = 'PEER_JOINING' THEN 'overlapping'
            WHEN events.event_name = 'PEER_LEAVING' AND events.before_it IS NULL THEN 'leave_without_join'
            WHEN events.event_name = 'PEER_LEAVING' AND events.before_it = 'PEER_LEAVING' THEN 'leave_without_join'
            WHEN
                events.event_name = 'PEER_JOINING'
                AND events.after_it IS NULL
                AND participants.left_at IS NOT NULL
                THEN 'missing_leave'
        END AS problem
    FROM (
        SELECT
            session_id,
            participant_id,
            event_index,
            peer_id,
            event_name,
            created_at,
            LAG(event_name) OVER (
                PARTITION BY session_id, participant_id, peer_id
                ORDER BY created_at NULLS LAST, event_index
            ) AS before_it,
            LEAD(event_name) OVER (
                PARTITION BY session_id, participant_id, peer_id
                ORDER BY created_at NULLS LAST, event_index
            ) AS after_it
        FROM peer_events
        WHERE event_name IN ('PEER_JOINING', 'PEER_LEAVING')
    ) AS events
    LEFT JOIN participants
        ON participants.session_id = events.session_id AND participants.participant_id = events.participant_id
) AS judged
WHERE problem IS NOT NULL
ORDER BY session_id NULLS LAST, participant_id NULLS LAST, event_index NULLS LAST
