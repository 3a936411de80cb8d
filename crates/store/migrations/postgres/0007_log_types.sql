-- What a line is about when it is about no proposal: a filter that broke before there was one. Lines of before have no type.
ALTER TABLE log_line ADD COLUMN action_type TEXT;
