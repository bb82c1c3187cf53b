CREATE TABLE routers (
    number                  integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    id                      text NOT NULL UNIQUE,
    project_id              text NOT NULL,
    name                    text NOT NULL,
    description             text NOT NULL,
    admin_state_up          boolean NOT NULL,
    network_key             integer NOT NULL,
    gateway_network_id      text NOT NULL, -- empty: no gateway
    gateway_port_id         text NOT NULL,
    enable_snat             boolean NOT NULL,
    gateway_zone            integer NOT NULL,
    gateway_node            integer NOT NULL, -- 0: none
    gateway_generation      integer NOT NULL, -- stays when a gateway goes, so that the next one's is higher
    routes                  text NOT NULL,
    availability_zone_hints text NOT NULL,
    tags                    text NOT NULL,
    revision_number         integer NOT NULL,
    created_at              datetime NOT NULL,
    updated_at              datetime NOT NULL
);
CREATE INDEX routers_project ON routers (project_id);
CREATE INDEX routers_gateway_network ON routers (gateway_network_id) WHERE gateway_network_id <> '';
CREATE INDEX routers_gateway_node ON routers (gateway_node) WHERE gateway_node <> 0;

-- A segment may be a router's: its key in space 'key', and in 'zone' the conntrack zone of its gateway. SQLite cannot change a check.
ALTER TABLE segments RENAME TO segments_before;
CREATE TABLE segments (
    space            text NOT NULL,
    physical_network text NOT NULL,
    identifier       integer NOT NULL,
    network_number   integer REFERENCES networks (number),
    router_number    integer REFERENCES routers (number),
    freed_txid       integer,
    PRIMARY KEY (space, physical_network, identifier),
    CHECK ((network_number IS NOT NULL) + (router_number IS NOT NULL) + (freed_txid IS NOT NULL) = 1)
);
INSERT INTO segments (space, physical_network, identifier, network_number, freed_txid)
    SELECT space, physical_network, identifier, network_number, freed_txid FROM segments_before;
DROP TABLE segments_before;
CREATE INDEX segments_network ON segments (network_number);
CREATE INDEX segments_freed ON segments (freed_txid) WHERE network_number IS NULL;
CREATE INDEX segments_router ON segments (router_number) WHERE router_number IS NOT NULL;

CREATE TABLE floating_ips (
    number              integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    id                  text NOT NULL UNIQUE,
    project_id          text NOT NULL,
    description         text NOT NULL,
    floating_network_id text NOT NULL,
    floating_ip_address text NOT NULL,
    floating_port_id    text NOT NULL,
    port_id             text REFERENCES ports (id), -- of these three all are there, or none is
    fixed_ip_address    text NOT NULL,
    router_id           text REFERENCES routers (id),
    dns_name            text NOT NULL,
    dns_domain          text NOT NULL,
    tags                text NOT NULL,
    revision_number     integer NOT NULL,
    created_at          datetime NOT NULL,
    updated_at          datetime NOT NULL,
    UNIQUE (floating_network_id, port_id, fixed_ip_address),
    CHECK ((port_id IS NULL) = (router_id IS NULL) AND (port_id IS NULL) = (fixed_ip_address = ''))
);
CREATE INDEX floating_ips_project ON floating_ips (project_id);
CREATE INDEX floating_ips_port ON floating_ips (port_id) WHERE port_id IS NOT NULL;
CREATE INDEX floating_ips_port_filter ON floating_ips ((COALESCE(port_id, '')));
CREATE INDEX floating_ips_router ON floating_ips (router_id) WHERE router_id IS NOT NULL;
CREATE INDEX floating_ips_address ON floating_ips (floating_ip_address);

CREATE TABLE neighbours (
    number     integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    router_id  text NOT NULL REFERENCES routers (id),
    network_id text NOT NULL,
    ip_address text NOT NULL,
    mac        text NOT NULL,
    updated_at datetime NOT NULL,
    UNIQUE (router_id, network_id, ip_address)
);

CREATE TABLE holders (
    number     integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 68719476735),
    network_id text NOT NULL,
    ip_address text NOT NULL,
    port_id    text NOT NULL REFERENCES ports (id),
    updated_at datetime NOT NULL,
    UNIQUE (network_id, ip_address)
);
CREATE INDEX holders_port ON holders (port_id);
