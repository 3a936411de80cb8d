-- Counts how often the keys were replaced: whoever read them says by it which ones it speaks of.
ALTER TABLE installation ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
