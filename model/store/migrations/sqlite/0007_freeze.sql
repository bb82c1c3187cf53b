-- An operator's word: nothing is programmed on the node until it is thawed.
ALTER TABLE nodes ADD COLUMN frozen boolean NOT NULL DEFAULT false;
