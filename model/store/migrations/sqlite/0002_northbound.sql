-- Who sees a network that is not his is said by policies alone.
CREATE TABLE rbac_policies (
    number          integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    project_id      text NOT NULL,
    object_type     text NOT NULL,
    object_id       text NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    action          text NOT NULL,
    target_project  text NOT NULL, -- '*': everybody
    revision_number integer NOT NULL,
    created_at      datetime NOT NULL,
    updated_at      datetime NOT NULL,
    UNIQUE (object_id, action, target_project)
);
CREATE INDEX rbac_policies_target ON rbac_policies (target_project, action);
CREATE INDEX rbac_policies_project ON rbac_policies (project_id);
INSERT INTO rbac_policies (id, project_id, object_type, object_id, action, target_project, revision_number, created_at, updated_at)
    SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
        project_id, 'network', id, 'access_as_shared', '*', 1, created_at, updated_at
    FROM networks WHERE shared;
ALTER TABLE networks DROP COLUMN shared;

ALTER TABLE networks ADD COLUMN dns_domain text NOT NULL DEFAULT '';
ALTER TABLE networks ADD COLUMN availability_zone_hints text NOT NULL DEFAULT '[]';
ALTER TABLE networks ADD COLUMN tags text NOT NULL DEFAULT '[]';

ALTER TABLE subnets ADD COLUMN tags text NOT NULL DEFAULT '[]';

-- fixed_ips repeats what ip_allocations says of the port, so that a list of ports reads one table. Both are written together.
ALTER TABLE ports ADD COLUMN fixed_ips text NOT NULL DEFAULT '[]';
ALTER TABLE ports ADD COLUMN dns_name text NOT NULL DEFAULT '';
ALTER TABLE ports ADD COLUMN extra_dhcp_opts text NOT NULL DEFAULT '[]';
ALTER TABLE ports ADD COLUMN inactive_bindings text NOT NULL DEFAULT '[]';
ALTER TABLE ports ADD COLUMN datapath_type text NOT NULL DEFAULT ''; -- of the node that the port is bound to
ALTER TABLE ports ADD COLUMN tags text NOT NULL DEFAULT '[]';
UPDATE ports SET fixed_ips = (SELECT json_group_array(json_object('subnet_id', subnet_id, 'ip_address', ip_address))
    FROM (SELECT subnet_id, ip_address FROM ip_allocations WHERE port_number = ports.number ORDER BY position));

ALTER TABLE nodes ADD COLUMN datapath_type text NOT NULL DEFAULT 'system';
UPDATE ports SET datapath_type = 'system' WHERE host_id IN (SELECT hostname FROM nodes);

-- A project's own limits; what is not here is the default. -1 is no limit.
CREATE TABLE quotas (
    project_id text NOT NULL,
    resource   text NOT NULL,
    max_count  integer NOT NULL CHECK (max_count >= -1),
    PRIMARY KEY (project_id, resource)
);

-- What Nova has still to be told, in order. A row is written in the transaction that it tells of, and deleted when Nova has answered.
CREATE TABLE nova_events (
    seq       integer PRIMARY KEY AUTOINCREMENT,
    name      text NOT NULL,
    server_id text NOT NULL,
    port_id   text NOT NULL,
    at        datetime NOT NULL
);

-- The replica that sends them.
CREATE TABLE nova_sender (
    id         integer PRIMARY KEY CHECK (id = 1),
    replica    text NOT NULL,
    expires_at real NOT NULL
);
