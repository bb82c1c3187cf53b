-- Numbers of groups stand in 32-bit registers. A project's default group is the one with that name: no other gets it.
CREATE TABLE security_groups (
    number          integer PRIMARY KEY AUTOINCREMENT CHECK (number <= 4294967295),
    id              text NOT NULL UNIQUE,
    project_id      text NOT NULL,
    name            text NOT NULL,
    description     text NOT NULL,
    stateful        boolean NOT NULL,
    tags            text NOT NULL,
    revision_number integer NOT NULL,
    created_at      datetime NOT NULL,
    updated_at      datetime NOT NULL
);
CREATE INDEX security_groups_project ON security_groups (project_id);
CREATE UNIQUE INDEX security_groups_default ON security_groups (project_id) WHERE name = 'default';

CREATE TABLE security_group_rules (
    number            integer PRIMARY KEY AUTOINCREMENT,
    id                text NOT NULL UNIQUE,
    security_group_id text NOT NULL REFERENCES security_groups (id),
    project_id        text NOT NULL,
    description       text NOT NULL,
    direction         text NOT NULL,
    ethertype         text NOT NULL,
    protocol          text NOT NULL, -- empty: any
    port_range_min    integer,
    port_range_max    integer,
    remote_ip_prefix  text NOT NULL, -- empty: any
    remote_group_id   text REFERENCES security_groups (id),
    revision_number   integer NOT NULL,
    created_at        datetime NOT NULL,
    updated_at        datetime NOT NULL
);
CREATE INDEX security_group_rules_group ON security_group_rules (security_group_id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id) WHERE remote_group_id IS NOT NULL;
CREATE INDEX security_group_rules_project ON security_group_rules (project_id);

-- The groups of ports. ports.security_groups repeats them, so that a list of ports reads one table. Both are written together.
CREATE TABLE port_security_groups (
    port_number       integer NOT NULL REFERENCES ports (number) ON DELETE CASCADE,
    security_group_id text NOT NULL REFERENCES security_groups (id),
    PRIMARY KEY (port_number, security_group_id)
);
CREATE INDEX port_security_groups_group ON port_security_groups (security_group_id);
ALTER TABLE ports ADD COLUMN security_groups text NOT NULL DEFAULT '[]';

-- What is there already gets what Neutron would have given it: ports of the network itself no port security, others the default group.
UPDATE ports SET port_security_enabled = false WHERE port_security_enabled AND substr(device_owner, 1, 8) = 'network:' AND allowed_address_pairs = '[]';
INSERT INTO security_groups (id, project_id, name, description, stateful, tags, revision_number, created_at, updated_at)
    SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
        project_id, 'default', 'Default security group', true, '[]', 1, at, at
    FROM (SELECT DISTINCT project_id, strftime('%Y-%m-%d %H:%M:%S+00:00', 'now') AS at FROM ports WHERE port_security_enabled AND substr(device_owner, 1, 8) <> 'network:')
    ORDER BY project_id;
INSERT INTO security_group_rules (id, security_group_id, project_id, description, direction, ethertype, protocol, remote_ip_prefix, remote_group_id,
        revision_number, created_at, updated_at)
    SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
        id, project_id, '', direction, ethertype, '', '', CASE direction WHEN 'ingress' THEN id END, 1, created_at, updated_at
    FROM security_groups CROSS JOIN (SELECT 'egress' AS direction UNION SELECT 'ingress') CROSS JOIN (SELECT 'IPv4' AS ethertype UNION SELECT 'IPv6')
    ORDER BY number, direction, ethertype;
INSERT INTO port_security_groups (port_number, security_group_id)
    SELECT ports.number, security_groups.id FROM ports JOIN security_groups ON security_groups.project_id = ports.project_id
    WHERE port_security_enabled AND substr(device_owner, 1, 8) <> 'network:';
UPDATE ports SET security_groups = (SELECT json_array(security_group_id) FROM port_security_groups WHERE port_number = ports.number)
    WHERE number IN (SELECT port_number FROM port_security_groups);
