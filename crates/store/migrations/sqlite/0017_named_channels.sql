-- When the directory of channels was last read to its end: never, where a place was connected before names were kept.
ALTER TABLE installation ADD COLUMN channels_at BIGINT;
