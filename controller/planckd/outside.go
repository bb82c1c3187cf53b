package main

import (
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/router"
	"github.com/planck-sdn/planck/controller/fabric"
	"github.com/planck-sdn/planck/controller/gateways"
	"github.com/planck-sdn/planck/controller/neighbours"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
)

// outside is what deals with external networks: their hosts, and the nodes that lead there; and with how physical switches reach each other.
type outside struct {
	resolver *neighbours.Resolver
	keeper   *gateways.Keeper
	fabric   *fabric.Keeper
	bounced  func(nonce uint64) // who else sends probes
	caught   func(model.Number, *pipeline.Caught)
}

// open makes the parts, before any switch can connect.
func (o *outside) open(db *store.Store, lldpKey []byte, view func() *topology.View, registry *nodes.Registry, now func() time.Time, log *zap.Logger) {
	o.resolver = neighbours.New(neighbours.Config{
		Store: db, View: view, Send: registry.Send, Pass: registry.Pass, Ask: router.Ask, Jitter: rand.N[time.Duration], Now: now, Log: log,
	})
	o.keeper = gateways.New(gateways.Config{
		Store: db, View: view, Connected: registry.Connected, Ping: registry.Ping, Send: registry.Send, Nonce: rand.Uint64, Now: now, Log: log,
	})
	o.fabric = fabric.New(fabric.Config{
		Store: db, Key: lldpKey, View: view, InStep: registry.InStep, Ping: registry.Ping, Send: registry.Send, Nonce: rand.Uint64, Now: now, Log: log,
	})
}

// followUp takes what apps have left to be done after a packet.
func (o *outside) followUp(node model.Number, reply pipeline.Reply) {
	o.resolver.Handle(node, reply)
	if reply.Bounced != 0 {
		o.keeper.Bounced(reply.Bounced)
		o.bounced(reply.Bounced)
	}
	if reply.Caught != nil {
		o.caught(node, reply.Caught)
	}
	if reply.LLDP != nil {
		o.fabric.Heard(node, reply.LLDP.Port, reply.LLDP.Frame)
	}
}
