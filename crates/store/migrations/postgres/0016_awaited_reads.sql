-- Reads that a platform has put off: the evaluation goes on where it stopped, not before `until`.
CREATE TABLE awaited_read (
    evaluation_id UUID NOT NULL PRIMARY KEY,
    community_id UUID NOT NULL,
    idx BIGINT NOT NULL,
    since BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    reason TEXT NOT NULL
);
