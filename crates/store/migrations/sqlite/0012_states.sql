-- Which state an action changes, where its type changes one of which there is one at a time, and when it was
-- decided to carry it out: from these follows what was there before. Nothing is known so of actions that were written down earlier.
ALTER TABLE action ADD COLUMN about TEXT;
ALTER TABLE action ADD COLUMN done_at BIGINT;
CREATE INDEX action_about ON action (installation_id, about, occurred_at) WHERE about IS NOT NULL;
