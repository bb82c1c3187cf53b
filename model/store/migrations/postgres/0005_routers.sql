CREATE TABLE routers (
    number                  bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    id                      text COLLATE "C" NOT NULL UNIQUE,
    project_id              text COLLATE "C" NOT NULL,
    name                    text COLLATE "C" NOT NULL,
    description             text COLLATE "C" NOT NULL,
    admin_state_up          boolean NOT NULL,
    network_key             bigint NOT NULL,
    gateway_network_id      text COLLATE "C" NOT NULL, -- empty: no gateway
    gateway_port_id         text COLLATE "C" NOT NULL,
    enable_snat             boolean NOT NULL,
    gateway_zone            bigint NOT NULL,
    gateway_node            bigint NOT NULL, -- 0: none
    gateway_generation      bigint NOT NULL, -- stays when a gateway goes, so that the next one's is higher
    routes                  text NOT NULL,
    availability_zone_hints text NOT NULL,
    tags                    text NOT NULL,
    revision_number         bigint NOT NULL,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL
);
CREATE INDEX routers_project ON routers (project_id);
CREATE INDEX routers_gateway_network ON routers (gateway_network_id) WHERE gateway_network_id <> '';
CREATE INDEX routers_gateway_node ON routers (gateway_node) WHERE gateway_node <> 0;

-- A segment may be a router's: its key in space 'key', and in 'zone' the conntrack zone of its gateway.
ALTER TABLE segments ADD COLUMN router_number bigint REFERENCES routers (number);
ALTER TABLE segments DROP CONSTRAINT segments_check;
ALTER TABLE segments ADD CONSTRAINT segments_owner
    CHECK (CAST(network_number IS NOT NULL AS integer) + CAST(router_number IS NOT NULL AS integer) + CAST(freed_txid IS NOT NULL AS integer) = 1);
CREATE INDEX segments_router ON segments (router_number) WHERE router_number IS NOT NULL;

CREATE TABLE floating_ips (
    number              bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    id                  text COLLATE "C" NOT NULL UNIQUE,
    project_id          text COLLATE "C" NOT NULL,
    description         text COLLATE "C" NOT NULL,
    floating_network_id text COLLATE "C" NOT NULL,
    floating_ip_address text COLLATE "C" NOT NULL,
    floating_port_id    text COLLATE "C" NOT NULL,
    port_id             text COLLATE "C" REFERENCES ports (id), -- of these three all are there, or none is
    fixed_ip_address    text COLLATE "C" NOT NULL,
    router_id           text COLLATE "C" REFERENCES routers (id),
    dns_name            text COLLATE "C" NOT NULL,
    dns_domain          text COLLATE "C" NOT NULL,
    tags                text NOT NULL,
    revision_number     bigint NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    UNIQUE (floating_network_id, port_id, fixed_ip_address),
    CHECK ((port_id IS NULL) = (router_id IS NULL) AND (port_id IS NULL) = (fixed_ip_address = ''))
);
CREATE INDEX floating_ips_project ON floating_ips (project_id);
CREATE INDEX floating_ips_port ON floating_ips (port_id) WHERE port_id IS NOT NULL;
CREATE INDEX floating_ips_port_filter ON floating_ips ((COALESCE(port_id, '')));
CREATE INDEX floating_ips_router ON floating_ips (router_id) WHERE router_id IS NOT NULL;
CREATE INDEX floating_ips_address ON floating_ips (floating_ip_address);

CREATE TABLE neighbours (
    number     bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    router_id  text COLLATE "C" NOT NULL REFERENCES routers (id),
    network_id text COLLATE "C" NOT NULL,
    ip_address text COLLATE "C" NOT NULL,
    mac        text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (router_id, network_id, ip_address)
);

CREATE TABLE holders (
    number     bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 68719476735) PRIMARY KEY,
    network_id text COLLATE "C" NOT NULL,
    ip_address text COLLATE "C" NOT NULL,
    port_id    text COLLATE "C" NOT NULL REFERENCES ports (id),
    updated_at timestamptz NOT NULL,
    UNIQUE (network_id, ip_address)
);
CREATE INDEX holders_port ON holders (port_id);
