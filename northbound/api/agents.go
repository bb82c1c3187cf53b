package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// agent is a node as those see it who look for Neutron's agents. There is no agent: what runs on the node is Open vSwitch.
type agent struct {
	*model.Node
	id    string
	alive bool
	seen  time.Time // alive: now
}

const agentType = "Open vSwitch agent"

// agents declares the nodes under the name that they have in Neutron (Neutron API reference, "Agents").
func agents(b backend) *Resource[agent] {
	constant := func(v string) Value[agent] { return computed(text, func(*agent) string { return v }) }
	r := &Resource[agent]{
		Name: "agent", Collection: "agents", Title: "Agent", Read: Admin, Delete: Admin,
		ID: func(a *agent) string { return a.id },
		Attributes: []Attribute[agent]{
			{Name: "id", Value: computed(identifier, func(a *agent) string { return a.id }), Get: Anyone, Filter: true, Sort: true},
			{Name: "agent_type", Value: constant(agentType), Get: Anyone, Filter: true, Sort: true},
			{Name: "binary", Value: constant("ovs-vswitchd"), Get: Anyone, Filter: true, Sort: true},
			{Name: "topic", Value: constant("N/A"), Get: Anyone, Filter: true, Sort: true},
			{Name: "host", Value: computed(text, func(a *agent) string { return a.Hostname }), Get: Anyone, Filter: true, Sort: true},
			{Name: "availability_zone", Value: constant(availabilityZone), Get: Anyone, Filter: true, Sort: true},
			{Name: "admin_state_up", Value: computed(boolean, func(*agent) bool { return true }), Get: Anyone, Filter: true, Sort: true},
			{Name: "alive", Value: computed(boolean, func(a *agent) bool { return a.alive }), Get: Anyone, Filter: true, Sort: true},
			{Name: "created_at", Value: computed(agentTime, func(a *agent) time.Time { return a.CreatedAt }), Get: Anyone},
			{Name: "started_at", Value: computed(agentTime, func(a *agent) time.Time { return a.CreatedAt }), Get: Anyone},
			{Name: "heartbeat_timestamp", Value: computed(agentTime, func(a *agent) time.Time { return a.seen }), Get: Anyone},
			{Name: "description", Value: constant(""), Get: Anyone},
			{Name: "configurations", Value: computed(object, (*agent).configurations), Get: Anyone},
			{Name: "resources_synced", Value: computed(boolean, func(*agent) bool { return true }), Get: Anyone},
		},
	}
	r.Store = b.agents(r)
	return r
}

// agentTime is UTC to the second, as Neutron writes the times of agents, and of nothing else: gophercloud reads no other form here.
var agentTime = Type[time.Time]{
	Append: func(dst []byte, t time.Time) []byte {
		return append(t.UTC().AppendFormat(append(dst, '"'), time.DateTime), '"')
	},
	Schema: schema{"type": "string"},
}

func (a *agent) configurations() map[string]any {
	mappings := map[string]any{}
	for _, m := range a.Mappings {
		mappings[m.PhysicalNetwork] = m.Bridge
	}
	c := map[string]any{"bridge_mappings": mappings, "datapath_type": a.DatapathType, "devices": len(a.Interfaces), "integration_bridge": "br-int", "tunnel_types": []any{}}
	if a.EncapIP.IsValid() {
		c["tunnel_types"], c["tunneling_ip"] = []any{model.NetworkVXLAN}, a.EncapIP.String()
	}
	return c
}

// agentID is the node's system-id where that is a UUID, as Open vSwitch makes them, or else made of it.
func agentID(systemID string) string {
	if id, err := uuid.Parse(systemID); err == nil {
		return id.String()
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(systemID)).String()
}

func (b backend) agents(r *Resource[agent]) Operations[agent] {
	all := func(ctx context.Context) ([]*agent, error) {
		nodes, err := b.Nodes(ctx)
		if err != nil {
			return nil, err
		}
		list := make([]*agent, len(nodes))
		for i, n := range nodes {
			list[i] = &agent{Node: n, id: agentID(n.SystemID), seen: n.UpdatedAt}
			if b.alive(n.Number) {
				list[i].alive, list[i].seen = true, b.now()
			}
		}
		return list, nil
	}
	get := func(ctx context.Context, id string) (*agent, error) {
		list, err := all(ctx)
		for _, a := range list {
			if a.id == id {
				return a, nil
			}
		}
		if err == nil {
			err = r.notFound(id)
		}
		return nil, err
	}
	return Operations[agent]{
		Get: get,
		List: func(ctx context.Context, q store.Query) ([]*agent, error) {
			list, err := all(ctx)
			if err != nil {
				return nil, err
			}
			return inMemory(r, list, q)
		},
		// Delete declares a node gone that is not there any more.
		Delete: func(ctx context.Context, id string) error {
			a, err := get(ctx, id)
			if err != nil {
				return err
			}
			if a.alive {
				return model.Errorf(http.StatusConflict, "AgentInUse", "Agent %s is alive: its node is attached.", id)
			}
			return b.DeleteNode(ctx, a.Number)
		},
	}
}
