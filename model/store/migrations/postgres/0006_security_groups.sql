-- Numbers of groups stand in 32-bit registers. A project's default group is the one with that name: no other gets it.
CREATE TABLE security_groups (
    number          bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 4294967295) PRIMARY KEY,
    id              text COLLATE "C" NOT NULL UNIQUE,
    project_id      text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    description     text COLLATE "C" NOT NULL,
    stateful        boolean NOT NULL,
    tags            text NOT NULL,
    revision_number bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX security_groups_project ON security_groups (project_id);
CREATE UNIQUE INDEX security_groups_default ON security_groups (project_id) WHERE name = 'default';

CREATE TABLE security_group_rules (
    number            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                text COLLATE "C" NOT NULL UNIQUE,
    security_group_id text COLLATE "C" NOT NULL REFERENCES security_groups (id),
    project_id        text COLLATE "C" NOT NULL,
    description       text COLLATE "C" NOT NULL,
    direction         text COLLATE "C" NOT NULL,
    ethertype         text COLLATE "C" NOT NULL,
    protocol          text COLLATE "C" NOT NULL, -- empty: any
    port_range_min    integer,
    port_range_max    integer,
    remote_ip_prefix  text COLLATE "C" NOT NULL, -- empty: any
    remote_group_id   text COLLATE "C" REFERENCES security_groups (id),
    revision_number   bigint NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE INDEX security_group_rules_group ON security_group_rules (security_group_id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id) WHERE remote_group_id IS NOT NULL;
CREATE INDEX security_group_rules_project ON security_group_rules (project_id);

-- The groups of ports. ports.security_groups repeats them, so that a list of ports reads one table. Both are written together.
CREATE TABLE port_security_groups (
    port_number       bigint NOT NULL REFERENCES ports (number) ON DELETE CASCADE,
    security_group_id text COLLATE "C" NOT NULL REFERENCES security_groups (id),
    PRIMARY KEY (port_number, security_group_id)
);
CREATE INDEX port_security_groups_group ON port_security_groups (security_group_id);
ALTER TABLE ports ADD COLUMN security_groups text NOT NULL DEFAULT '[]';

-- What is there already gets what Neutron would have given it: ports of the network itself no port security, others the default group.
UPDATE ports SET port_security_enabled = false WHERE port_security_enabled AND substr(device_owner, 1, 8) = 'network:' AND allowed_address_pairs = '[]';
INSERT INTO security_groups (id, project_id, name, description, stateful, tags, revision_number, created_at, updated_at)
    SELECT CAST(CAST(md5(CAST(random() AS text) || project_id) AS uuid) AS text), project_id, 'default', 'Default security group', true, '[]', 1, at, at
    FROM (SELECT DISTINCT project_id, date_trunc('second', now()) AS at FROM ports WHERE port_security_enabled AND substr(device_owner, 1, 8) <> 'network:') AS projects
    ORDER BY project_id;
INSERT INTO security_group_rules (id, security_group_id, project_id, description, direction, ethertype, protocol, remote_ip_prefix, remote_group_id,
        revision_number, created_at, updated_at)
    SELECT CAST(CAST(md5(CAST(random() AS text) || id || direction || ethertype) AS uuid) AS text), id, project_id, '', direction, ethertype, '', '',
        CASE direction WHEN 'ingress' THEN id END, 1, created_at, updated_at
    FROM security_groups CROSS JOIN (VALUES ('egress'), ('ingress')) AS directions (direction) CROSS JOIN (VALUES ('IPv4'), ('IPv6')) AS ethertypes (ethertype)
    ORDER BY number, direction, ethertype;
INSERT INTO port_security_groups (port_number, security_group_id)
    SELECT ports.number, security_groups.id FROM ports JOIN security_groups ON security_groups.project_id = ports.project_id
    WHERE port_security_enabled AND substr(device_owner, 1, 8) <> 'network:';
UPDATE ports SET security_groups = CAST(json_build_array(security_group_id) AS text) FROM port_security_groups WHERE port_number = ports.number;
