-- Who sees a network that is not his is said by policies alone.
CREATE TABLE rbac_policies (
    number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text COLLATE "C" NOT NULL UNIQUE,
    project_id      text COLLATE "C" NOT NULL,
    object_type     text COLLATE "C" NOT NULL,
    object_id       text COLLATE "C" NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    action          text COLLATE "C" NOT NULL,
    target_project  text COLLATE "C" NOT NULL, -- '*': everybody
    revision_number bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (object_id, action, target_project)
);
CREATE INDEX rbac_policies_target ON rbac_policies (target_project, action);
CREATE INDEX rbac_policies_project ON rbac_policies (project_id);
INSERT INTO rbac_policies (id, project_id, object_type, object_id, action, target_project, revision_number, created_at, updated_at)
    SELECT CAST(CAST(md5(CAST(random() AS text) || id) AS uuid) AS text), project_id, 'network', id, 'access_as_shared', '*', 1, created_at, updated_at
    FROM networks WHERE shared;
ALTER TABLE networks DROP COLUMN shared;

ALTER TABLE networks
    ADD COLUMN dns_domain              text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN availability_zone_hints text NOT NULL DEFAULT '[]',
    ADD COLUMN tags                    text NOT NULL DEFAULT '[]';

ALTER TABLE subnets
    ADD COLUMN tags text NOT NULL DEFAULT '[]';

-- fixed_ips repeats what ip_allocations says of the port, so that a list of ports reads one table. Both are written together.
ALTER TABLE ports
    ADD COLUMN fixed_ips         text NOT NULL DEFAULT '[]',
    ADD COLUMN dns_name          text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN extra_dhcp_opts   text NOT NULL DEFAULT '[]',
    ADD COLUMN inactive_bindings text NOT NULL DEFAULT '[]',
    ADD COLUMN datapath_type     text COLLATE "C" NOT NULL DEFAULT '', -- of the node that the port is bound to
    ADD COLUMN tags              text NOT NULL DEFAULT '[]';
UPDATE ports SET fixed_ips = allocations.list FROM (
    SELECT port_number, CAST(json_agg(json_build_object('subnet_id', subnet_id, 'ip_address', ip_address) ORDER BY position) AS text) AS list
    FROM ip_allocations GROUP BY port_number) AS allocations WHERE allocations.port_number = ports.number;

ALTER TABLE nodes
    ADD COLUMN datapath_type text COLLATE "C" NOT NULL DEFAULT 'system';
UPDATE ports SET datapath_type = 'system' WHERE host_id IN (SELECT hostname FROM nodes);

-- A project's own limits; what is not here is the default. -1 is no limit.
CREATE TABLE quotas (
    project_id text COLLATE "C" NOT NULL,
    resource   text COLLATE "C" NOT NULL,
    max_count  bigint NOT NULL CHECK (max_count >= -1),
    PRIMARY KEY (project_id, resource)
);

-- What Nova has still to be told, in order. A row is written in the transaction that it tells of, and deleted when Nova has answered.
CREATE TABLE nova_events (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text COLLATE "C" NOT NULL,
    server_id text COLLATE "C" NOT NULL,
    port_id   text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL
);

-- The replica that sends them.
CREATE TABLE nova_sender (
    id         smallint PRIMARY KEY CHECK (id = 1),
    replica    text COLLATE "C" NOT NULL,
    expires_at double precision NOT NULL
);
