-- The journal: what was heard, what was made of it, what was done about it, and who is working on it.
--
-- No foreign keys here: rows come in bulk, in one transaction, with ids that follow from each other, and checking them
-- row by row would cost more than writing them. Rows that are dealt with fall out of the partial indexes, so that
-- looking for work costs nothing however long the history is.

CREATE TABLE inbox (
    id BLOB PRIMARY KEY NOT NULL,
    community_id BLOB NOT NULL,
    installation_id BLOB NOT NULL,
    platform TEXT NOT NULL,
    scope TEXT NOT NULL,
    delivery_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- NULL once redacted.
    body BLOB,
    received_at BIGINT NOT NULL,
    -- new, done, parked or dead
    state TEXT NOT NULL,
    note TEXT,
    tries BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    UNIQUE (platform, scope, delivery_key)
);
CREATE INDEX inbox_new ON inbox (received_at, id) WHERE state = 'new';
CREATE INDEX inbox_parked ON inbox (received_at, id) WHERE state = 'parked';

CREATE TABLE action (
    id BLOB PRIMARY KEY NOT NULL,
    community_id BLOB NOT NULL,
    installation_id BLOB,
    inbox_id BLOB,
    kind TEXT NOT NULL,
    action_type TEXT NOT NULL,
    initiator_id BLOB,
    origin TEXT NOT NULL,
    fields TEXT NOT NULL,
    reverted BOOLEAN NOT NULL,
    standing TEXT NOT NULL,
    occurred_at BIGINT NOT NULL
);
CREATE INDEX action_community ON action (community_id, occurred_at, id);

CREATE TABLE proposal (
    id BLOB PRIMARY KEY NOT NULL,
    community_id BLOB NOT NULL,
    action_id BLOB NOT NULL,
    policy_id BLOB NOT NULL,
    policy_version_id BLOB NOT NULL,
    status TEXT NOT NULL,
    effect TEXT NOT NULL,
    effect_note TEXT,
    -- Counts the changes; a writer names the one it read.
    rev BIGINT NOT NULL,
    data TEXT NOT NULL,
    variables TEXT NOT NULL,
    poll TEXT,
    poll_open BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    error TEXT
);
CREATE INDEX proposal_community ON proposal (community_id, created_at, id);

CREATE TABLE evaluation (
    id BLOB PRIMARY KEY NOT NULL,
    community_id BLOB NOT NULL,
    proposal_id BLOB NOT NULL,
    seq BIGINT NOT NULL,
    cause TEXT NOT NULL,
    runtime TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    -- running, settled or error
    state TEXT NOT NULL,
    verdict TEXT,
    error TEXT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    considered TEXT NOT NULL,
    shard BIGINT NOT NULL,
    UNIQUE (proposal_id, seq)
);
CREATE INDEX evaluation_running ON evaluation (shard) WHERE state = 'running';
CREATE INDEX evaluation_error ON evaluation (community_id, ended_at) WHERE state = 'error';

-- Answers from outside the snapshot. Large ones stand in `content`, once per community however often they were read.
CREATE TABLE recorded_read (
    evaluation_id BLOB NOT NULL,
    idx BIGINT NOT NULL,
    community_id BLOB NOT NULL,
    question TEXT NOT NULL,
    answer TEXT,
    content_hash TEXT,
    PRIMARY KEY (evaluation_id, idx)
);

CREATE TABLE content (
    community_id BLOB NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (community_id, hash)
);

CREATE TABLE call (
    -- In the order in which they were written down.
    ord INTEGER PRIMARY KEY,
    id BLOB UNIQUE NOT NULL,
    community_id BLOB NOT NULL,
    installation_id BLOB NOT NULL,
    proposal_id BLOB,
    evaluation_id BLOB,
    action_id BLOB,
    purpose TEXT NOT NULL,
    idx BIGINT NOT NULL,
    operation TEXT NOT NULL,
    args TEXT NOT NULL,
    args_hash TEXT NOT NULL,
    class TEXT NOT NULL,
    -- planned, sending, sent, retry, failed, uncertain or settled_by_person
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    outcome TEXT,
    note TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    shard BIGINT NOT NULL
);
CREATE INDEX call_open ON call (due_at) WHERE state IN ('planned', 'sending', 'retry');
CREATE INDEX call_sending ON call (installation_id) WHERE state = 'sending';
CREATE INDEX call_uncertain ON call (ord) WHERE state = 'uncertain';
CREATE INDEX call_proposal ON call (proposal_id) WHERE proposal_id IS NOT NULL;
CREATE INDEX call_evaluation ON call (evaluation_id) WHERE evaluation_id IS NOT NULL;

-- What exists or happened outside because of us. Two calls may own the same one-time key at a time.
CREATE TABLE owned_object (
    installation_id BLOB NOT NULL,
    object_key TEXT NOT NULL,
    call_id BLOB NOT NULL,
    community_id BLOB NOT NULL,
    once_until BIGINT,
    PRIMARY KEY (installation_id, object_key, call_id)
);

CREATE TABLE ballot (
    proposal_id BLOB NOT NULL,
    voter_id BLOB NOT NULL,
    community_id BLOB NOT NULL,
    -- NULL when retracted: the row stays, so that an older ballot that arrives late does not come back.
    choice TEXT,
    cast_at BIGINT NOT NULL,
    inbox_id BLOB,
    PRIMARY KEY (proposal_id, voter_id)
);

-- Every row is pending; what has been acted upon is deleted.
CREATE TABLE wake (
    id BLOB PRIMARY KEY NOT NULL,
    community_id BLOB NOT NULL,
    proposal_id BLOB NOT NULL,
    cause TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    token BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    UNIQUE (proposal_id, cause)
);
CREATE INDEX wake_due ON wake (due_at, id);

CREATE TABLE log_line (
    ord INTEGER PRIMARY KEY,
    community_id BLOB NOT NULL,
    proposal_id BLOB,
    evaluation_id BLOB,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX log_line_proposal ON log_line (proposal_id) WHERE proposal_id IS NOT NULL;

-- Entry 0 of a community is the head of its chain: `last` is the number and `hash` the hash of the latest entry.
-- `body` is text, not JSON: the hash is over these very bytes.
CREATE TABLE decision (
    community_id BLOB NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    last BIGINT,
    PRIMARY KEY (community_id, seq)
);

CREATE TABLE node (
    id BLOB PRIMARY KEY NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE shard (
    shard BIGINT PRIMARY KEY NOT NULL,
    -- Grows with every change of owner.
    fence BIGINT NOT NULL,
    node_id BLOB,
    expires_at BIGINT NOT NULL,
    -- On PostgreSQL a column of a unique index cannot be changed while somebody holds the row FOR KEY SHARE: a commit
    -- that has checked its fence keeps it valid until it ends, and renewing a lease disturbs nobody.
    UNIQUE (shard, fence)
);
INSERT INTO shard (shard, fence, node_id, expires_at)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 255)
SELECT i, 0, NULL, 0 FROM n;
