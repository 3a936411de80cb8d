-- What channels are called, for people who read pages. Filled by the platform's directory and by what it tells of.
CREATE TABLE channel (
    installation_id UUID NOT NULL,
    external_id TEXT NOT NULL,
    community_id UUID NOT NULL,
    name TEXT NOT NULL,
    is_private BOOLEAN NOT NULL,
    learned_at BIGINT NOT NULL,
    PRIMARY KEY (installation_id, external_id)
);
CREATE INDEX channel_by_time ON channel (installation_id, learned_at, external_id);
