-- A proposal may have one vote after the other: every ballot says in which of them it was cast, by installation and post.
-- Until then all had been written down as those of one vote. What is there belongs to the present vote as far as it asks
-- the voter; what is left over was cast in an earlier one and is kept under a key that no vote has.
CREATE TABLE ballot_of_vote (
    proposal_id BLOB NOT NULL,
    vote TEXT NOT NULL,
    voter_id BLOB NOT NULL,
    community_id BLOB NOT NULL,
    -- NULL when retracted: the row stays, so that an older ballot that arrives late does not come back.
    choice TEXT,
    cast_at BIGINT NOT NULL,
    inbox_id BLOB,
    PRIMARY KEY (proposal_id, vote, voter_id)
);
INSERT INTO ballot_of_vote (proposal_id, vote, voter_id, community_id, choice, cast_at, inbox_id)
SELECT b.proposal_id,
       COALESCE((SELECT (p.poll->>'installation') || ':' || (p.poll->>'post_id')
                 FROM proposal p
                 JOIN member m ON m.id = b.voter_id AND m.community_id = b.community_id
                 WHERE p.id = b.proposal_id AND p.community_id = b.community_id
                 AND (p.electorate IS NULL
                      OR replace(CAST(p.electorate AS TEXT), '"' || m.external_id || '"', '')
                         <> CAST(p.electorate AS TEXT))), ''),
       b.voter_id, b.community_id, b.choice, b.cast_at, b.inbox_id
FROM ballot b;
DROP TABLE ballot;
ALTER TABLE ballot_of_vote RENAME TO ballot;
