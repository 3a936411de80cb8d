-- When the keys in use were handed over, in microseconds: what a platform tells of an earlier time is not about them.
ALTER TABLE installation ADD COLUMN handed_over_at BIGINT;
-- The generation of the keys with which it was found out that they no longer work: it says nothing of later ones.
ALTER TABLE installation ADD COLUMN dead_generation BIGINT;
