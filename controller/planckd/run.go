package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/controller/admission"
	"github.com/planck-sdn/planck/controller/cluster"
	"github.com/planck-sdn/planck/controller/inspect"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/status"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/northbound/api"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/southbound/ovsdb"
)

// shutdownTimeout is how long requests that are under way may take at the end.
const shutdownTimeout = 5 * time.Second

// run wires the parts and serves until ctx ends. Switches keep forwarding afterwards.
func run(ctx context.Context, s *settings, log *zap.Logger) error {
	options, err := s.storeOptions(log)
	if err != nil {
		return err
	}
	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return err
	}
	authenticator, err := s.authenticator(log)
	if err != nil {
		return err
	}
	replica := s.replica
	if replica == "" {
		if replica, err = os.Hostname(); err != nil {
			return err
		}
	}
	var admit atomic.Pointer[admission.Admission] // none before there is a topology
	options.AdmitPort = func(_ context.Context, port *model.Port, network *model.Network) error {
		if a := admit.Load(); a != nil {
			return a.Admit(port, network)
		}
		return nil
	}
	db, err := store.Open(ctx, s.database, options)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { _ = db.Close() }()
	lldpKey, err := db.LLDPKey(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	follower, err := cluster.NewFollower(ctx, db, log)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	masters := cluster.NewMasters(db, replica, log)
	statuses := status.NewWriter(db, follower.View, log)
	outside := &outside{}
	registry := nodes.New(ctx, nodes.Config{
		Store: db, Masters: masters, Apps: apps.All(), Log: log, Now: options.Source.Now, Status: statuses.Note,
		FollowUp: outside.followUp, Metered: l2.Metered, Hush: l2.Hush, Hold: l2.Hold, Cloud: db.CloudID(), Target: s.target, TunnelUDPPort: s.tunnelPort,
	}, follower.View)
	outside.open(db, lldpKey, follower.View, registry, options.Source.Now, log)
	admit.Store(admission.New(admission.Config{Apps: apps.All(), View: follower.View, Standing: registry.Standing, Now: options.Source.Now}))
	horizons := cluster.NewReclaimer(db, log, func() map[model.Number]uint64 { return registry.Horizons() })
	inspector := &inspect.Inspector{Store: db, Follower: follower, Masters: masters, Registry: registry,
		Replica: replica, Version: version, Cloud: db.CloudID(), StartedAt: options.Source.Now(), Now: options.Source.Now}
	outside.bounced, outside.caught = inspector.Prober.Bounced, inspector.Catcher.Caught

	notifier, err := s.notifier(db, replica, authenticator, options.Source.Now, log)
	if err != nil {
		return err
	}

	var g group
	g.ctx, g.stop = ctx, stop
	openFlow, err := g.listen(s.listenOpenFlow, tlsConfig)
	if err != nil {
		return err
	}
	ovsDB, err := g.listen(s.listenOVSDB, tlsConfig)
	if err != nil {
		return err
	}
	apiListener, err := g.listen(s.listenAPI, tlsConfig)
	if err != nil {
		return err
	}
	handler := api.New(db, authenticator, api.Options{Log: log, Alive: inspector.Alive, Now: options.Source.Now, More: func(r gin.IRouter) {
		admin.Routes(r, inspector, api.AdminOnly)
	}})

	g.loop(func() {
		follower.Run(ctx, func(v *topology.View, touches []topology.Touch) {
			registry.Apply(v, touches)
			outside.keeper.Changed()
			outside.fabric.Changed()
		})
	})
	g.loop(func() { masters.Run(ctx, registry.Lost) })
	g.loop(func() { statuses.Run(ctx) })
	g.loop(func() { outside.resolver.Run(ctx) })
	g.loop(func() { outside.keeper.Run(ctx) })
	g.loop(func() { outside.fabric.Run(ctx) })
	g.loop(func() { horizons.Run(ctx) })
	if notifier != nil {
		g.loop(func() { notifier.Run(ctx) })
	}
	g.serve("OpenFlow", func() error {
		return openflow.NewServer(openflow.Config{Log: log, Admit: registry.Admit}, registry.OpenFlow()).Serve(ctx, openFlow)
	})
	g.serve("OVSDB", func() error {
		return ovsdb.NewServer(ovsdb.Config{Logger: log}, registry.OVSDB()).Serve(ctx, ovsDB)
	})
	g.http("API", api.NewHTTPServer(handler), apiListener)
	if err := s.serveMetrics(&g, follower, metricsOf(follower, registry, statuses, outside, inspector, notifier)...); err != nil {
		return err
	}
	if err := s.servePprof(&g); err != nil {
		return err
	}
	log.Info("planckd runs", zap.String("version", version), zap.String("replica", replica), zap.String("cloud", db.CloudID()),
		zap.Stringer("api", apiListener.Addr()), zap.Stringer("openflow", openFlow.Addr()), zap.Stringer("ovsdb", ovsDB.Addr()),
		zap.Int64("revision", follower.View().Revision))
	err = g.wait()
	registry.Wait()
	return err
}

// group runs the daemon's parts: when one fails, all end.
type group struct {
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu  sync.Mutex
	err error
}

func (g *group) loop(f func()) { g.wg.Go(f) }

func (g *group) serve(name string, f func() error) {
	g.wg.Go(func() {
		if err := f(); err != nil && g.ctx.Err() == nil {
			g.mu.Lock()
			g.err = errors.Join(g.err, fmt.Errorf("%s: %w", name, err))
			g.mu.Unlock()
			g.stop()
		}
	})
}

func (g *group) http(name string, server *http.Server, l net.Listener) {
	g.serve(name, func() error { return server.Serve(l) })
	g.loop(func() {
		<-g.ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		_ = server.Shutdown(ctx)
		_ = server.Close()
	})
}

func (g *group) wait() error {
	g.wg.Wait()
	return g.err
}
