-- A physical switch, as JSON: what an operator has declared of it, and what it said of itself last. NULL: a machine with Open vSwitch.
ALTER TABLE nodes ADD COLUMN switch text;

-- Ports that face each other, in order. The number is how old a link is.
CREATE TABLE links (
    number bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    node_a bigint NOT NULL REFERENCES nodes (number) ON DELETE CASCADE,
    port_a bigint NOT NULL,
    node_b bigint NOT NULL REFERENCES nodes (number) ON DELETE CASCADE,
    port_b bigint NOT NULL,
    UNIQUE (node_a, port_a, node_b, port_b),
    CHECK (node_a < node_b OR node_a = node_b AND port_a < port_b)
);
CREATE INDEX links_b ON links (node_b);

-- Which node routes for the bare metal of the network of a router's interface.
CREATE TABLE services (
    number      bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    port_number bigint NOT NULL UNIQUE REFERENCES ports (number) ON DELETE CASCADE,
    node_number bigint NOT NULL, -- 0: none
    generation  bigint NOT NULL
);
CREATE INDEX services_node ON services (node_number) WHERE node_number <> 0;

-- Where the ports of bare metal are bound, those whose vif_type is 'other'.
CREATE TABLE placements (
    port_number bigint PRIMARY KEY REFERENCES ports (number) ON DELETE CASCADE,
    node_number bigint NOT NULL REFERENCES nodes (number) ON DELETE CASCADE,
    switch_port bigint NOT NULL,
    tag         integer NOT NULL, -- 0: none
    UNIQUE (node_number, switch_port, tag)
);
-- Those that wait for a place.
CREATE INDEX ports_bare_metal ON ports (number) WHERE vnic_type = 'baremetal' AND vif_type = 'binding_failed';
UPDATE ports SET vif_type = 'binding_failed', datapath_type = '', inactive_bindings = '[]', binding_generation = binding_generation + 1, status = 'DOWN',
    status_reason = 'it was bound before there were physical switches'
    WHERE vnic_type = 'baremetal' AND (vif_type <> 'unbound' OR profile LIKE '%local_link_information%');

-- The key by which frames are known that look for links: 32 random bytes in hexadecimal, made once.
ALTER TABLE cloud ADD COLUMN lldp_key text NOT NULL DEFAULT '';
