-- Whether an action happened in a conversation that does not let everybody in, and whether a line of the log that is about
-- no proposal is about such an action. What was written down earlier is private where it names a channel that is private
-- or that nobody has heard of: an action its own, an event that is told to rules its data's.
ALTER TABLE action ADD COLUMN is_private BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE action SET is_private = TRUE
WHERE installation_id IS NOT NULL AND origin = 'platform'
AND COALESCE(fields->>'channel', fields->'data'->>'channel', fields->'data'->>'channel_id',
             fields->'data'->'item'->>'channel') IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM channel c WHERE c.installation_id = action.installation_id AND NOT c.is_private
                AND c.external_id = COALESCE(action.fields->>'channel', action.fields->'data'->>'channel',
                                             action.fields->'data'->>'channel_id',
                                             action.fields->'data'->'item'->>'channel'));
-- What was proposed here was told to everybody by whoever did it; only what is meant for a private channel is not.
UPDATE action SET is_private = TRUE
WHERE origin <> 'platform'
AND EXISTS (SELECT 1 FROM channel c WHERE c.installation_id = action.installation_id AND c.is_private
            AND c.external_id = action.fields->>'channel');
-- Of lines about no proposal nobody can tell any more; they quote what a filter broke on.
ALTER TABLE log_line ADD COLUMN is_private BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE log_line SET is_private = TRUE WHERE proposal_id IS NULL;

-- Entries about what is no stored action, as announced recoveries are, have the type that they name themselves.
UPDATE decision SET action_type = CAST(body AS JSON)->>'action_type' WHERE action_type IS NULL AND seq > 0;
