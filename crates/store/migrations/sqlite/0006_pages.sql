-- What pages need to be quick however long the history is: whom a vote asks apart from the vote, what an entry of the
-- record is about, and indexes in the order of the lists.

-- Whom the vote asks, as JSON; NULL is everybody. Apart from `poll` because it may name thousands.
ALTER TABLE proposal ADD COLUMN electorate JSON;
-- How many that are.
ALTER TABLE proposal ADD COLUMN asked BIGINT;
UPDATE proposal SET electorate = poll->'electorate', asked = json_array_length(poll->'electorate')
WHERE poll->>'electorate' IS NOT NULL;

CREATE INDEX proposal_status ON proposal (community_id, status, created_at, id);
CREATE INDEX proposal_policy ON proposal (policy_id, created_at, id);
CREATE INDEX proposal_polling ON proposal (community_id, created_at, id) WHERE poll_open;

-- Taken from `body`, which alone is hashed; here they are only for finding.
ALTER TABLE decision ADD COLUMN action_id BLOB;
ALTER TABLE decision ADD COLUMN proposal_id BLOB;
ALTER TABLE decision ADD COLUMN policy_id BLOB;
UPDATE decision SET action_id = unhex(replace(json_extract(body, '$.action'), '-', '')),
                    proposal_id = unhex(replace(json_extract(body, '$.proposal'), '-', '')),
                    policy_id = unhex(replace(json_extract(body, '$.policy'), '-', ''))
WHERE seq > 0;
CREATE INDEX decision_kind ON decision (community_id, kind, seq);
CREATE INDEX decision_policy ON decision (community_id, policy_id, kind, seq) WHERE policy_id IS NOT NULL;
CREATE INDEX decision_proposal ON decision (proposal_id, seq) WHERE proposal_id IS NOT NULL;

CREATE INDEX log_line_trouble ON log_line (community_id, ord) WHERE level IN ('warning', 'error', 'critical');
CREATE INDEX log_line_community ON log_line (community_id, ord);
CREATE INDEX policy_position ON policy (community_id, position, id);

-- In the whole order of its list: without the id the planner prefers the index of all actions, and reads all of them.
DROP INDEX action_held;
CREATE INDEX action_held ON action (community_id, occurred_at, id) WHERE standing = 'held';
