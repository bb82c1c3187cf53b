-- Numbers go into cookies: 36 bits. AUTOINCREMENT never gives one twice.

-- Made once, with the database: the mark that the nodes of this cloud carry.
CREATE TABLE cloud (
    id   integer PRIMARY KEY CHECK (id = 1),
    uuid text NOT NULL
);

CREATE TABLE networks (
    number                integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    id                    text NOT NULL UNIQUE,
    project_id            text NOT NULL,
    name                  text NOT NULL,
    description           text NOT NULL,
    admin_state_up        boolean NOT NULL,
    shared                boolean NOT NULL,
    mtu                   integer NOT NULL,
    port_security_enabled boolean NOT NULL,
    network_type          text NOT NULL,
    physical_network      text NOT NULL,
    segmentation_id       integer NOT NULL,
    network_key           integer NOT NULL,
    revision_number       integer NOT NULL,
    created_at            datetime NOT NULL,
    updated_at            datetime NOT NULL
);
CREATE INDEX networks_project ON networks (project_id);

-- Every identifier that packets carry. In space 'key' are the VNIs and the keys of networks without one, in
-- 'vlan' the VLAN ids of each physical network, in 'flat' the physical networks themselves (identifier 0).
-- A row without a network was freed by transaction freed_txid, and is deleted, and so free again, when every node
-- has confirmed that transaction.
CREATE TABLE segments (
    space            text NOT NULL,
    physical_network text NOT NULL,
    identifier       integer NOT NULL,
    network_number   integer REFERENCES networks (number),
    freed_txid       integer,
    PRIMARY KEY (space, physical_network, identifier),
    CHECK ((network_number IS NULL) <> (freed_txid IS NULL))
);
CREATE INDEX segments_network ON segments (network_number);
CREATE INDEX segments_freed ON segments (freed_txid) WHERE network_number IS NULL;

CREATE TABLE subnets (
    number           integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    id               text NOT NULL UNIQUE,
    network_id       text NOT NULL REFERENCES networks (id),
    project_id       text NOT NULL,
    name             text NOT NULL,
    description      text NOT NULL,
    ip_version       integer NOT NULL,
    cidr             text NOT NULL,
    gateway_ip       text NOT NULL,
    enable_dhcp      boolean NOT NULL,
    allocation_pools text NOT NULL,
    dns_nameservers  text NOT NULL,
    host_routes      text NOT NULL,
    revision_number  integer NOT NULL,
    created_at       datetime NOT NULL,
    updated_at       datetime NOT NULL
);
CREATE INDEX subnets_network ON subnets (network_id);
CREATE INDEX subnets_project ON subnets (project_id);

CREATE TABLE ports (
    number                integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    id                    text NOT NULL UNIQUE,
    network_id            text NOT NULL REFERENCES networks (id),
    project_id            text NOT NULL,
    name                  text NOT NULL,
    description           text NOT NULL,
    admin_state_up        boolean NOT NULL,
    mac_address           text NOT NULL,
    device_id             text NOT NULL,
    device_owner          text NOT NULL,
    port_security_enabled boolean NOT NULL,
    allowed_address_pairs text NOT NULL,
    status                text NOT NULL,
    status_reason         text NOT NULL,
    host_id               text NOT NULL,
    vnic_type             text NOT NULL,
    vif_type              text NOT NULL,
    profile               text NOT NULL,
    binding_generation    integer NOT NULL,
    automatic             boolean NOT NULL, -- Planck's own DHCP port of the network
    revision_number       integer NOT NULL,
    created_at            datetime NOT NULL,
    updated_at            datetime NOT NULL,
    UNIQUE (network_id, mac_address)
);
CREATE UNIQUE INDEX ports_automatic ON ports (network_id) WHERE automatic;
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_device ON ports (device_id);
CREATE INDEX ports_host ON ports (host_id) WHERE host_id <> '';

-- Addresses in use. offset_in_cidr is the distance from the subnet's first address; it is NULL where that exceeds
-- 63 bits (IPv6), where addresses are only given when asked for.
CREATE TABLE ip_allocations (
    subnet_id      text NOT NULL REFERENCES subnets (id),
    ip_address     text NOT NULL,
    offset_in_cidr integer,
    port_number    integer NOT NULL REFERENCES ports (number) ON DELETE CASCADE,
    position       integer NOT NULL, -- in the port's list of fixed IPs
    PRIMARY KEY (subnet_id, ip_address)
);
CREATE UNIQUE INDEX ip_allocations_offset ON ip_allocations (subnet_id, offset_in_cidr);
CREATE INDEX ip_allocations_port ON ip_allocations (port_number);
CREATE INDEX ip_allocations_address ON ip_allocations (ip_address);

CREATE TABLE nodes (
    number          integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    system_id       text NOT NULL UNIQUE,
    hostname        text NOT NULL UNIQUE,
    hostname_pinned boolean NOT NULL,
    encap_ip        text NOT NULL,
    tunnel_port     integer NOT NULL,
    mappings        text NOT NULL,
    created_at      datetime NOT NULL,
    updated_at      datetime NOT NULL
);
CREATE UNIQUE INDEX nodes_encap_ip ON nodes (encap_ip) WHERE encap_ip <> '';

-- The sequence number is given when an interface is first reported and orders plugging across nodes.
CREATE TABLE node_interfaces (
    sequence    integer PRIMARY KEY AUTOINCREMENT,
    node_number integer NOT NULL REFERENCES nodes (number) ON DELETE CASCADE,
    name        text NOT NULL,
    port_id     text NOT NULL,
    ofport      integer NOT NULL,
    UNIQUE (node_number, name)
);

-- Every transaction below horizon is on the node's switch.
CREATE TABLE node_confirmations (
    node_number integer PRIMARY KEY REFERENCES nodes (number) ON DELETE CASCADE,
    horizon     integer NOT NULL
);

-- Which replica speaks to a node. expires_at is in seconds since 1970 by the database's clock. The incarnation
-- tells a replica from itself before a restart.
CREATE TABLE masters (
    node_number integer PRIMARY KEY REFERENCES nodes (number) ON DELETE CASCADE,
    replica     text NOT NULL,
    incarnation text NOT NULL,
    generation  integer NOT NULL,
    expires_at  real NOT NULL
);

CREATE TABLE journal (
    seq    integer PRIMARY KEY AUTOINCREMENT,
    txid   integer NOT NULL,
    kind   integer NOT NULL,
    number integer NOT NULL,
    at     real NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400.0)
);
CREATE INDEX journal_txid ON journal (txid);

-- The highest transaction whose journal lines were pruned.
CREATE TABLE journal_pruned (
    id   integer PRIMARY KEY CHECK (id = 1),
    txid integer NOT NULL
);
INSERT INTO journal_pruned (id, txid) VALUES (1, 0);
