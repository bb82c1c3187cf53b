package explain

import (
	"fmt"
	"time"

	"github.com/planck-sdn/planck/model"
)

// objects says which objects an entry is for, whose they are, and since when they are there.
func (x *Explainer) objects(owners []model.Ref) string {
	names := make([]string, 0, len(owners))
	for i, ref := range owners {
		if i > 0 && ref == owners[i-1] { // another part of the same
			continue
		}
		names = append(names, x.owner(ref))
	}
	return and(names)
}

func (x *Explainer) owner(ref model.Ref) string {
	gone := fmt.Sprintf("%s number %d, which does not exist any more", ref.Kind, ref.Number)
	switch ref.Kind {
	case model.KindNode:
		if n := x.view.Node(ref.Number); n != nil {
			return fmt.Sprintf("node %s as a whole, and no tenant in particular", n.Hostname)
		}
	case model.KindNetwork:
		if n := x.view.Network(ref.Number); n != nil {
			return shortNetwork(n) + details(n.ID, n.ProjectID, n.CreatedAt)
		}
	case model.KindSubnet:
		if s := x.view.Subnet(ref.Number); s != nil {
			return "subnet " + orID(s.Name, s.CIDR.String()) + details(s.ID, s.ProjectID, s.CreatedAt)
		}
	case model.KindPort:
		if p := x.view.Port(ref.Number); p != nil {
			return x.portName(p) + details(p.ID, p.ProjectID, p.CreatedAt)
		}
	case model.KindRouter:
		if r := x.view.Router(ref.Number); r != nil {
			return routerName(r) + details(r.ID, r.ProjectID, r.CreatedAt)
		}
	case model.KindFloatingIP:
		if f := x.view.FloatingIP(ref.Number); f != nil {
			return "floating IP " + f.Address.String() + x.standsFor(f) + details(f.ID, f.ProjectID, f.CreatedAt)
		}
	case model.KindSecurityGroup:
		if g := x.view.SecurityGroup(ref.Number); g != nil {
			return "security group " + orID(g.Name, g.ID) + details(g.ID, g.ProjectID, g.CreatedAt)
		}
	case model.KindNeighbour:
		if n := x.view.Neighbour(ref.Number); n != nil {
			text := fmt.Sprintf("the host outside at %s", n.Address)
			if r := x.view.RouterByID(n.RouterID); r != nil {
				text += ", found by " + routerName(r) + details(r.ID, r.ProjectID, n.UpdatedAt)
			}
			return text
		}
	}
	return gone
}

func (x *Explainer) standsFor(f *model.FloatingIP) string {
	if p := x.view.PortByID(f.PortID); p != nil {
		return fmt.Sprintf(" of %s at %s", x.portName(p), f.FixedIP)
	}
	return ""
}

// details are an object's id, its tenant, and when it came.
func details(id, project string, since time.Time) string {
	text := " (id " + id
	if project != "" {
		text += ", of project " + project
	}
	if !since.IsZero() {
		text += ", there since " + since.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return text + ")"
}
