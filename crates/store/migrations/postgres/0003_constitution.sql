-- What changes of the rules need: descriptions of roles, and documents.

ALTER TABLE role ADD COLUMN description TEXT NOT NULL DEFAULT '';

CREATE TABLE document (
    id UUID PRIMARY KEY NOT NULL,
    community_id UUID NOT NULL REFERENCES community (id),
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX document_community ON document (community_id);
