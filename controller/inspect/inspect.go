// Package inspect answers what operators ask of the running controller.
package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/planck-sdn/planck/controller/cluster"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Inspector implements admin.Controller.
type Inspector struct {
	Store     *store.Store
	Follower  *cluster.Follower
	Masters   *cluster.Masters
	Registry  *nodes.Registry
	Replica   string
	Version   string
	Cloud     string
	StartedAt time.Time
	Now       func() time.Time
	Prober    Prober
	Catcher   Catcher

	checks  checks
	proved  proved
	samples samples
}

var _ admin.Controller = (*Inspector)(nil)

// askTimeout bounds how long a busy switch may take to tell about itself.
const askTimeout = 2 * time.Second

// Status sums up.
func (i *Inspector) Status(ctx context.Context) (admin.Status, error) {
	view := i.Follower.View()
	s := admin.Status{Replica: i.Replica, Version: i.Version, StartedAt: i.StartedAt, Cloud: i.Cloud,
		Database: i.Store.Dialect() + ", ok", Revision: view.Revision, Problems: []string{}}
	s.Networks, s.Subnets, s.Ports, s.NodesTotal = view.Counts()
	if err := i.Store.Ping(ctx); err != nil {
		s.Database = i.Store.Dialect() + ", " + err.Error()
		s.Problems = append(s.Problems, "database: "+err.Error())
	} else if err := i.Follower.Err(); err != nil {
		s.Problems = append(s.Problems, "journal: "+err.Error())
	}
	s.Replicas, s.NotActive = []admin.Replica{}, []admin.NotActive{}
	if len(s.Problems) == 0 { // else the database has nothing to say
		if err := i.fromDatabase(ctx, &s); err != nil {
			s.Problems = append(s.Problems, "database: "+err.Error())
		}
	}
	list, err := i.Nodes(ctx)
	if err != nil {
		return s, err
	}
	for _, n := range list {
		if n.OpenFlowConnected {
			s.NodesConnected++
		}
		if n.State == string(reconcile.Ready) && n.ConfirmedRevision >= view.Revision {
			s.NodesConverged++
		}
		switch {
		case n.Problem != "":
			s.Problems = append(s.Problems, fmt.Sprintf("node %s: %s", n.Name, n.Problem))
		case n.State == string(reconcile.Away):
			s.Problems = append(s.Problems, fmt.Sprintf("node %s is not connected", n.Name))
		}
		if n.Frozen {
			s.Problems = append(s.Problems, fmt.Sprintf("node %s is frozen: changes are not sent to it (planckctl thaw --node %s)", n.Name, n.Name))
		}
		for _, q := range n.Quarantined {
			s.Problems = append(s.Problems, fmt.Sprintf("node %s: %s %s: %s", n.Name, q.Kind, q.ID, q.Reason))
		}
	}
	return s, nil
}

// fromDatabase adds what only the database knows.
func (i *Inspector) fromDatabase(ctx context.Context, s *admin.Status) error {
	replicas, err := i.Store.Replicas(ctx)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		s.Replicas = append(s.Replicas, admin.Replica(r))
	}
	return i.notActive(ctx, s)
}

// Wait blocks until every connected switch has confirmed what was committed before the call.
func (i *Inspector) Wait(ctx context.Context) (admin.Wait, error) {
	view, err := i.Follower.Sync(ctx)
	if err != nil {
		return admin.Wait{}, fmt.Errorf("following the database: %w", err)
	}
	w := admin.Wait{Revision: view.Revision}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if w.Left = i.left(view); len(w.Left) == 0 {
			w.Done = true
			return w, nil
		}
		select {
		case <-ctx.Done():
			return w, nil
		case <-tick.C:
		}
	}
}

// left lists the connected nodes that have not confirmed a version of the topology.
func (i *Inspector) left(want *topology.View) []string {
	left := []string{}
	i.Follower.View().Nodes(func(n *model.Node) {
		s := i.Registry.Switch(n.Number)
		if s == nil {
			left = append(left, n.Hostname)
			return
		}
		if s.Connection() == nil {
			return
		}
		if c := s.Confirmed(); c == nil || c.Version < want.Version {
			left = append(left, n.Hostname)
		}
	})
	return left
}

// node finds a node's row by hostname or system-id.
func (i *Inspector) node(name string) (*model.Node, error) {
	var found *model.Node
	i.Follower.View().Nodes(func(n *model.Node) {
		if n.Hostname == name || n.SystemID == name {
			found = n
		}
	})
	if found == nil {
		return nil, model.Errorf(404, "NodeNotFound", "Node %s could not be found.", name)
	}
	return found, nil
}

// Reconcile has a node's switch read back and mended.
func (i *Inspector) Reconcile(ctx context.Context, name string, force bool) error {
	n, err := i.node(name)
	if err != nil {
		return err
	}
	s := i.Registry.Switch(n.Number)
	if s == nil {
		return model.Errorf(409, "NodeNotConnected", "Node %s has no switch yet.", name)
	}
	if err := s.Reconcile(ctx, force); err != nil {
		return model.Errorf(409, "ReconcileFailed", "Node %s was not reconciled: %s.", name, err)
	}
	return nil
}

// ForgetNode unpins a hostname.
func (i *Inspector) ForgetNode(ctx context.Context, name string) error {
	n, err := i.node(name)
	if err != nil {
		return err
	}
	if err := i.Store.ForgetNode(ctx, n.Number); err != nil {
		return err
	}
	return i.recheck(ctx)
}

// DeleteNode declares a node gone.
func (i *Inspector) DeleteNode(ctx context.Context, name string) error {
	n, err := i.node(name)
	if err != nil {
		return err
	}
	if err := i.Store.DeleteNode(ctx, n.Number); err != nil {
		return err
	}
	return i.recheck(ctx)
}

// recheck lets the attached nodes see what changed.
func (i *Inspector) recheck(ctx context.Context) error {
	_, err := i.Follower.Sync(ctx)
	i.Registry.Recheck()
	return err
}
