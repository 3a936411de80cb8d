-- Starter kits, what made a version of a policy, and announced recoveries of the rules.

-- The kit a community began with.
ALTER TABLE community ADD COLUMN kit TEXT;
-- Codenames for which the permissions that go with them from the beginning have been given: what a community takes away
-- afterwards is not given again.
ALTER TABLE community ADD COLUMN known_actions JSONB NOT NULL DEFAULT '[]';

-- The change of the rules that saved it; none for what an operator or a kit put there.
ALTER TABLE policy_version ADD COLUMN action_id UUID;
ALTER TABLE policy_version ADD COLUMN proposal_id UUID;

CREATE TABLE recovery (
    id UUID PRIMARY KEY NOT NULL,
    community_id UUID NOT NULL REFERENCES community (id),
    action_type TEXT NOT NULL,
    fields JSONB NOT NULL,
    reason TEXT NOT NULL,
    announced_by TEXT NOT NULL,
    announced_at BIGINT NOT NULL,
    -- Not before this.
    opens_at BIGINT NOT NULL,
    -- announced, withdrawn, done or refused
    state TEXT NOT NULL,
    note TEXT
);
CREATE INDEX recovery_community ON recovery (community_id);

-- What waits for a person is found without looking at everything.
CREATE INDEX action_held ON action (community_id, occurred_at) WHERE standing = 'held';
