-- Sessions know from where they are used; ways to a platform and back are kept until the browser returns.

ALTER TABLE session ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN agent TEXT NOT NULL DEFAULT '';
CREATE INDEX session_member ON session (member_id);
CREATE INDEX session_end ON session (expires_at);

-- A browser that was sent to a platform. The row is deleted when the browser comes back: a state works once.
CREATE TABLE journey (
    state_hash BLOB PRIMARY KEY NOT NULL,
    -- Hash of the cookie of the browser that was sent away; no other browser may come back in its place.
    browser_hash BLOB NOT NULL,
    -- What is to be known when it comes back, sealed.
    key_id TEXT NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX journey_end ON journey (expires_at);
