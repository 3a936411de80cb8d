-- Communities, where they live and who is in them; policies and roles; sealed secrets; access of operators.
--
-- Times are BIGINT microseconds since the epoch. `community_id` stands in every table that belongs to a community.
-- JSON and not JSONB: what is read back must be what was written, and JSONB writes numbers anew (1e16 becomes a whole
-- number, 1e308 three hundred digits).

CREATE TABLE community (
    id UUID PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Counts changes of installations, policies, roles and role members: what is kept in memory is compared with it.
    version BIGINT NOT NULL,
    shard BIGINT NOT NULL
);

CREATE TABLE installation (
    id UUID PRIMARY KEY NOT NULL,
    community_id UUID NOT NULL REFERENCES community (id),
    platform TEXT NOT NULL,
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    acts_as JSON NOT NULL,
    settings JSON NOT NULL,
    status TEXT NOT NULL,
    status_note TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (platform, external_id)
);
CREATE INDEX installation_community ON installation (community_id);

CREATE TABLE secret (
    installation_id UUID NOT NULL REFERENCES installation (id),
    name TEXT NOT NULL,
    community_id UUID NOT NULL REFERENCES community (id),
    key_id TEXT NOT NULL,
    nonce BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (installation_id, name)
);

CREATE TABLE member (
    id UUID PRIMARY KEY NOT NULL,
    community_id UUID NOT NULL,
    installation_id UUID NOT NULL,
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    is_admin BOOLEAN NOT NULL,
    is_bot BOOLEAN NOT NULL,
    is_gone BOOLEAN NOT NULL,
    UNIQUE (installation_id, external_id)
);

CREATE TABLE role (
    id UUID PRIMARY KEY NOT NULL,
    community_id UUID NOT NULL REFERENCES community (id),
    name TEXT NOT NULL,
    is_base BOOLEAN NOT NULL,
    permissions JSON NOT NULL,
    UNIQUE (community_id, name)
);

CREATE TABLE role_member (
    role_id UUID NOT NULL REFERENCES role (id),
    member_id UUID NOT NULL REFERENCES member (id),
    community_id UUID NOT NULL REFERENCES community (id),
    PRIMARY KEY (role_id, member_id)
);
CREATE INDEX role_member_community ON role_member (community_id);

CREATE TABLE policy (
    id UUID PRIMARY KEY NOT NULL,
    community_id UUID NOT NULL REFERENCES community (id),
    -- Lower is tried first.
    position BIGINT NOT NULL,
    -- active, suspended or inactive
    state TEXT NOT NULL,
    -- The version that governs new actions.
    version_id UUID NOT NULL
);
CREATE INDEX policy_community ON policy (community_id);

CREATE TABLE policy_version (
    id UUID PRIMARY KEY NOT NULL,
    policy_id UUID NOT NULL REFERENCES policy (id),
    community_id UUID NOT NULL REFERENCES community (id),
    version BIGINT NOT NULL,
    draft JSON NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (policy_id, version)
);

-- Only hashes of tokens are kept.
CREATE TABLE operator_link (
    token_hash BYTEA PRIMARY KEY NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE session (
    token_hash BYTEA PRIMARY KEY NOT NULL,
    community_id UUID,
    -- NULL for an operator.
    member_id UUID,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
