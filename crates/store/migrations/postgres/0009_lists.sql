-- What lists need to be quick for a reader who may see little: the type of its action beside each row that is hidden by
-- it, and indexes that find the latest rows of a type. NULL is a type nobody knows: only who sees everything sees it.

ALTER TABLE proposal ADD COLUMN action_type TEXT;
UPDATE proposal SET action_type = (SELECT a.action_type FROM action a
                                   WHERE a.id = proposal.action_id AND a.community_id = proposal.community_id);
CREATE INDEX proposal_type ON proposal (community_id, action_type, created_at, id);
CREATE INDEX proposal_type_status ON proposal (community_id, action_type, status, created_at, id);
-- Those of a policy by type or by status, and open votes by type, are told apart without reading their rows.
DROP INDEX proposal_policy;
CREATE INDEX proposal_policy ON proposal (policy_id, created_at, id, status, action_type, community_id);
DROP INDEX proposal_polling;
CREATE INDEX proposal_polling ON proposal (community_id, created_at, id, action_type) WHERE poll_open;
CREATE INDEX proposal_undecided ON proposal (action_id) WHERE status IN ('held', 'proposed');

-- Empty is an entry about no action, which everybody may see.
ALTER TABLE decision ADD COLUMN action_type TEXT;
UPDATE decision SET action_type = CASE WHEN action_id IS NULL THEN '' ELSE
                                  (SELECT a.action_type FROM action a WHERE a.id = decision.action_id) END
WHERE seq > 0;
CREATE INDEX decision_type ON decision (community_id, action_type, seq);
CREATE INDEX decision_kind_type ON decision (community_id, kind, action_type, seq);
DROP INDEX decision_policy;
CREATE INDEX decision_policy ON decision (community_id, policy_id, seq, kind, action_type) WHERE policy_id IS NOT NULL;

-- Lines about a proposal have the type of its action, too.
UPDATE log_line SET action_type = (SELECT p.action_type FROM proposal p
                                   WHERE p.id = log_line.proposal_id AND p.community_id = log_line.community_id)
WHERE action_type IS NULL AND proposal_id IS NOT NULL;
CREATE INDEX log_line_type ON log_line (community_id, action_type, ord);
DROP INDEX log_line_trouble;
CREATE INDEX log_line_trouble ON log_line (community_id, ord, action_type)
WHERE level IN ('warning', 'error', 'critical');

-- Of the version in force, for lists; NULL where an older program wrote the row: then the version itself says it.
ALTER TABLE policy ADD COLUMN kind TEXT;
ALTER TABLE policy ADD COLUMN name TEXT;
-- Whether it names no actions, so that it is tried after those that do.
ALTER TABLE policy ADD COLUMN is_general BOOLEAN;
UPDATE policy SET kind = (SELECT pv.draft->>'kind' FROM policy_version pv WHERE pv.id = policy.version_id),
                  name = (SELECT pv.draft->>'name' FROM policy_version pv WHERE pv.id = policy.version_id),
                  is_general = (SELECT COALESCE(json_array_length(pv.draft->'action_types'), 0) = 0 FROM policy_version pv
                                WHERE pv.id = policy.version_id);

-- People by name, and the roles of a person.
-- Only the beginning of a name, because an index takes no text of any length.
CREATE INDEX member_name ON member (community_id, substr(name, 1, 100), id, is_gone, is_bot, installation_id);
DROP INDEX role_member_community;
CREATE INDEX role_member_member ON role_member (community_id, member_id, role_id);
