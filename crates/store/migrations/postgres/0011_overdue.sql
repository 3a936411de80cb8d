-- What has been held for long, the longest first, in whatever community, and whether that was told.
CREATE INDEX proposal_held ON proposal (decided_at, id) WHERE status = 'held';
CREATE INDEX action_held_since ON action (occurred_at, id) WHERE standing = 'held';
CREATE INDEX decision_overdue ON decision (action_id) WHERE kind = 'held.overdue';
