-- How many reports of a node were taken: whoever knows the number knows the node as it is.
ALTER TABLE nodes ADD COLUMN reports bigint NOT NULL DEFAULT 0;
