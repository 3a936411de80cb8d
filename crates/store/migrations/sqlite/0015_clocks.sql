-- Open calls that were written down at a time that has not come yet: the clock has been set back since.
CREATE INDEX call_ahead ON call (updated_at) WHERE state IN ('planned', 'sending', 'retry');
