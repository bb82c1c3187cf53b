-- Ports that have a binding besides the active one: few, and looked through when what is known of a host changes.
CREATE INDEX ports_inactive_bindings ON ports (number) WHERE inactive_bindings <> '[]';
