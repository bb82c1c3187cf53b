-- Texts are compared byte by byte (COLLATE "C"), so that order and pages do not depend on the server's locale.
-- Numbers go into cookies: 36 bits.

-- Made once, with the database: the mark that the nodes of this cloud carry.
CREATE TABLE cloud (
    id   smallint PRIMARY KEY CHECK (id = 1),
    uuid text NOT NULL
);

CREATE TABLE networks (
    number                bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    id                    text COLLATE "C" NOT NULL UNIQUE,
    project_id            text COLLATE "C" NOT NULL,
    name                  text COLLATE "C" NOT NULL,
    description           text COLLATE "C" NOT NULL,
    admin_state_up        boolean NOT NULL,
    shared                boolean NOT NULL,
    mtu                   integer NOT NULL,
    port_security_enabled boolean NOT NULL,
    network_type          text COLLATE "C" NOT NULL,
    physical_network      text COLLATE "C" NOT NULL,
    segmentation_id       bigint NOT NULL,
    network_key           bigint NOT NULL,
    revision_number       bigint NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);
CREATE INDEX networks_project ON networks (project_id);

-- Every identifier that packets carry. In space 'key' are the VNIs and the keys of networks without one, in
-- 'vlan' the VLAN ids of each physical network, in 'flat' the physical networks themselves (identifier 0).
-- A row without a network was freed by transaction freed_txid, and is deleted, and so free again, when every node
-- has confirmed that transaction.
CREATE TABLE segments (
    space            text COLLATE "C" NOT NULL,
    physical_network text COLLATE "C" NOT NULL,
    identifier       bigint NOT NULL,
    network_number   bigint REFERENCES networks (number),
    freed_txid       bigint,
    PRIMARY KEY (space, physical_network, identifier),
    CHECK ((network_number IS NULL) <> (freed_txid IS NULL))
);
CREATE INDEX segments_network ON segments (network_number);
CREATE INDEX segments_freed ON segments (freed_txid) WHERE network_number IS NULL;

CREATE TABLE subnets (
    number           bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    id               text COLLATE "C" NOT NULL UNIQUE,
    network_id       text COLLATE "C" NOT NULL REFERENCES networks (id),
    project_id       text COLLATE "C" NOT NULL,
    name             text COLLATE "C" NOT NULL,
    description      text COLLATE "C" NOT NULL,
    ip_version       smallint NOT NULL,
    cidr             text COLLATE "C" NOT NULL,
    gateway_ip       text COLLATE "C" NOT NULL,
    enable_dhcp      boolean NOT NULL,
    allocation_pools text NOT NULL,
    dns_nameservers  text NOT NULL,
    host_routes      text NOT NULL,
    revision_number  bigint NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
CREATE INDEX subnets_network ON subnets (network_id);
CREATE INDEX subnets_project ON subnets (project_id);

CREATE TABLE ports (
    number                bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    id                    text COLLATE "C" NOT NULL UNIQUE,
    network_id            text COLLATE "C" NOT NULL REFERENCES networks (id),
    project_id            text COLLATE "C" NOT NULL,
    name                  text COLLATE "C" NOT NULL,
    description           text COLLATE "C" NOT NULL,
    admin_state_up        boolean NOT NULL,
    mac_address           text COLLATE "C" NOT NULL,
    device_id             text COLLATE "C" NOT NULL,
    device_owner          text COLLATE "C" NOT NULL,
    port_security_enabled boolean NOT NULL,
    allowed_address_pairs text NOT NULL,
    status                text COLLATE "C" NOT NULL,
    status_reason         text NOT NULL,
    host_id               text COLLATE "C" NOT NULL,
    vnic_type             text COLLATE "C" NOT NULL,
    vif_type              text COLLATE "C" NOT NULL,
    profile               text NOT NULL,
    binding_generation    bigint NOT NULL,
    automatic             boolean NOT NULL, -- Planck's own DHCP port of the network
    revision_number       bigint NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    UNIQUE (network_id, mac_address)
);
CREATE UNIQUE INDEX ports_automatic ON ports (network_id) WHERE automatic;
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_device ON ports (device_id);
CREATE INDEX ports_host ON ports (host_id) WHERE host_id <> '';

-- Addresses in use. offset_in_cidr is the distance from the subnet's first address; it is NULL where that exceeds
-- 63 bits (IPv6), where addresses are only given when asked for.
CREATE TABLE ip_allocations (
    subnet_id      text COLLATE "C" NOT NULL REFERENCES subnets (id),
    ip_address     text COLLATE "C" NOT NULL,
    offset_in_cidr bigint,
    port_number    bigint NOT NULL REFERENCES ports (number) ON DELETE CASCADE,
    position       smallint NOT NULL, -- in the port's list of fixed IPs
    PRIMARY KEY (subnet_id, ip_address)
);
CREATE UNIQUE INDEX ip_allocations_offset ON ip_allocations (subnet_id, offset_in_cidr);
CREATE INDEX ip_allocations_port ON ip_allocations (port_number);
CREATE INDEX ip_allocations_address ON ip_allocations (ip_address);

CREATE TABLE nodes (
    number          bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    system_id       text COLLATE "C" NOT NULL UNIQUE,
    hostname        text COLLATE "C" NOT NULL UNIQUE,
    hostname_pinned boolean NOT NULL,
    encap_ip        text COLLATE "C" NOT NULL,
    tunnel_port     bigint NOT NULL,
    mappings        text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX nodes_encap_ip ON nodes (encap_ip) WHERE encap_ip <> '';

-- The sequence number is given when an interface is first reported and orders plugging across nodes.
CREATE TABLE node_interfaces (
    sequence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_number bigint NOT NULL REFERENCES nodes (number) ON DELETE CASCADE,
    name        text COLLATE "C" NOT NULL,
    port_id     text COLLATE "C" NOT NULL,
    ofport      bigint NOT NULL,
    UNIQUE (node_number, name)
);

-- Every transaction below horizon is on the node's switch.
CREATE TABLE node_confirmations (
    node_number bigint PRIMARY KEY REFERENCES nodes (number) ON DELETE CASCADE,
    horizon     bigint NOT NULL
);

-- Which replica speaks to a node. expires_at is in seconds since 1970 by the database's clock. The incarnation
-- tells a replica from itself before a restart.
CREATE TABLE masters (
    node_number bigint PRIMARY KEY REFERENCES nodes (number) ON DELETE CASCADE,
    replica     text COLLATE "C" NOT NULL,
    incarnation text COLLATE "C" NOT NULL,
    generation  bigint NOT NULL,
    expires_at  double precision NOT NULL
);

CREATE TABLE journal (
    seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid   bigint NOT NULL,
    kind   smallint NOT NULL,
    number bigint NOT NULL,
    at     double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
);
CREATE INDEX journal_txid ON journal (txid);

-- The highest transaction whose journal lines were pruned.
CREATE TABLE journal_pruned (
    id   smallint PRIMARY KEY CHECK (id = 1),
    txid bigint NOT NULL
);
INSERT INTO journal_pruned (id, txid) VALUES (1, 0);
